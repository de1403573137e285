//! Nobody finds in a database, nor in its files, who was in a session that is over.

use std::path::Path;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName};
use tagalong_core::problem::Problem;
use tagalong_core::session::SessionName;
use tagalong_store::{Departure, NewParticipant, NewSession, SessionChange, Store};

use crate::people::{LENGTH, PLACES, START, at, expire, refusal, session_id, until, user};

/// So many that pages of the file are split and joined.
const SESSIONS: u8 = 60;
const PEOPLE: usize = 12;
/// A part of each session's name, of its creator's id in both forms, and of each person's name, look, colour and id.
/// A look is a skeleton, in which an m is drawn as r and n.
const TRACES: [&str; 6] = ["Zugspitze", "c7c7c7c7", "Wilhelmina", "wilhelrnina", "#AbCdE0", "user_traceable"];
/// The same for a participant who leaves: the id stays for as long as the session is open.
const LEAVERS: [&str; 3] = ["Leopoldine", "leopoldine", "#FeDcB1"];

fn somebody(id: SessionId, person: usize) -> NewParticipant {
    let leaves = person.is_multiple_of(4);
    let (name, color) = if leaves { ("Leopoldine", "#FeDcB1") } else { ("Wilhelmina", "#AbCdE0") };
    NewParticipant {
        user_id: user(&format!("traceable{person}{id}")),
        display_name: DisplayName::parse(&format!(
            "{name} {person} {}",
            "of the mountains ".repeat(person % 4)
        ))
        .unwrap(),
        avatar_color: Some(AvatarColor::parse(color).unwrap()),
    }
}

fn ids() -> impl Iterator<Item = SessionId> {
    (1..=SESSIONS).map(session_id)
}

/// Full sessions, with some participants who leave or time out.
async fn live(store: &Store) {
    for id in ids() {
        let new = NewSession {
            id,
            name: SessionName::parse(&format!("Zugspitze {id}")).unwrap(),
            creator_id: UserId::from_random([0xc7; 16]),
            created_at: START,
            expires_at: START.plus(LENGTH),
            location_ttl: std::time::Duration::from_secs(30),
        };
        store.create_session(&new).await.unwrap();
        let name = SessionName::parse("Zugspitze again").unwrap();
        let change = SessionChange { name: Some(name), ..Default::default() };
        store.update(id, &change, START).await.unwrap();
    }
    for person in 0..PEOPLE {
        for id in ids() {
            let joins = at(if person == 8 { 0 } else { 100 });
            store.join(id, somebody(id, person), PLACES, joins).await.unwrap();
        }
    }
    for id in ids() {
        store.leave(id, &somebody(id, 0).user_id, Departure::Left, at(100)).await.unwrap();
        store.leave(id, &somebody(id, 4).user_id, Departure::Left, at(100)).await.unwrap();
    }
    assert_eq!(store.time_out_participants(at(50)).await.unwrap().len(), usize::from(SESSIONS));
    // What was seen before somebody left may be written after it.
    let seen: Vec<_> = ids().map(|id| (id, somebody(id, 0).user_id, at(101))).collect();
    store.save_seen(&seen).await.unwrap();
}

/// Each session ends in one of the ways that there are.
async fn end(store: &Store) {
    let (third, kept_alive) = (usize::from(SESSIONS) / 3, until(at(100_000)));
    for id in ids().take(third) {
        store.end(id, at(200)).await.unwrap();
    }
    for id in ids().skip(2 * third) {
        let change = SessionChange { expires_at: kept_alive, ..Default::default() };
        store.update(id, &change, at(200)).await.unwrap();
    }
    let long_ago = tagalong_core::time::Timestamp::from_millis(0);
    assert_eq!(expire(store, at(4_000), long_ago).await.len(), third);
    assert_eq!(expire(store, at(4_000), at(3_000)).await.len(), third);
}

/// What is to be answered is answered as before.
async fn is_refused(store: &Store) {
    for (number, id) in ids().enumerate() {
        let ended = number < usize::from(SESSIONS) / 3;
        let expected = if ended { Problem::SessionEnded } else { Problem::SessionExpired };
        assert_eq!(refusal(store.session(id, at(4_001)).await), expected);
        let somebody = somebody(id, 1).user_id;
        assert_eq!(refusal(store.leave(id, &somebody, Departure::Removed, at(4_001)).await), expected);
        assert_eq!(refusal(store.tracker(&somebody, at(4_001)).await), Problem::ParticipantNotFound);
    }
}

fn found<'a>(bytes: &[u8], traces: &[&'a str]) -> Vec<&'a str> {
    let text = String::from_utf8_lossy(bytes);
    traces.iter().copied().filter(|trace| text.contains(trace)).collect()
}

/// All that is in the files of a database.
fn files(home: &Path) -> Vec<u8> {
    let file = |suffix: &str| std::fs::read(home.join(format!("tagalong.db{suffix}"))).unwrap_or_default();
    [file(""), file("-wal"), file("-shm")].concat()
}

/// All rows of all tables.
async fn dump(beside: &mut PgConnection) -> Vec<u8> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&mut *beside)
            .await
            .unwrap();
    assert!(tables.len() >= 3, "{tables:?}");
    let mut rows = String::new();
    for table in tables {
        let all = AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t"));
        rows += &sqlx::query_scalar::<_, String>(all).fetch_one(&mut *beside).await.unwrap();
    }
    rows.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_the_embedded_database_tells_who_was_there() {
    let home = tempfile::tempdir().unwrap();
    let store = crate::sqlite::open(home.path()).await;
    live(&store).await;
    store.wipe().await.unwrap();
    assert_eq!(found(&files(home.path()), &TRACES), TRACES);
    assert_eq!(found(&files(home.path()), &LEAVERS), [""; 0], "of those who have left");
    end(&store).await;
    store.wipe().await.unwrap();
    assert_eq!(found(&files(home.path()), &TRACES), [""; 0], "of those whose session is over");
    is_refused(&store).await;
    assert_eq!(store.purge(at(5_000)).await.unwrap(), u64::from(SESSIONS));
    store.close().await;
    assert_eq!(found(&files(home.path()), &[&TRACES[..], &LEAVERS].concat()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_of_a_database_server_tells_who_was_there() {
    let url = crate::server::shared().database().await;
    let (store, mut beside) =
        (crate::postgres::at_url(&url).await.unwrap(), crate::server::connect(&url).await);
    live(&store).await;
    let rows = dump(&mut beside).await;
    assert_eq!(found(&rows, &TRACES), TRACES);
    assert_eq!(found(&rows, &LEAVERS), [""; 0], "of those who have left");
    end(&store).await;
    assert_eq!(found(&dump(&mut beside).await, &TRACES), [""; 0], "of those whose session is over");
    is_refused(&store).await;
}

/// Bytes that look random.
fn spread(number: u64) -> [u8; 16] {
    let mixed = |number: u64| {
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let halves = [mixed(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)), mixed(number.wrapping_add(1 << 40))];
    u128::from(halves[0]).rotate_left(64).wrapping_add(halves[1].into()).to_be_bytes()
}

/// What is overwritten as it is deleted is not all: rows move from page to page as there are more of them.
#[tokio::test(flavor = "multi_thread")]
async fn no_copy_is_left_of_rows_that_moved() {
    for seed in 0..4 {
        let home = tempfile::tempdir().unwrap();
        let store = crate::sqlite::open(home.path()).await;
        let ids: Vec<_> = (0..400).map(|number| spread(seed * 1_000 + number)).collect();
        let name = |bytes: [u8; 16]| {
            SessionName::parse(&format!("Zugspitze{}", "x".repeat(bytes[0].min(240).into())))
        };
        for bytes in &ids {
            let id = SessionId::from_random(*bytes);
            let name = name(*bytes).unwrap();
            store.create_session(&NewSession { id, name, ..crate::people::new_session(1) }).await.unwrap();
        }
        for bytes in ids.iter().rev() {
            let mut other = *bytes;
            other.rotate_left(1);
            let change = SessionChange { name: Some(name(other).unwrap()), ..Default::default() };
            store.update(SessionId::from_random(*bytes), &change, START).await.unwrap();
        }
        assert_eq!(expire(&store, at(4_000), START).await.len(), 400);
        store.wipe().await.unwrap();
        assert_eq!(found(&files(home.path()), &TRACES), [""; 0], "{seed}");
        store.close().await;
    }
}

#[tokio::test]
async fn somebody_who_reads_the_file_for_long_delays_that_and_no_more() {
    let home = tempfile::tempdir().unwrap();
    let store = crate::sqlite::open(home.path()).await;
    let id = crate::people::open(&store, 1).await;
    store.join(id, somebody(id, 1), PLACES, START).await.unwrap();
    let mut beside = crate::sqlite::beside(home.path()).await;
    let mut reading = beside.begin().await.unwrap();
    sqlx::query("SELECT * FROM participants").fetch_all(&mut *reading).await.unwrap();
    store.end(id, START).await.unwrap();
    assert_eq!(refusal(store.wipe().await), Problem::Unavailable);
    // Others go on meanwhile.
    crate::people::open(&store, 2).await;
    reading.rollback().await.unwrap();
    assert!(!found(&files(home.path()), &TRACES).is_empty());
    store.wipe().await.unwrap();
    assert_eq!(found(&files(home.path()), &TRACES), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_an_older_version_is_cleaned_once() {
    let home = tempfile::tempdir().unwrap();
    let store = crate::sqlite::open(home.path()).await;
    live(&store).await;
    store.close().await;
    // As a version left it that only marked what is over, and whose deletions freed pages as they were.
    let before = "PRAGMA secure_delete = OFF;
        UPDATE sessions SET is_active = 0, ended_at = expires_at;
        UPDATE participants SET display_name = 'Leopoldine', name_look = 'leopoldine', avatar_color = '#FeDcB1'
        WHERE is_active = 0;
        DELETE FROM participants WHERE sequence % 3 = 0;
        DELETE FROM sessions WHERE id > '1';
        DELETE FROM _sqlx_migrations WHERE version = 4;
        PRAGMA user_version = 0";
    let mut beside = crate::sqlite::beside(home.path()).await;
    sqlx::raw_sql(before).execute(&mut beside).await.unwrap();
    beside.close().await.unwrap();
    let all = [&TRACES[..], &LEAVERS].concat();
    assert_eq!(found(&files(home.path()), &all), all);
    for _ in 0..2 {
        let store = crate::sqlite::open(home.path()).await;
        store.wipe().await.unwrap();
        assert_eq!(found(&files(home.path()), &all), [""; 0]);
        store.close().await;
    }
    let version = "PRAGMA user_version";
    let mut beside = crate::sqlite::beside(home.path()).await;
    assert_eq!(sqlx::query_scalar::<_, i64>(version).fetch_one(&mut beside).await.unwrap(), 1);
}

#[tokio::test]
async fn of_a_replaced_system_nothing_is_kept_of_what_is_over() {
    let url = crate::server::shared().database().await;
    let mut beside = crate::server::connect(&url).await;
    sqlx::raw_sql(include_str!("fixtures/ecto.sql")).execute(&mut beside).await.unwrap();
    let (over, there) = (["Past", "user_5", "Gone"], ["Alps", "Third", "user_3", "user_4"]);
    assert_eq!(found(&dump(&mut beside).await, &over), over);
    crate::postgres::at_url(&url).await.unwrap().close().await;
    let rows = dump(&mut beside).await;
    assert_eq!(found(&rows, &over), [""; 0]);
    assert_eq!(found(&rows, &there), there);
}
