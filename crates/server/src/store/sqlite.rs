//! The embedded database: SQLite with a write-ahead log, one writer and a pool of readers.
//!
//! `synchronous = NORMAL`: a killed process loses nothing, a power cut may lose the last moments, never the
//! file. A session lives a day at most; waiting for the disk at every join would cost more than it saves.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row, Sqlite as Dialect, Transaction};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::session::{Closed, SessionName};
use tagalong_core::time::Timestamp;

use super::{NewParticipant, NewSession, ParticipantRecord, SessionChange, SessionRecord, StoreError};

/// How long a statement waits for the lock of another process: a backup, or somebody's `sqlite3`.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(2);
/// Rows of `last_seen` written in one transaction: others may write in between.
const SEEN_ROWS_PER_TRANSACTION: usize = 500;

/// The embedded database. Clones share it.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
}

type Write = Transaction<'static, Dialect>;

impl Sqlite {
    /// Opens the database file, makes it if need be, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or is no database of ours.
    pub async fn open(path: &Path, readers: u32) -> Result<Self, StoreError> {
        make_private(path).map_err(|error| StoreError::Unavailable(error.into()))?;
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
        let writer = pool(1).connect_with(options.clone()).await?;
        migrate(&writer).await?;
        let readers = pool(readers).connect_with(options.read_only(true)).await?;
        Ok(Self { writer, readers })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Finishes what is being written and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The library's own version, as `3.51.3`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn library_version(&self) -> Result<String, StoreError> {
        Ok(sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&self.readers).await?)
    }

    /// `BEGIN IMMEDIATE`: a transaction that read first and wrote later could not be given the lock any more.
    async fn write(&self) -> Result<Write, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Makes a session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_session(&self, new: &NewSession) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (id, name, created_at, expires_at, creator_id, last_activity)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(new.id.to_string())
        .bind(new.name.as_ref().map(SessionName::as_str))
        .bind(new.created_at.as_millis())
        .bind(new.expires_at.as_millis())
        .bind(new.creator_id.as_str())
        .bind(new.created_at.as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// A session that is open at `now`.
    ///
    /// # Errors
    /// When it is not, or the database does not answer.
    pub async fn session(&self, id: SessionId, now: Timestamp) -> Result<SessionRecord, StoreError> {
        let mut connection = self.readers.acquire().await?;
        open_session(&mut connection, id, now).await
    }

    /// An open session and its active participants in order of joining, as of one moment.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn participants(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<(SessionRecord, Vec<ParticipantRecord>), StoreError> {
        let mut read = self.readers.begin().await?;
        let session = open_session(&mut read, id, now).await?;
        let participants = active_participants(&mut read, id).await?;
        Ok((session, participants))
    }

    /// An open session and who is in it.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn roster(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<(SessionRecord, Vec<Profile>), StoreError> {
        let (session, participants) = self.participants(id, now).await?;
        Ok((session, participants.into_iter().map(|participant| participant.profile).collect()))
    }

    /// Lets somebody in, if the session is open and not locked, has a place, and nobody has that name.
    ///
    /// # Errors
    /// The first of these that does not hold, or the database does not answer.
    pub async fn join(
        &self,
        id: SessionId,
        new: NewParticipant,
        places: usize,
        now: Timestamp,
    ) -> Result<(SessionRecord, Profile), StoreError> {
        let mut write = self.write().await?;
        let session = open_session(&mut write, id, now).await?;
        if session.locked {
            return Err(StoreError::Locked);
        }
        let present = active_participants(&mut write, id).await?;
        if present.len() >= places {
            return Err(StoreError::Full);
        }
        let used = present.iter().map(|present| present.profile.avatar_color.as_str());
        let avatar_color = new.avatar_color.unwrap_or_else(|| AvatarColor::unused(used));
        let profile = Profile { user_id: new.user_id, display_name: new.display_name, avatar_color };
        insert_participant(&mut write, id, &profile, now).await?;
        sqlx::query("UPDATE sessions SET last_activity = max(last_activity, ?) WHERE id = ?")
            .bind(now.as_millis())
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok((session, profile))
    }

    /// Takes somebody out of an open session.
    ///
    /// # Errors
    /// When the session is not open, or the participant is not in it (any more).
    pub async fn leave(&self, id: SessionId, user: &UserId, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        open_session(&mut write, id, now).await?;
        let active: Option<bool> =
            sqlx::query_scalar("SELECT is_active FROM participants WHERE session_id = ? AND user_id = ?")
                .bind(id.to_string())
                .bind(user.as_str())
                .fetch_optional(&mut *write)
                .await?;
        match active {
            None => return Err(StoreError::ParticipantNotFound),
            Some(false) => return Err(StoreError::ParticipantLeft),
            Some(true) => {}
        }
        sqlx::query("UPDATE participants SET is_active = 0 WHERE session_id = ? AND user_id = ?")
            .bind(id.to_string())
            .bind(user.as_str())
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Ends an open session.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn end(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        open_session(&mut write, id, now).await?;
        sqlx::query("UPDATE sessions SET is_active = 0, ended_at = ? WHERE id = ?")
            .bind(now.as_millis())
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Changes an open session: how it stands after that.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn update(
        &self,
        id: SessionId,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<SessionRecord, StoreError> {
        let mut write = self.write().await?;
        let mut session = open_session(&mut write, id, now).await?;
        session.name = change.name.clone().unwrap_or(session.name);
        session.expires_at = change.expires_at.unwrap_or(session.expires_at);
        session.locked = change.locked.unwrap_or(session.locked);
        sqlx::query("UPDATE sessions SET name = ?, expires_at = ?, locked = ? WHERE id = ?")
            .bind(session.name.as_ref().map(SessionName::as_str))
            .bind(session.expires_at.as_millis())
            .bind(session.locked)
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(session)
    }

    /// Writes signs of life down; a time never goes back.
    ///
    /// # Errors
    /// When the database does not answer; some may be written then.
    pub async fn save_seen(&self, seen: &[(SessionId, UserId, Timestamp)]) -> Result<(), StoreError> {
        for rows in seen.chunks(SEEN_ROWS_PER_TRANSACTION) {
            let mut write = self.write().await?;
            for (session, user, at) in rows {
                sqlx::query(
                    "UPDATE participants SET last_seen = max(last_seen, ?) WHERE session_id = ? AND user_id = ?",
                )
                .bind(at.as_millis())
                .bind(session.to_string())
                .bind(user.as_str())
                .execute(&mut *write)
                .await?;
                sqlx::query("UPDATE sessions SET last_activity = ? WHERE id = ? AND last_activity < ?")
                    .bind(at.as_millis())
                    .bind(session.to_string())
                    .bind(at.as_millis())
                    .execute(&mut *write)
                    .await?;
            }
            write.commit().await?;
        }
        Ok(())
    }

    /// Ends every session whose time is up, or that nobody has used since `idle_since`: which those were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expire_sessions(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(
            "UPDATE sessions SET is_active = 0, ended_at = ?
             WHERE is_active = 1 AND (expires_at <= ? OR last_activity <= ?) RETURNING id",
        )
        .bind(now.as_millis())
        .bind(now.as_millis())
        .bind(idle_since.as_millis())
        .fetch_all(&self.writer)
        .await?;
        rows.iter().map(|row| session_id(row, "id")).collect()
    }

    /// Takes everyone out who gave no sign of life since `silent_since`: who those were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn time_out_participants(
        &self,
        silent_since: Timestamp,
    ) -> Result<Vec<(SessionId, UserId)>, StoreError> {
        let rows = sqlx::query(
            "UPDATE participants SET is_active = 0
             WHERE is_active = 1 AND last_seen <= ?
               AND session_id IN (SELECT id FROM sessions WHERE is_active = 1)
             RETURNING session_id, user_id",
        )
        .bind(silent_since.as_millis())
        .fetch_all(&self.writer)
        .await?;
        rows.iter().map(|row| Ok((session_id(row, "session_id")?, user_id(row)?))).collect()
    }

    /// Deletes what ended before a time, names and all: how many sessions.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge(&self, ended_before: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE is_active = 0 AND ended_at < ?")
            .bind(ended_before.as_millis())
            .execute(&self.writer)
            .await?;
        Ok(done.rows_affected())
    }
}

/// Makes a missing database file that only its owner may read. SQLite gives its log the same mode.
///
/// A file that exists is not touched: to open and close it once more would give up the locks that this
/// process holds on it.
fn make_private(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Brings the tables up to date. All in one transaction that has the lock from the start: somebody else who
/// starts now waits, and finds it done.
async fn migrate(writer: &SqlitePool) -> Result<(), StoreError> {
    let mut write = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::migrate!("src/store/migrations/sqlite")
        .run_direct(None, &mut *write, false)
        .await
        .map_err(unreadable)?;
    Ok(write.commit().await?)
}

async fn open_session(
    connection: &mut SqliteConnection,
    id: SessionId,
    now: Timestamp,
) -> Result<SessionRecord, StoreError> {
    let row = sqlx::query(
        "SELECT name, created_at, expires_at, is_active, ended_at, locked,
                (SELECT count(*) FROM participants WHERE session_id = sessions.id AND is_active = 1) AS present
         FROM sessions WHERE id = ?",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?
    .ok_or(Closed::NotFound)?;
    let expires_at = timestamp(&row, "expires_at")?;
    if let Some(closed) = closed(&row, expires_at, now)? {
        return Err(closed.into());
    }
    let name: Option<String> = row.try_get("name")?;
    Ok(SessionRecord {
        id,
        name: name.and_then(|name| SessionName::parse(&name).ok().flatten()),
        created_at: timestamp(&row, "created_at")?,
        expires_at,
        participant_count: row.try_get("present")?,
        locked: row.try_get("locked")?,
    })
}

/// Whether a session is over, and why. The answer stays the same as time passes: what was ended before its
/// time was up has ended, what was not has expired, also after the cleanup has marked it.
fn closed(row: &SqliteRow, expires_at: Timestamp, now: Timestamp) -> Result<Option<Closed>, StoreError> {
    if row.try_get("is_active")? {
        return Ok((expires_at <= now).then_some(Closed::Expired));
    }
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let expired = ended_at.is_some_and(|ended_at| ended_at >= expires_at.as_millis());
    Ok(Some(if expired { Closed::Expired } else { Closed::Ended }))
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
            let display_name = DisplayName::parse(row.try_get("display_name")?).map_err(unreadable)?;
            let avatar_color = AvatarColor::parse(row.try_get("avatar_color")?).map_err(unreadable)?;
            let profile = Profile { user_id: user_id(row)?, display_name, avatar_color };
            Ok(ParticipantRecord { profile, last_seen: timestamp(row, "last_seen")? })
        })
        .collect()
}

async fn insert_participant(
    write: &mut Write,
    id: SessionId,
    profile: &Profile,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO participants (session_id, user_id, display_name, avatar_color, joined_at, last_seen)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(id.to_string())
    .bind(profile.user_id.as_str())
    .bind(profile.display_name.as_str())
    .bind(profile.avatar_color.as_str())
    .bind(now.as_millis())
    .bind(now.as_millis())
    .execute(&mut **write)
    .await
    .map_err(|error| match error.as_database_error() {
        // A user id is random: the only thing that two people can share is a name.
        Some(database) if database.is_unique_violation() => StoreError::NameTaken,
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

fn user_id(row: &SqliteRow) -> Result<UserId, StoreError> {
    UserId::parse(row.try_get("user_id")?).map_err(unreadable)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(error.into())
}
