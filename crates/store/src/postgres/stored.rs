//! Sessions on their way from and to another database.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Uuid;
use sqlx::types::time::OffsetDateTime;
use sqlx::{Connection, Row};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, ConfusableKey, DisplayName};
use tagalong_core::session::SessionName;
use tagalong_core::time::Timestamp;

use super::sql::timestamp;
use crate::rules::{self, ConfusableKeys};
use crate::{StoreError, StoredParticipant, StoredSession};

pub(super) async fn after(
    connection: &mut PgConnection,
    last: Option<SessionId>,
) -> Result<Option<StoredSession>, StoreError> {
    let row = sqlx::query(
        "SELECT id, name, creator_id, created_at, expires_at, last_activity, is_active, ended_at, locked,
                location_ttl_seconds, watch_generation, tracker_ids
         FROM sessions WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT 1",
    )
    .bind(last.map(|id| id.as_uuid()))
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let rows = sqlx::query(
        "SELECT user_id, display_name, avatar_color, joined_at, last_seen, is_active, tracker_generation
         FROM participants WHERE session_id = $1 ORDER BY sequence",
    )
    .bind(row.try_get::<Uuid, _>("id")?)
    .fetch_all(connection)
    .await?;
    Ok(Some(session(&row, rows.iter().map(participant).collect::<Result<_, _>>()?)?))
}

pub(super) async fn take_in(
    connection: &mut PgConnection,
    stored: &StoredSession,
) -> Result<bool, StoreError> {
    let mut write = connection.begin().await?;
    let inserted = sqlx::query(
        "INSERT INTO sessions (id, name, creator_id, created_at, expires_at, last_activity, is_active, ended_at, locked,
                               location_ttl_seconds, watch_generation, tracker_ids)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING",
    )
    .bind(stored.id.as_uuid())
    .bind(stored.name.as_ref().map(SessionName::as_str))
    .bind(stored.creator_id.as_ref().and_then(UserId::as_uuid))
    .bind(stored.created_at.to_utc())
    .bind(stored.expires_at.to_utc())
    .bind(stored.last_activity.to_utc())
    .bind(stored.is_active)
    .bind(stored.ended_at.map(Timestamp::to_utc))
    .bind(stored.locked)
    .bind(rules::integer(stored.location_ttl_seconds))
    .bind(rules::integer(stored.watch_generation))
    .bind(rules::tracker_ids_json(&stored.tracker_ids))
    .execute(&mut *write)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    insert_participants(&mut write, stored).await?;
    write.commit().await?;
    Ok(true)
}

/// All in one statement, which numbers them in their order.
async fn insert_participants(write: &mut PgConnection, stored: &StoredSession) -> Result<(), StoreError> {
    let people = &stored.participants;
    let mut keys = ConfusableKeys::default();
    let (names, keyed): (Vec<String>, Vec<ConfusableKey>) =
        people.iter().map(|one| keys.restore(stored.id, one)).unzip();
    let times = |of: fn(&StoredParticipant) -> Timestamp| -> Vec<OffsetDateTime> {
        people.iter().map(|one| of(one).to_utc()).collect()
    };
    sqlx::query(
        "INSERT INTO participants (session_id, user_id, display_name, name_look, name_skeleton, avatar_color, joined_at,
                                   last_seen, is_active, tracker_generation)
         SELECT $1, user_id, display_name, name_look, name_skeleton, avatar_color, joined_at, last_seen, is_active,
                generation
         FROM unnest($2::varchar[], $3::varchar[], $4::text[], $5::text[], $6::varchar[], $7::timestamptz[],
                     $8::timestamptz[], $9::boolean[], $10::integer[])
              WITH ORDINALITY AS row (user_id, display_name, name_look, name_skeleton, avatar_color, joined_at, last_seen,
                                      is_active, generation, place)
         ORDER BY place",
    )
    .bind(stored.id.as_uuid())
    .bind(people.iter().map(|one| one.user_id.as_str()).collect::<Vec<_>>())
    .bind(names)
    .bind(keyed.iter().map(|key| key.caseless.as_str()).collect::<Vec<_>>())
    .bind(keyed.iter().map(|key| key.skeleton.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|one| one.avatar_color.as_str()).collect::<Vec<_>>())
    .bind(times(|one| one.joined_at))
    .bind(times(|one| one.last_seen))
    .bind(people.iter().map(|one| one.is_active).collect::<Vec<_>>())
    .bind(people.iter().map(|one| rules::integer(one.tracker_generation)).collect::<Vec<_>>())
    .execute(write)
    .await?;
    Ok(())
}

fn session(row: &PgRow, participants: Vec<StoredParticipant>) -> Result<StoredSession, StoreError> {
    let creator: Option<Uuid> = row.try_get("creator_id")?;
    let ended_at: Option<OffsetDateTime> = row.try_get("ended_at")?;
    Ok(StoredSession {
        id: SessionId::from_uuid(row.try_get("id")?),
        name: row.try_get::<Option<&str>, _>("name")?.and_then(SessionName::restore),
        creator_id: creator.map(|creator| UserId::from_random(creator.into_bytes())),
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp(row, "expires_at")?,
        last_activity: timestamp(row, "last_activity")?,
        is_active: row.try_get("is_active")?,
        ended_at: ended_at.map(Timestamp::from_utc),
        locked: row.try_get("locked")?,
        location_ttl_seconds: u32::try_from(row.try_get::<i32, _>("location_ttl_seconds")?).unwrap_or(0),
        watch_generation: u32::try_from(row.try_get::<i32, _>("watch_generation")?).unwrap_or(0),
        tracker_ids: rules::tracker_ids(row.try_get("tracker_ids")?),
        participants,
    })
}

fn participant(row: &PgRow) -> Result<StoredParticipant, StoreError> {
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
