//! Sessions on their way from and to another database.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName};
use tagalong_core::session::SessionName;
use tagalong_core::time::Timestamp;

use super::{Sqlite, session_id, timestamp};
use crate::rules::{self, ConfusableKeys};
use crate::{StoreError, StoredParticipant, StoredSession};

impl Sqlite {
    pub(crate) async fn stored_after(
        &self,
        last: Option<SessionId>,
    ) -> Result<Option<StoredSession>, StoreError> {
        let mut read = self.readers.begin().await?;
        let row = sqlx::query(
            "SELECT id, name, creator_id, created_at, expires_at, last_activity, is_active, ended_at, locked,
                    location_ttl_seconds, watch_generation, tracker_ids
             FROM sessions WHERE id > ? ORDER BY id LIMIT 1",
        )
        .bind(last.map(|id| id.to_string()).unwrap_or_default())
        .fetch_optional(&mut *read)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let participants = participants(&mut read, session_id(&row, "id")?).await?;
        Ok(Some(session(&row, participants)?))
    }

    pub(crate) async fn take_in(&self, stored: &StoredSession) -> Result<bool, StoreError> {
        let mut write = self.writer.begin().await?;
        let inserted = sqlx::query(
            "INSERT INTO sessions (id, name, creator_id, created_at, expires_at, last_activity, is_active, ended_at,
                                   locked, location_ttl_seconds, watch_generation, tracker_ids)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        )
        .bind(stored.id.to_string())
        .bind(stored.name.as_ref().map(SessionName::as_str))
        // The column has no null; an id is never empty.
        .bind(stored.creator_id.as_ref().map_or("", UserId::as_str))
        .bind(stored.created_at.as_millis())
        .bind(stored.expires_at.as_millis())
        .bind(stored.last_activity.as_millis())
        .bind(stored.is_active)
        .bind(stored.ended_at.map(Timestamp::as_millis))
        .bind(stored.locked)
        .bind(rules::integer(stored.location_ttl_seconds))
        .bind(rules::integer(stored.watch_generation))
        .bind(rules::tracker_ids_json(&stored.tracker_ids))
        .execute(&mut *write)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        let mut keys = ConfusableKeys::default();
        for participant in &stored.participants {
            insert(&mut write, stored.id, participant, &mut keys).await?;
        }
        write.commit().await?;
        Ok(true)
    }
}

async fn insert(
    write: &mut SqliteConnection,
    id: SessionId,
    participant: &StoredParticipant,
    keys: &mut ConfusableKeys,
) -> Result<(), StoreError> {
    let (name, key) = keys.restore(id, participant);
    sqlx::query(
        "INSERT INTO participants (session_id, user_id, display_name, name_look, name_skeleton, avatar_color, joined_at,
                                   last_seen, is_active, tracker_generation)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id.to_string())
    .bind(participant.user_id.as_str())
    .bind(name)
    .bind(key.caseless)
    .bind(key.skeleton)
    .bind(participant.avatar_color.as_str())
    .bind(participant.joined_at.as_millis())
    .bind(participant.last_seen.as_millis())
    .bind(participant.is_active)
    .bind(rules::integer(participant.tracker_generation))
    .execute(write)
    .await?;
    Ok(())
}

async fn participants(
    read: &mut SqliteConnection,
    id: SessionId,
) -> Result<Vec<StoredParticipant>, StoreError> {
    let rows = sqlx::query(
        "SELECT user_id, display_name, avatar_color, joined_at, last_seen, is_active, tracker_generation
         FROM participants WHERE session_id = ? ORDER BY sequence",
    )
    .bind(id.to_string())
    .fetch_all(read)
    .await?;
    rows.iter().map(participant).collect()
}

fn session(row: &SqliteRow, participants: Vec<StoredParticipant>) -> Result<StoredSession, StoreError> {
    let creator: &str = row.try_get("creator_id")?;
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    Ok(StoredSession {
        id: session_id(row, "id")?,
        name: row.try_get::<Option<&str>, _>("name")?.and_then(SessionName::restore),
        creator_id: (!creator.is_empty()).then(|| UserId::restore(creator)),
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp(row, "expires_at")?,
        last_activity: timestamp(row, "last_activity")?,
        is_active: row.try_get("is_active")?,
        ended_at: ended_at.map(Timestamp::from_millis),
        locked: row.try_get("locked")?,
        location_ttl_seconds: u32::try_from(row.try_get::<i32, _>("location_ttl_seconds")?).unwrap_or(0),
        watch_generation: u32::try_from(row.try_get::<i32, _>("watch_generation")?).unwrap_or(0),
        tracker_ids: rules::tracker_ids(row.try_get("tracker_ids")?),
        participants,
    })
}

fn participant(row: &SqliteRow) -> Result<StoredParticipant, StoreError> {
    Ok(StoredParticipant {
        user_id: UserId::restore(row.try_get("user_id")?),
        display_name: DisplayName::restore(row.try_get("display_name")?),
        avatar_color: AvatarColor::restore(row.try_get("avatar_color")?),
        joined_at: timestamp(row, "joined_at")?,
        last_seen: timestamp(row, "last_seen")?,
        is_active: row.try_get("is_active")?,
        tracker_generation: u32::try_from(row.try_get::<i32, _>("tracker_generation")?).unwrap_or(0),
    })
}
