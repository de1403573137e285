//! Databases that replaced systems left behind become ours, with all that is in them.

use sqlx::postgres::PgConnection;
use sqlx::{Executor, Row};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::DisplayName;
use tagalong_core::problem::Problem;
use tagalong_core::time::Timestamp;
use tagalong_store::{NewSession, SessionChange, Store};

use crate::people::{PLACES, new_session, person, refusal};
use crate::postgres::at_url;
use crate::races::race;
use crate::server::{connect, shared};

const ECTO: &str = include_str!("fixtures/ecto.sql");
const SIBLING: &str = include_str!("fixtures/sibling.sql");

async fn left_behind(sql: &'static str) -> (String, PgConnection) {
    let url = shared().database().await;
    let mut beside = connect(&url).await;
    sqlx::raw_sql(sql).execute(&mut beside).await.unwrap();
    (url, beside)
}

fn id(digit: char) -> SessionId {
    let text: String = "11111111-1111-4111-8111-111111111111"
        .chars()
        .map(|char| if char == '1' { digit } else { char })
        .collect();
    SessionId::parse(&text).unwrap()
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn noon() -> Timestamp {
    time("2026-11-18T12:00:00Z")
}

async fn shown(store: &Store, session: SessionId) -> Vec<(String, String, String, String)> {
    let (_, present) = store.participants(session, noon()).await.unwrap();
    let text = |one: &tagalong_store::ParticipantRecord| {
        let profile = &one.profile;
        let words = [profile.user_id.as_str(), profile.display_name.as_str(), profile.avatar_color.as_str()];
        let [user, name, color] = words.map(str::to_owned);
        (user, name, color, one.last_seen.to_string())
    };
    present.iter().map(text).collect()
}

fn rows(expected: &[[&str; 4]]) -> Vec<(String, String, String, String)> {
    expected.iter().map(|row| row.map(str::to_owned).into()).collect()
}

/// Columns, constraints, indexes and triggers of the two tables, but for columns that we do not know.
async fn schema(connection: &mut PgConnection) -> Vec<String> {
    let rows = connection
        .fetch_all(
            "SELECT format('%s.%s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
                        attnotnull, attidentity, pg_get_expr(adbin, adrelid)) AS line
             FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
             WHERE attrelid IN ('sessions'::regclass, 'participants'::regclass) AND attnum > 0
               AND NOT attisdropped AND attname <> 'updated_at'
             UNION ALL
             SELECT pg_get_constraintdef(oid) FROM pg_constraint
             WHERE conrelid IN ('sessions'::regclass, 'participants'::regclass) AND contype <> 'n'
             UNION ALL
             SELECT pg_get_indexdef(indexrelid) FROM pg_index
             WHERE indrelid IN ('sessions'::regclass, 'participants'::regclass)
             UNION ALL
             SELECT pg_get_triggerdef(oid) FROM pg_trigger
             WHERE tgrelid IN ('sessions'::regclass, 'participants'::regclass) AND NOT tgisinternal
             ORDER BY line",
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get("line")).collect()
}

#[tokio::test]
async fn ectos_tables_with_all_that_is_in_them() {
    let (url, _) = left_behind(ECTO).await;
    let store = at_url(&url).await.unwrap();
    let alps = store.session(id('1'), noon()).await.unwrap();
    assert_eq!(alps.name.as_ref().map(|name| name.as_str()), Some("Alps"));
    assert_eq!(
        (alps.created_at, alps.expires_at),
        (time("2026-11-18T11:00:00Z"), time("2026-11-18T13:00:00Z"))
    );
    assert_eq!((alps.participant_count, alps.locked), (3, false));
    // In order of joining; what our rules would refuse is shown as near as can be.
    let people = [
        ["user_k3Jx-9_aQ", "Zoë", "#a1B2c3", "2026-11-18T11:49:00.000Z"],
        ["6f1c9a52-7a53-4f0e-9a0a-1f0c0c9f5a11", "Tab", "#FF5733", "2026-11-18T11:48:00.000Z"],
        ["user_3", "Third", "#FF5733", "2026-11-18T11:50:00.000Z"],
    ];
    assert_eq!(shown(&store, id('1')).await, rows(&people));
    // Without an end it had the longest life.
    let endless = store.session(id('2'), noon()).await.unwrap();
    assert_eq!(endless.expires_at, time("2026-11-19T11:00:00Z"));
    assert_eq!(endless.name.as_ref().map(|name| name.as_str()), Some("No end"));
    assert_eq!(refusal(store.session(id('3'), noon()).await), Problem::SessionExpired);
}

#[tokio::test]
async fn the_siblings_tables_with_all_that_is_in_them() {
    let (url, mut beside) = left_behind(SIBLING).await;
    let store = at_url(&url).await.unwrap();
    let alps = store.session(id('1'), noon()).await.unwrap();
    assert_eq!(
        (alps.created_at, alps.expires_at),
        (time("2026-11-18T11:00:00.5Z"), time("2026-11-18T13:00:00Z"))
    );
    // Three of one name are told apart, the first keeps it.
    let people = [
        ["user_1", "Ada", "#FF5733", "2026-11-18T11:49:00.000Z"],
        ["user_2", "Ada (2)", "#a1B2c3", "2026-11-18T11:02:00.000Z"],
        ["user_3", "Ada (2) (3)", "#FF5733", "2026-11-18T11:50:00.000Z"],
    ];
    assert_eq!(shown(&store, id('1')).await, rows(&people));
    let functions: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_proc WHERE proname = 'update_session_activity'")
            .fetch_one(&mut beside)
            .await
            .unwrap();
    assert_eq!(functions, 0);
    let creator: Option<sqlx::types::Uuid> =
        sqlx::query_scalar("SELECT creator_id FROM sessions WHERE name = 'Alps'")
            .fetch_one(&mut beside)
            .await
            .unwrap();
    assert_eq!(creator.unwrap().to_string(), "aaaaaaaa-1111-4111-8111-111111111111");
}

#[tokio::test]
async fn many_of_one_long_name_are_told_apart() {
    let (url, mut beside) = left_behind(SIBLING).await;
    beside
        .execute(
            "INSERT INTO participants (session_id, user_id, display_name)
             SELECT '11111111-1111-4111-8111-111111111111', 'user_long' || n,
                    CASE n % 3 WHEN 0 THEN repeat('x', 100) WHEN 1 THEN repeat('x', 88) || ' (2)' ELSE repeat('x', 99) END
             FROM generate_series(1, 30) AS n",
        )
        .await
        .unwrap();
    let store = at_url(&url).await.unwrap();
    let people = shown(&store, id('1')).await;
    let mut names: Vec<_> = people.iter().map(|row| &row.1).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((people.len(), names.len()), (33, 33));
}

#[tokio::test]
async fn names_that_look_the_same_are_told_apart() {
    let (url, mut beside) = left_behind(ECTO).await;
    // Theirs were the same only when every byte was.
    beside
        .execute(
            "UPDATE participants SET display_name = 'zoe' || chr(776) WHERE user_id = 'user_3';
             UPDATE participants SET display_name = 'Z0Ë' WHERE user_id = 'user_4'",
        )
        .await
        .unwrap();
    for _ in 0..2 {
        let store = at_url(&url).await.unwrap();
        let people = shown(&store, id('1')).await;
        let names: Vec<_> = people.iter().map(|row| row.1.as_str()).collect();
        assert_eq!(names, ["Zoë", "Tab", "zoë (2)"]);
        let display_name = DisplayName::parse("ZOË").unwrap();
        let again = tagalong_store::NewParticipant { display_name, ..person("again") };
        assert_eq!(refusal(store.join(id('1'), again, PLACES, noon()).await), Problem::DisplayNameTaken);
        store.close().await;
    }
}

#[tokio::test]
async fn whatever_it_was_the_tables_are_the_same_after_it() {
    let fresh = shared().database().await;
    at_url(&fresh).await.unwrap();
    let fresh = schema(&mut connect(&fresh).await).await;
    assert!(fresh.len() > 20, "{fresh:#?}");
    for sql in [ECTO, SIBLING] {
        let (url, mut beside) = left_behind(sql).await;
        at_url(&url).await.unwrap();
        assert_eq!(schema(&mut beside).await, fresh);
    }
}

#[tokio::test]
async fn everything_works_in_what_was_taken_over() {
    for sql in [ECTO, SIBLING] {
        let (url, _) = left_behind(sql).await;
        let store = at_url(&url).await.unwrap();
        store.create_session(&NewSession { created_at: noon(), ..new_session(9) }).await.unwrap();
        let (_, profile) = store.join(id('1'), person("new"), PLACES, noon()).await.unwrap();
        assert_eq!(shown(&store, id('1')).await.last().unwrap().0, profile.user_id.as_str());
        // The name of somebody who left is free: the old index had kept it for ever.
        let again =
            tagalong_store::NewParticipant { user_id: UserId::from_random([7; 16]), ..person("Gone") };
        store.join(id('1'), again, PLACES, noon()).await.unwrap();
        let seen = (id('1'), UserId::restore("user_3"), noon());
        store.save_seen(&[seen]).await.unwrap();
        assert!(store.update(id('1'), &SessionChange::default(), noon()).await.is_ok());
        let silent = store.time_out_participants(time("2026-11-18T11:49:30Z")).await.unwrap();
        assert_eq!(silent.len(), 2, "{silent:?}");
        store.end(id('1'), noon()).await.unwrap();
        assert!(store.purge(time("2026-11-18T12:00:01Z")).await.unwrap() >= 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_however_many_start_at_once_and_however_often() {
    for sql in [ECTO, SIBLING] {
        let (url, mut beside) = left_behind(sql).await;
        let starts = (0..4).map(|_| {
            let url = url.clone();
            async move { at_url(&url).await }
        });
        assert_eq!(race(starts).await, (4, vec![]));
        let before = schema(&mut beside).await;
        let store = at_url(&url).await.unwrap();
        assert_eq!(schema(&mut beside).await, before);
        assert_eq!(store.session(id('1'), noon()).await.unwrap().participant_count, 3);
    }
}

#[tokio::test]
async fn another_programs_tables_are_left_alone() {
    let (url, mut beside) = left_behind("CREATE TABLE sessions (id serial PRIMARY KEY, cart text)").await;
    assert_eq!(refusal(at_url(&url).await), Problem::Unavailable);
    // Nothing of ours has stayed either.
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&mut beside)
        .await
        .unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_takeover_that_fails_leaves_everything_as_it_was() {
    let (url, mut beside) = left_behind(ECTO).await;
    // A view of theirs needs the old type of a column: nothing can be changed under it.
    beside.execute("CREATE VIEW report AS SELECT created_at FROM sessions").await.unwrap();
    let before = schema(&mut beside).await;
    assert_eq!(refusal(at_url(&url).await), Problem::Unavailable);
    assert_eq!(schema(&mut beside).await, before);
    beside.execute("DROP VIEW report").await.unwrap();
    at_url(&url).await.unwrap();
}
