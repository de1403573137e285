//! Sessions that are over are marked, deleted, and taken out of the files.
//!
//! A name that was deleted can still be read in the free parts of the file, and in the log, which has pages as they
//! were. The writer overwrites what it deletes (`secure_delete`), but not the copies that a page keeps of rows which
//! moved to another page as the tree grew: a few of a thousand rows have one. So the file is written anew as well: a
//! small one before the log is emptied, a large one now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::json::to_json;
use tagalong_core::time::Timestamp;

use super::{Sqlite, open_session, session_id};
use crate::{EndedSession, StoreError, TransactionError};

/// How long emptying the log may wait for readers: no write is possible meanwhile.
const READERS_PATIENCE: Duration = Duration::from_millis(100);
/// Bytes of a file that is written anew each time: some 20 ms, in which nobody can write.
const REWRITTEN_AT_ONCE: i64 = 1024 * 1024;
/// Bytes of a file up to which its copy is made in memory while it is written anew. A temporary file would have the
/// names of running sessions in it, outside the data directory, and would need a directory that can be written.
const COPIED_IN_MEMORY: i64 = 64 * 1024 * 1024;
/// The `user_version` of a file that has been written anew since deletions are overwritten.
const WIPED: i64 = 1;

/// Marks a session as over, and deletes all of it except its id and its times.
macro_rules! over {
    () => {
        "is_active = 0, ended_at = ?1, last_activity = ?1, name = NULL, creator_id = '', locked = 0,
         location_ttl_seconds = 0, watch_generation = 0, tracker_ids = NULL"
    };
}

/// Marks a participant as gone, and deletes all data except the user id.
macro_rules! gone {
    () => {
        "is_active = 0, display_name = '', name_look = NULL, name_skeleton = NULL, avatar_color = '', joined_at = 0,
         last_seen = 0, tracker_generation = 0"
    };
}

pub(super) use gone;

impl Sqlite {
    pub(crate) async fn end(&self, id: SessionId, now: Timestamp) -> Result<EndedSession, TransactionError> {
        let _deleting = self.wiper.deleting();
        let mut write = self.writer.begin().await?;
        open_session(&mut write, id, now).await?;
        sqlx::query(concat!("UPDATE sessions SET ", over!(), " WHERE id = ?2"))
            .bind(now.as_millis())
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        let ended = delete_people(&mut write, vec![id]).await?;
        write.commit().await?;
        Ok(ended.into_iter().next().unwrap_or(EndedSession { id, people: Vec::new() }))
    }

    pub(crate) async fn expire_sessions(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        // Asked often, and mostly in vain: that takes no turn of the writer.
        let due: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM sessions WHERE is_active = 1 AND (expires_at <= ? OR last_activity <= ?))",
        )
        .bind(now.as_millis())
        .bind(idle_since.as_millis())
        .fetch_one(&self.readers)
        .await?;
        if !due {
            return Ok(Vec::new());
        }
        let _deleting = self.wiper.deleting();
        let mut write = self.writer.begin().await?;
        let rows = sqlx::query(concat!(
            "UPDATE sessions SET expires_at = min(expires_at, ?1), ",
            over!(),
            " WHERE is_active = 1 AND (expires_at <= ?1 OR last_activity <= ?2) RETURNING id"
        ))
        .bind(now.as_millis())
        .bind(idle_since.as_millis())
        .fetch_all(&mut *write)
        .await?;
        let over = rows.iter().map(|row| session_id(row, "id")).collect::<Result<Vec<_>, _>>()?;
        let ended = delete_people(&mut write, over).await?;
        write.commit().await?;
        Ok(ended)
    }

    pub(crate) async fn time_out_participants(
        &self,
        silent_since: Timestamp,
    ) -> Result<Vec<(SessionId, UserId)>, StoreError> {
        let deleting = self.wiper.deleting();
        let rows = sqlx::query(concat!(
            "UPDATE participants SET ",
            gone!(),
            " WHERE is_active = 1 AND last_seen <= ?
               AND session_id IN (SELECT id FROM sessions WHERE is_active = 1)
             RETURNING session_id, user_id"
        ))
        .bind(silent_since.as_millis())
        .fetch_all(self.writer.pool())
        .await?;
        if rows.is_empty() {
            deleting.nothing();
        }
        rows.iter()
            .map(|row| Ok((session_id(row, "session_id")?, UserId::restore(row.try_get("user_id")?))))
            .collect()
    }

    pub(crate) async fn purge(&self, ended_before: Timestamp) -> Result<u64, StoreError> {
        let deleting = self.wiper.deleting();
        let done = sqlx::query("DELETE FROM sessions WHERE is_active = 0 AND ended_at < ?")
            .bind(ended_before.as_millis())
            .execute(self.writer.pool())
            .await?;
        if done.rows_affected() == 0 {
            deleting.nothing();
        }
        Ok(done.rows_affected())
    }

    pub(crate) async fn wipe(&self) -> Result<(), StoreError> {
        if !self.wiper.has_work() {
            return Ok(());
        }
        if file_bytes(self.writer.pool()).await? <= REWRITTEN_AT_ONCE {
            self.rewrite_if_due().await?;
        }
        self.wiper.empty_log().await
    }

    pub(crate) async fn rewrite(&self) -> Result<(), StoreError> {
        self.rewrite_if_due().await?;
        self.wiper.empty_log().await
    }

    /// Writes the file anew if something was deleted since that was done last.
    async fn rewrite_if_due(&self) -> Result<(), StoreError> {
        let Counts { deletions, rewritten, .. } = &*self.wiper.counts;
        let before = deletions.load(Ordering::Relaxed);
        if before != rewritten.load(Ordering::Relaxed) {
            vacuum(self.writer.pool()).await?;
            rewritten.store(before, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Deletes everybody who was in sessions that are over.
async fn delete_people(
    write: &mut SqliteConnection,
    over: Vec<SessionId>,
) -> Result<Vec<EndedSession>, StoreError> {
    let rows = sqlx::query(
        "DELETE FROM participants WHERE session_id IN (SELECT value FROM json_each(?))
         RETURNING session_id, user_id",
    )
    .bind(to_json(&over))
    .fetch_all(write)
    .await?;
    let people = rows
        .iter()
        .map(|row| Ok((session_id(row, "session_id")?, UserId::restore(row.try_get("user_id")?))))
        .collect::<Result<Vec<_>, StoreError>>()?;
    Ok(EndedSession::with(over, people))
}

/// Whether a file has no tables yet.
pub(super) async fn is_new(writer: &SqlitePool) -> Result<bool, StoreError> {
    let has_tables: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema)").fetch_one(writer).await?;
    Ok(!has_tables)
}

/// Writes the whole file anew, once: one from before deletions were overwritten has in it what was deleted.
pub(super) async fn wipe_once(writer: &SqlitePool, is_new: bool) -> Result<(), StoreError> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(writer).await?;
    if version >= WIPED {
        return Ok(());
    }
    if !is_new && let Err(error) = vacuum(writer).await {
        // No reason not to serve. The next start tries again.
        tracing::warn!(%error, "the database file could not be written anew, and may still have names that were deleted");
        return Ok(());
    }
    sqlx::query("PRAGMA user_version = 1").execute(writer).await?;
    Ok(())
}

async fn file_bytes(writer: &SqlitePool) -> Result<i64, StoreError> {
    let bytes = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    Ok(sqlx::query_scalar(bytes).fetch_one(writer).await?)
}

/// Writes the file anew.
async fn vacuum(writer: &SqlitePool) -> Result<(), StoreError> {
    let in_memory = file_bytes(writer).await? <= COPIED_IN_MEMORY;
    let place = if in_memory { "PRAGMA temp_store = MEMORY" } else { "PRAGMA temp_store = FILE" };
    let mut connection = writer.acquire().await?;
    sqlx::query(place).execute(&mut *connection).await?;
    sqlx::query("VACUUM").execute(&mut *connection).await?;
    Ok(())
}

/// Knows whether something was deleted that the log or the file may still have, and empties the log.
#[derive(Clone, Debug)]
pub(super) struct Wiper {
    /// Of one connection, made when it is needed. The writer's own would wait too long for those who read.
    pool: SqlitePool,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    deletions: AtomicU64,
    /// How many there were when the log was emptied last, and when the file was written anew.
    emptied: AtomicU64,
    rewritten: AtomicU64,
}

/// Something is being deleted: counts when it is dropped, done or given up.
pub(super) struct Deleting<'a>(Option<&'a Counts>);

impl Deleting<'_> {
    /// Nothing was deleted.
    fn nothing(mut self) {
        self.0 = None;
    }
}

impl Drop for Deleting<'_> {
    fn drop(&mut self) {
        if let Some(counts) = self.0 {
            counts.deletions.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Wiper {
    pub(super) fn new(pool: SqlitePoolOptions, options: SqliteConnectOptions) -> Self {
        let pool = pool.connect_lazy_with(options.busy_timeout(READERS_PATIENCE));
        // A process that was killed may have left something.
        let counts = Arc::new(Counts { deletions: AtomicU64::new(1), ..Counts::default() });
        Self { pool, counts }
    }

    pub(super) fn deleting(&self) -> Deleting<'_> {
        Deleting(Some(&self.counts))
    }

    fn has_work(&self) -> bool {
        let Counts { deletions, emptied, .. } = &*self.counts;
        deletions.load(Ordering::Relaxed) != emptied.load(Ordering::Relaxed)
    }

    /// # Errors
    /// When somebody reads for so long that the log is still needed.
    async fn empty_log(&self) -> Result<(), StoreError> {
        let deletions = self.counts.deletions.load(Ordering::Relaxed);
        let mut connection = self.pool.acquire().await?;
        // Most of the work, beside those who read and write.
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut *connection).await?;
        let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await?;
        if emptied.try_get::<i64, _>("busy")? != 0 {
            let why =
                "the log has names that were deleted, and cannot be emptied while somebody reads the file";
            return Err(StoreError::Unavailable(why.into()));
        }
        self.counts.emptied.store(deletions, Ordering::Relaxed);
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_temporary_file_is_made_for_a_file_of_ordinary_size() {
        let home = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(home.path().join("a.db")).create_if_missing(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        sqlx::query("CREATE TABLE names (name)").execute(&pool).await.unwrap();
        vacuum(&pool).await.unwrap();
        let place: i64 = sqlx::query_scalar("PRAGMA temp_store").fetch_one(&pool).await.unwrap();
        // 2 stands for memory (sqlite.org, "PRAGMA temp_store").
        assert_eq!(place, 2);
    }
}
