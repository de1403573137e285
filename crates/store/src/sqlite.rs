//! The embedded database: SQLite with a write-ahead log, one [`Writer`] and a pool of readers.
//!
//! `synchronous = NORMAL`: a killed process loses nothing, a power cut may lose the last moments, never the
//! file. A session lives a day at most; waiting for the disk at every join would cost more than it saves.

mod deletion;
mod departures;
mod stored;
mod tracker_ids;
mod writer;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::Row;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::json::to_json;
use tagalong_core::participant::Profile;
use tagalong_core::session::{Closed, Rejection, SessionName};
use tagalong_core::time::Timestamp;
use tagalong_platform::private_file;

use self::deletion::Wiper;
use self::writer::Writer;
use super::rules::{self, ConfusableKeys, SessionRow};
use super::{
    NewParticipant, NewSession, ParticipantRecord, Pool, SessionChange, SessionRecord, StoreError,
    TrackerRecord, TransactionError,
};

/// How long a statement waits for the lock of another process, such as a backup or `sqlite3`.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// How many times [`CONNECTION_PATIENCE`] the first connection may take: a machine that has just started is busy.
const START_TRIES: u32 = 5;
/// How long a caller waits for a connection.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(2);
/// What a reader keeps of the file, in KiB with a minus: little, since each write by another makes it forget all of it,
/// and a roster is read once.
const READER_CACHE: &str = "-256";
/// Rows of `last_seen` written in one transaction: others may write in between.
const SEEN_ROWS_PER_TRANSACTION: usize = 500;

/// The embedded database. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Sqlite {
    writer: Writer,
    readers: SqlitePool,
    wiper: Wiper,
}

impl Sqlite {
    /// Opens the database file, makes it if need be, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or is no database of ours.
    pub(super) async fn open(path: &Path, readers: u32) -> Result<Self, StoreError> {
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(LOCK_PATIENCE);
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(CONNECTION_PATIENCE)
        };
        // Deletions overwrite, instead of only marking places as free.
        let writing = options.clone().pragma("secure_delete", "ON");
        let writer = pool(1).connect_lazy_with(writing);
        first_connection(&writer).await?;
        check_version(&writer).await?;
        let is_new = deletion::is_new(&writer).await?;
        migrate(&writer).await?;
        deletion::wipe_once(&writer, is_new).await?;
        let wiper = Wiper::new(pool(1), options.clone());
        let reading = options.read_only(true).pragma("cache_size", READER_CACHE);
        let readers = pool(readers).connect_lazy_with(reading);
        first_connection(&readers).await?;
        Ok(Self { writer: Writer::new(writer), readers, wiper })
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    pub(super) fn pool(&self) -> Pool {
        let pools = [&self.readers, self.writer.pool()];
        let size: u32 = pools.iter().map(|pool| pool.size()).sum();
        let idle: usize = pools.iter().map(|pool| pool.num_idle()).sum();
        let max: u32 = pools.iter().map(|pool| pool.options().get_max_connections()).sum();
        Pool { used: (size as usize).saturating_sub(idle), idle, max: max as usize }
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        // Another process may have the file open, which would leave the log as it is.
        _ = self.wipe().await;
        self.wiper.close().await;
        self.writer.pool().close().await;
    }

    pub(super) async fn create_session(&self, new: &NewSession) -> Result<(), StoreError> {
        let new = new.clone();
        self.writer.write(move |write| async move { insert_session(write, &new).await }.boxed()).await
    }

    pub(super) async fn session(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<SessionRecord, TransactionError> {
        let mut connection = self.readers.acquire().await?;
        open_session(&mut connection, id, now).await
    }

    pub(super) async fn participants(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<(SessionRecord, Vec<ParticipantRecord>), TransactionError> {
        let mut read = self.readers.begin().await?;
        let session = open_session(&mut read, id, now).await?;
        let participants = active_participants(&mut read, id).await?;
        Ok((session, participants))
    }

    pub(super) async fn join(
        &self,
        id: SessionId,
        new: NewParticipant,
        places: usize,
        now: Timestamp,
    ) -> Result<(SessionRecord, Profile), TransactionError> {
        self.writer.write(move |write| join(write, id, new, places, now).boxed()).await
    }

    pub(super) async fn tracker(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<TrackerRecord, TransactionError> {
        let row = sqlx::query(
            "SELECT sessions.id, name, created_at, expires_at, sessions.is_active, ended_at, locked,
                    location_ttl_seconds, watch_generation, tracker_ids, participants.is_active AS is_in, tracker_generation
             FROM participants JOIN sessions ON sessions.id = session_id WHERE user_id = ?",
        )
        .bind(user.as_str())
        .fetch_optional(&self.readers)
        .await?
        .ok_or(Rejection::ParticipantNotFound)?;
        let session = session_row(&row, 0)?;
        let (is_in, generation) = (row.try_get("is_in")?, row.try_get("tracker_generation")?);
        rules::tracker(session, is_in, generation, row.try_get("tracker_ids")?, now)
    }

    pub(super) async fn revoke_trackers(&self, user: &UserId) -> Result<(), StoreError> {
        sqlx::query("UPDATE participants SET tracker_generation = tracker_generation + 1 WHERE user_id = ?")
            .bind(user.as_str())
            .execute(self.writer.pool())
            .await?;
        Ok(())
    }

    pub(super) async fn update(
        &self,
        id: SessionId,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<SessionRecord, TransactionError> {
        // A new name takes the place of an old one.
        let _deleting = change.name.is_some().then(|| self.wiper.deleting());
        let mut write = self.writer.begin().await?;
        let session = rules::changed(open_session(&mut write, id, now).await?, change);
        sqlx::query(
            "UPDATE sessions SET name = ?, expires_at = ?, locked = ?, watch_generation = ? WHERE id = ?",
        )
        .bind(session.name.as_ref().map(SessionName::as_str))
        .bind(session.expires_at.as_millis())
        .bind(session.locked)
        .bind(rules::integer(session.watch_generation))
        .bind(id.to_string())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(session)
    }

    pub(super) async fn save_seen(&self, seen: &[(SessionId, UserId, Timestamp)]) -> Result<(), StoreError> {
        for rows in seen.chunks(SEEN_ROWS_PER_TRANSACTION) {
            // All rows with one question: each is a turn of two threads, and a thousand people are in it.
            let rows: Vec<_> =
                rows.iter().map(|(session, user, at)| (session, user, at.as_millis())).collect();
            let rows = to_json(&rows);
            let mut write = self.writer.begin().await?;
            sqlx::query(
                "UPDATE participants SET last_seen = max(last_seen, seen.at)
                 FROM (SELECT value ->> 0 AS session_id, value ->> 1 AS user_id, max(value ->> 2) AS at
                       FROM json_each(?) GROUP BY 1, 2) AS seen
                 WHERE participants.session_id = seen.session_id AND participants.user_id = seen.user_id
                   AND is_active = 1",
            )
            .bind(&rows)
            .execute(&mut *write)
            .await?;
            sqlx::query(
                "UPDATE sessions SET last_activity = seen.at
                 FROM (SELECT value ->> 0 AS id, max(value ->> 2) AS at FROM json_each(?) GROUP BY 1) AS seen
                 WHERE sessions.id = seen.id AND is_active = 1 AND last_activity < seen.at",
            )
            .bind(&rows)
            .execute(&mut *write)
            .await?;
            write.commit().await?;
        }
        Ok(())
    }
}

async fn insert_session(write: &mut SqliteConnection, new: &NewSession) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sessions (id, name, created_at, expires_at, creator_id, last_activity, location_ttl_seconds)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(new.id.to_string())
    .bind(new.name.as_ref().map(SessionName::as_str))
    .bind(new.created_at.as_millis())
    .bind(new.expires_at.as_millis())
    .bind(new.creator_id.as_str())
    .bind(new.created_at.as_millis())
    .bind(rules::seconds(new.location_ttl))
    .execute(write)
    .await?;
    Ok(())
}

async fn join(
    write: &mut SqliteConnection,
    id: SessionId,
    new: NewParticipant,
    places: usize,
    now: Timestamp,
) -> Result<(SessionRecord, Profile), TransactionError> {
    // One row for all that are in: each row of its own would be a turn of the database's thread, and copied.
    let row = sqlx::query(
        "SELECT id, name, created_at, expires_at, sessions.is_active, ended_at, locked, location_ttl_seconds, watch_generation,
                count(user_id) AS present, group_concat(avatar_color) AS used
         FROM sessions LEFT JOIN participants ON session_id = id AND participants.is_active = 1
         WHERE id = ? GROUP BY id",
    )
    .bind(id.to_string())
    .fetch_optional(&mut *write)
    .await?
    .ok_or(Closed::NotFound)?;
    let present = row.try_get("present")?;
    let session = session_row(&row, present)?.open(now)?;
    let used = row.try_get::<Option<&str>, _>("used")?.unwrap_or_default().split(',');
    let profile = rules::admit(&session, present as usize, used, new, places)?;
    insert_participant(write, id, &profile, now).await.map_err(rules::name_taken)?;
    Ok((session, profile))
}

/// Makes a missing database file that only its owner may read, and takes one that exists from all others. SQLite
/// gives its log the same mode.
///
/// A file that exists is not opened: to close it again would give up the locks that this process holds on it.
fn make_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(unreadable(error)),
        _ => {}
    }
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        private_file::protect(Path::new(&file)).map_err(unreadable)?;
    }
    Ok(())
}

/// The flaw in older versions' log: two writers at once could corrupt the file.
async fn check_version(writer: &SqlitePool) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(writer).await?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    if [0; 3].map(|_: u32| parts.next().unwrap_or(0)) >= [3, 51, 3] {
        return Ok(());
    }
    let flaw = format!("SQLite {version} can corrupt its file: 3.51.3 or newer is needed");
    Err(StoreError::Unavailable(flaw.into()))
}

/// Brings the tables up to date. All in one transaction that has the lock from the start: somebody else who
/// starts now waits, and finds it done.
async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    let mut write = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::migrate!("src/migrations/sqlite").run_direct(None, &mut *write, false).await.map_err(unreadable)?;
    write_confusable_keys(&mut write).await?;
    Ok(write.commit().await?)
}

/// Opens the first connection of a pool.
async fn first_connection(pool: &SqlitePool) -> Result<(), StoreError> {
    for _ in 1..START_TRIES {
        match pool.acquire().await {
            Err(sqlx::Error::PoolTimedOut) => {}
            opened => return Ok(opened.map(drop)?),
        }
    }
    Ok(pool.acquire().await.map(drop)?)
}

/// Writes the confusable keys of names that have none: a migration that changes the keys deletes the old ones, and an
/// older program writes no skeleton.
async fn write_confusable_keys(write: &mut SqliteConnection) -> Result<(), StoreError> {
    // Of a whole session at once: a key that is kept must not stand in the way of an earlier one that is written.
    sqlx::query(
        "UPDATE participants SET name_look = NULL, name_skeleton = NULL
         WHERE is_active = 1 AND session_id IN (
             SELECT session_id FROM participants
             WHERE is_active = 1 AND (name_look IS NULL OR name_skeleton IS NULL)
         )",
    )
    .execute(&mut *write)
    .await?;
    let rows = sqlx::query(
        "SELECT sequence, session_id, display_name FROM participants
         WHERE is_active = 1 AND name_look IS NULL ORDER BY sequence",
    )
    .fetch_all(&mut *write)
    .await?;
    let mut keys = ConfusableKeys::default();
    for row in rows {
        let (name, key) = keys.keep(session_id(&row, "session_id")?, row.try_get("display_name")?);
        sqlx::query(
            "UPDATE participants SET display_name = ?, name_look = ?, name_skeleton = ? WHERE sequence = ?",
        )
        .bind(name)
        .bind(key.caseless)
        .bind(key.skeleton)
        .bind(row.try_get::<i64, _>("sequence")?)
        .execute(&mut *write)
        .await?;
    }
    Ok(())
}

async fn open_session(
    connection: &mut SqliteConnection,
    id: SessionId,
    now: Timestamp,
) -> Result<SessionRecord, TransactionError> {
    let row = sqlx::query(
        "SELECT id, name, created_at, expires_at, is_active, ended_at, locked, location_ttl_seconds, watch_generation,
                (SELECT count(*) FROM participants WHERE session_id = sessions.id AND is_active = 1) AS present
         FROM sessions WHERE id = ?",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?
    .ok_or(Closed::NotFound)?;
    Ok(session_row(&row, row.try_get("present")?)?.open(now)?)
}

fn session_row(row: &SqliteRow, participant_count: u32) -> Result<SessionRow, StoreError> {
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    Ok(SessionRow {
        id: session_id(row, "id")?,
        name: row.try_get("name")?,
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp(row, "expires_at")?,
        is_active: row.try_get("is_active")?,
        ended_at: ended_at.map(Timestamp::from_millis),
        locked: row.try_get("locked")?,
        participant_count,
        location_ttl_seconds: row.try_get("location_ttl_seconds")?,
        watch_generation: row.try_get("watch_generation")?,
    })
}

async fn active_participants(
    connection: &mut SqliteConnection,
    id: SessionId,
) -> Result<Vec<ParticipantRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT user_id, display_name, avatar_color, last_seen FROM participants
         WHERE session_id = ? AND is_active = 1 ORDER BY sequence",
    )
    .bind(id.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let (user_id, display_name) = (row.try_get("user_id")?, row.try_get("display_name")?);
            let last_seen = timestamp(row, "last_seen")?;
            Ok(rules::participant(user_id, display_name, row.try_get("avatar_color")?, last_seen))
        })
        .collect()
}

/// Adds a participant. Both statements in one call, because each call is a turn of the database's thread.
async fn insert_participant(
    write: &mut SqliteConnection,
    id: SessionId,
    profile: &Profile,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = profile.display_name.confusable_key();
    sqlx::query(
        "INSERT INTO participants (session_id, user_id, display_name, name_look, name_skeleton, avatar_color, joined_at,
                                   last_seen)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?);
         UPDATE sessions SET last_activity = max(last_activity, ?) WHERE id = ?",
    )
    .bind(id.to_string())
    .bind(profile.user_id.as_str())
    .bind(profile.display_name.as_str())
    .bind(key.caseless)
    .bind(key.skeleton)
    .bind(profile.avatar_color.as_str())
    .bind(now.as_millis())
    .bind(now.as_millis())
    .bind(now.as_millis())
    .bind(id.to_string())
    .execute(write)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(database) if database.is_unique_violation() => StoreError::Conflict,
        _ => error.into(),
    })?;
    Ok(())
}

fn timestamp(row: &SqliteRow, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

fn session_id(row: &SqliteRow, column: &str) -> Result<SessionId, StoreError> {
    SessionId::parse(row.try_get(column)?).map_err(unreadable)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(error.into())
}
