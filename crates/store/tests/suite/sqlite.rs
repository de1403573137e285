//! What only the embedded database has to do.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};
use tagalong_core::problem::Problem;
use tagalong_store::{Database, Departure, Store};

use crate::people::{PLACES, START, at, join, names, open as open_session, person, refusal};
use crate::races::race;

fn file(home: &Path) -> PathBuf {
    home.join("tagalong.db")
}

/// A store in a directory.
pub(crate) async fn open(home: &Path) -> Store {
    at_file(file(home)).await.unwrap()
}

async fn at_file(file: PathBuf) -> Result<Store, tagalong_store::StoreError> {
    Store::open(&Database::Sqlite(file), 4, &tagalong_platform::clock::Clock::system()).await
}

/// A connection past the store. It leaves the journal mode as it finds it.
pub(crate) async fn beside(home: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file(home)).connect().await.unwrap()
}

async fn count(connection: &mut SqliteConnection, table: &'static str) -> i64 {
    let sql = match table {
        "sessions" => "SELECT count(*) FROM sessions",
        _ => "SELECT count(*) FROM participants",
    };
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn everything_is_there_after_closing_and_opening_again() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let id = open_session(&store, 1).await;
    join(&store, id, "a").await;
    let ended = open_session(&store, 2).await;
    store.end(ended, START).await.unwrap();
    let before = store.participants(id, START).await.unwrap();
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.participants(id, START).await.unwrap(), before);
    assert_eq!(refusal(store.session(ended, START).await), Problem::SessionEnded);
    join(&store, id, "b").await;
    assert_eq!(names(&store, id, START).await, ["a", "b"]);
}

#[tokio::test]
async fn who_was_there_before_looks_were_unique_is_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let (id, other) = (open_session(&store, 1).await, open_session(&store, 2).await);
    for name in ["Ada", "x", "y", "gone"] {
        join(&store, id, name).await;
    }
    join(&store, other, "Ada2").await;
    store.leave(id, &crate::people::user("gone"), Departure::Left, START).await.unwrap();
    store.close().await;
    // The file as the version before left it.
    let before = "DROP INDEX idx_participants_trackers;
        ALTER TABLE participants DROP COLUMN tracker_generation;
        ALTER TABLE sessions DROP COLUMN location_ttl_seconds;
        ALTER TABLE sessions DROP COLUMN tracker_ids;
        ALTER TABLE sessions DROP COLUMN watch_generation;
        DROP INDEX idx_participants_name;
        DROP INDEX idx_participants_skeleton;
        ALTER TABLE participants DROP COLUMN name_look;
        ALTER TABLE participants DROP COLUMN name_skeleton;
        CREATE UNIQUE INDEX idx_participants_name ON participants (session_id, display_name) WHERE is_active = 1;
        DELETE FROM _sqlx_migrations WHERE version > 1;
        UPDATE participants SET display_name = 'ADA' WHERE display_name IN ('x', 'gone', 'Ada2');
        UPDATE participants SET display_name = 'ada (2)' WHERE display_name = 'y'";
    sqlx::raw_sql(before).execute(&mut beside(home.path()).await).await.unwrap();
    for _ in 0..2 {
        let store = open(home.path()).await;
        assert_eq!(names(&store, id, START).await, ["Ada", "ADA (2)", "ada (2) (2)"]);
        assert_eq!(names(&store, other, START).await, ["ADA"]);
        let again = tagalong_store::NewParticipant { user_id: crate::people::user("new"), ..person("aDA") };
        assert_eq!(refusal(store.join(id, again, PLACES, START).await), Problem::DisplayNameTaken);
        store.close().await;
    }
}

#[tokio::test]
async fn who_was_there_before_lookalikes_were_known_is_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let id = open_session(&store, 1).await;
    for name in ["Anna", "x", "y"] {
        join(&store, id, name).await;
    }
    store.close().await;
    // Rows as a program wrote them that knew no skeletons; the last with the look that the second should have.
    let before = "UPDATE participants SET name_skeleton = NULL;
        UPDATE participants SET display_name = '\u{410}nna', name_look = '\u{430}nna' WHERE display_name = 'x';
        UPDATE participants SET display_name = 'Anna (2)', name_look = 'anna (2)' WHERE display_name = 'y'";
    sqlx::raw_sql(before).execute(&mut beside(home.path()).await).await.unwrap();
    for _ in 0..2 {
        let store = open(home.path()).await;
        assert_eq!(names(&store, id, START).await, ["Anna", "\u{410}nna (2)", "Anna (2) (2)"]);
        let display_name = tagalong_core::participant::DisplayName::parse("Ann\u{430}").unwrap();
        let new = tagalong_store::NewParticipant { display_name, ..person("new") };
        assert_eq!(refusal(store.join(id, new, PLACES, START).await), Problem::DisplayNameTaken);
        store.close().await;
    }
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    store.close().await;
    assert_eq!(refusal(store.ping().await), Problem::Unavailable);
    assert_eq!(refusal(store.create_session(&crate::people::new_session(1)).await), Problem::Unavailable);
}

#[tokio::test]
async fn the_log_is_written_ahead_and_the_file_is_private() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    open_session(&store, 1).await;
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut beside(home.path()).await).await.unwrap();
    assert_eq!(mode, "wal");
    let mut files = 0;
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log, and the log's index");
}

#[tokio::test]
async fn participants_go_with_their_session() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    for number in [1, 2] {
        let id = open_session(&store, number).await;
        join(&store, id, "a").await;
        join(&store, id, "b").await;
    }
    store.end(crate::people::session_id(1), at(1)).await.unwrap();
    // Only the store's own foreign keys can take the participants along.
    assert_eq!(store.purge(at(2)).await.unwrap(), 1);
    let mut beside = beside(home.path()).await;
    assert_eq!(count(&mut beside, "sessions").await, 1);
    assert_eq!(count(&mut beside, "participants").await, 2);
}

#[tokio::test]
async fn another_writer_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let id = open_session(&store, 1).await;
    let mut beside = beside(home.path()).await;
    let held = beside.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let joining = tokio::spawn({
        let store = store.clone();
        async move { store.join(id, person("a"), PLACES, START).await }
    });
    // Readers wait for nobody.
    assert!(names(&store, id, START).await.is_empty());
    held.rollback().await.unwrap();
    joining.await.unwrap().unwrap();
    assert_eq!(names(&store, id, START).await, ["a"]);
}

#[tokio::test]
async fn two_stores_on_one_file_keep_the_places() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (open(home.path()).await, open(home.path()).await);
    let id = open_session(&first, 1).await;
    let (won, lost) = race((0..100).map(|number| {
        let store = if number % 2 == 0 { first.clone() } else { second.clone() };
        async move { store.join(id, person(&number.to_string()), 50, START).await }
    }))
    .await;
    // No call fails because the database is busy, as a transaction that reads first and writes later would.
    assert_eq!((won, lost), (50, vec![Problem::SessionFull; 50]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_are_made_once_when_several_start_at_once() {
    for _ in 0..10 {
        let home = tempfile::tempdir().unwrap();
        // Not quite a new file: to turn its log on, which SQLite does not wait for, is not what is tested.
        let options = SqliteConnectOptions::new().filename(file(home.path())).create_if_missing(true);
        let empty = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
        let starts = (0..4).map(|_| {
            let file = file(home.path());
            at_file(file)
        });
        assert_eq!(race(starts).await, (4, vec![]));
        empty.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let text = "not a database, but something dear to somebody ".repeat(100);
    std::fs::write(file(home.path()), &text).unwrap();
    assert_eq!(refusal(at_file(file(home.path())).await), Problem::Unavailable);
    assert_eq!(std::fs::read_to_string(file(home.path())).unwrap(), text);
    let nowhere = home.path().join("missing/tagalong.db");
    assert_eq!(refusal(at_file(nowhere).await), Problem::Unavailable);
}
