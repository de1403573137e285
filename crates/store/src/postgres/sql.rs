//! What PostgreSQL is told.
//!
//! A session's row is locked before its participants' rows, and of several rows the lowest key first, so that
//! no two transactions wait for each other. Cleanups skip rows that another transaction has locked.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Uuid;
use sqlx::types::time::OffsetDateTime;
use sqlx::{Connection, Row};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::Profile;
use tagalong_core::session::{Closed, Rejection, SessionName};
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;

use super::CLEANUP_ROWS_PER_STATEMENT;
use crate::rules::{self, ConfusableKeys, SessionRow};
use crate::{
    EndedSession, NewParticipant, NewSession, ParticipantRecord, SessionChange, SessionRecord, StoreError,
    TrackerRecord, TransactionError,
};

/// Marks a session as over, and deletes all of it except its id and its times.
macro_rules! over {
    () => {
        "is_active = false, ended_at = $1, last_activity = $1, name = NULL, creator_id = NULL, locked = false,
         location_ttl_seconds = 0, watch_generation = 0, tracker_ids = NULL"
    };
}

/// Marks a participant as gone, and deletes all data except the user id.
macro_rules! gone {
    () => {
        "is_active = false, display_name = '', name_look = NULL, name_skeleton = NULL, avatar_color = '',
         joined_at = 'epoch', last_seen = 'epoch', tracker_generation = 0"
    };
}

pub(super) use gone;

pub(super) async fn ping(connection: &mut PgConnection) -> Result<(), StoreError> {
    Ok(connection.ping().await?)
}

/// Writes the confusable keys of names that have none, or those of an older program: a migration that changes the keys
/// deletes the old ones.
pub(super) async fn write_confusable_keys(write: &mut PgConnection) -> Result<(), StoreError> {
    // Of a whole session at once: a key that is kept must not stand in the way of an earlier one that is written.
    sqlx::query(
        "UPDATE participants SET name_look = NULL, name_skeleton = NULL
         WHERE is_active AND session_id IN (
             SELECT session_id FROM participants WHERE is_active AND (name_look IS NULL OR name_skeleton IS NULL)
         )",
    )
    .execute(&mut *write)
    .await?;
    let rows = sqlx::query(
        "SELECT id, session_id, display_name FROM participants
         WHERE is_active AND name_look IS NULL ORDER BY sequence",
    )
    .fetch_all(&mut *write)
    .await?;
    let mut keys = ConfusableKeys::default();
    let (mut ids, mut names, mut caseless, mut skeletons) = (Vec::<Uuid>::new(), vec![], vec![], vec![]);
    for row in rows {
        let session = SessionId::from_uuid(row.try_get("session_id")?);
        let (name, key) = keys.keep(session, row.try_get("display_name")?);
        ids.push(row.try_get("id")?);
        names.push(name);
        caseless.push(key.caseless);
        skeletons.push(key.skeleton);
    }
    sqlx::query(
        "UPDATE participants SET display_name = row.name, name_look = row.look, name_skeleton = row.skeleton
         FROM unnest($1::uuid[], $2::varchar[], $3::text[], $4::text[]) AS row (id, name, look, skeleton)
         WHERE participants.id = row.id",
    )
    .bind(ids)
    .bind(names)
    .bind(caseless)
    .bind(skeletons)
    .execute(write)
    .await?;
    Ok(())
}

pub(super) async fn create_session(
    connection: &mut PgConnection,
    new: &NewSession,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sessions (id, name, created_at, expires_at, creator_id, last_activity, location_ttl_seconds)
         VALUES ($1, $2, $3, $4, $5, $3, $6)",
    )
    .bind(new.id.as_uuid())
    .bind(new.name.as_ref().map(SessionName::as_str))
    .bind(new.created_at.to_utc())
    .bind(new.expires_at.to_utc())
    .bind(new.creator_id.as_uuid())
    .bind(rules::seconds(new.location_ttl))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn session(
    connection: &mut PgConnection,
    id: SessionId,
    now: Timestamp,
) -> Result<SessionRecord, TransactionError> {
    let row = sqlx::query(
        "SELECT name, created_at, expires_at, is_active, ended_at, locked, location_ttl_seconds,
                watch_generation,
                (SELECT count(*) FROM participants WHERE session_id = sessions.id AND is_active) AS present
         FROM sessions WHERE id = $1",
    )
    .bind(id.as_uuid())
    .fetch_optional(connection)
    .await?
    .ok_or(Closed::NotFound)?;
    Ok(session_row(&row, id, row.try_get("present")?)?.open(now)?)
}

/// Locks an open session: until the end of the transaction nobody else changes it or who is in it. Keys are
/// not locked, so that rows which only refer to it may be written.
pub(super) async fn lock_session(
    write: &mut PgConnection,
    id: SessionId,
    now: Timestamp,
) -> Result<SessionRecord, TransactionError> {
    let row = sqlx::query(
        "SELECT name, created_at, expires_at, is_active, ended_at, locked, location_ttl_seconds,
                watch_generation
         FROM sessions WHERE id = $1
         FOR NO KEY UPDATE",
    )
    .bind(id.as_uuid())
    .fetch_optional(write)
    .await?
    .ok_or(Closed::NotFound)?;
    Ok(session_row(&row, id, 0)?.open(now)?)
}

/// In one statement, which sees one moment.
pub(super) async fn participants(
    connection: &mut PgConnection,
    id: SessionId,
    now: Timestamp,
) -> Result<(SessionRecord, Vec<ParticipantRecord>), TransactionError> {
    let rows = sqlx::query(
        "SELECT name, created_at, expires_at, sessions.is_active, ended_at, locked, location_ttl_seconds,
                watch_generation,
                user_id, display_name, avatar_color, last_seen
         FROM sessions
         LEFT JOIN participants ON participants.session_id = sessions.id AND participants.is_active
         WHERE sessions.id = $1 ORDER BY sequence",
    )
    .bind(id.as_uuid())
    .fetch_all(connection)
    .await?;
    let first = rows.first().ok_or(Closed::NotFound)?;
    let somebody = first.try_get::<Option<&str>, _>("user_id")?.is_some();
    let people =
        if somebody { rows.iter().map(participant_row).collect::<Result<Vec<_>, _>>()? } else { vec![] };
    let count = i64::try_from(people.len()).unwrap_or(i64::MAX);
    Ok((session_row(first, id, count)?.open(now)?, people))
}

pub(super) async fn join(
    connection: &mut PgConnection,
    id: SessionId,
    new: NewParticipant,
    places: usize,
    now: Timestamp,
) -> Result<(SessionRecord, Profile), TransactionError> {
    let mut write = connection.begin().await?;
    let session = lock_session(&mut write, id, now).await?;
    // A statement of its own, so that it sees the writes of the previous holders of the lock.
    let colors: Vec<String> =
        sqlx::query_scalar("SELECT avatar_color FROM participants WHERE session_id = $1 AND is_active")
            .bind(id.as_uuid())
            .fetch_all(&mut *write)
            .await?;
    let used = colors.iter().map(String::as_str);
    let profile = rules::admit(&session, colors.len(), used, new, places)?;
    let key = profile.display_name.confusable_key();
    // A name that is taken is no error to the server: it would write the name into its log.
    let inserted = sqlx::query(
        "WITH used AS (UPDATE sessions SET last_activity = greatest(last_activity, $5) WHERE id = $1)
         INSERT INTO participants (session_id, user_id, display_name, name_look, name_skeleton, avatar_color, joined_at,
                                   last_seen)
         VALUES ($1, $2, $3, $6, $7, $4, $5, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(id.as_uuid())
    .bind(profile.user_id.as_str())
    .bind(profile.display_name.as_str())
    .bind(profile.avatar_color.as_str())
    .bind(now.to_utc())
    .bind(key.caseless)
    .bind(key.skeleton)
    .execute(&mut *write)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(rules::name_taken(StoreError::Conflict));
    }
    write.commit().await?;
    Ok((session, profile))
}

pub(super) async fn end(
    connection: &mut PgConnection,
    id: SessionId,
    now: Timestamp,
) -> Result<EndedSession, TransactionError> {
    let mut write = connection.begin().await?;
    lock_session(&mut write, id, now).await?;
    sqlx::query(concat!("UPDATE sessions SET ", over!(), " WHERE id = $2"))
        .bind(now.to_utc())
        .bind(id.as_uuid())
        .execute(&mut *write)
        .await?;
    let ended = delete_people(&mut write, vec![id]).await?;
    write.commit().await?;
    Ok(ended.into_iter().next().unwrap_or(EndedSession { id, people: Vec::new() }))
}

/// Deletes everybody who was in sessions that are over and locked. A statement of its own: it sees those who joined
/// while the lock was waited for.
async fn delete_people(
    write: &mut PgConnection,
    over: Vec<SessionId>,
) -> Result<Vec<EndedSession>, StoreError> {
    let rows = sqlx::query(
        "WITH gone AS (
             SELECT id FROM participants WHERE session_id = ANY($1) ORDER BY session_id, user_id FOR UPDATE
         )
         DELETE FROM participants USING gone WHERE participants.id = gone.id RETURNING session_id, user_id",
    )
    .bind(over.iter().map(|id| id.as_uuid()).collect::<Vec<_>>())
    .fetch_all(write)
    .await?;
    let people = rows
        .iter()
        .map(|row| {
            let session = SessionId::from_uuid(row.try_get("session_id")?);
            Ok((session, UserId::restore(row.try_get("user_id")?)))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    Ok(EndedSession::with(over, people))
}

pub(super) async fn update(
    connection: &mut PgConnection,
    id: SessionId,
    change: &SessionChange,
    now: Timestamp,
) -> Result<SessionRecord, TransactionError> {
    let mut write = connection.begin().await?;
    let session = rules::changed(lock_session(&mut write, id, now).await?, change);
    let present: i64 = sqlx::query_scalar(
        "UPDATE sessions SET name = $2, expires_at = $3, locked = $4, watch_generation = $5 WHERE id = $1
         RETURNING (SELECT count(*) FROM participants WHERE session_id = sessions.id AND is_active)",
    )
    .bind(id.as_uuid())
    .bind(session.name.as_ref().map(SessionName::as_str))
    .bind(session.expires_at.to_utc())
    .bind(session.locked)
    .bind(rules::integer(session.watch_generation))
    .fetch_one(&mut *write)
    .await?;
    write.commit().await?;
    Ok(SessionRecord { participant_count: u32::try_from(present).unwrap_or(u32::MAX), ..session })
}

/// Two statements, each its own transaction: nobody who holds participants waits for a session.
pub(super) async fn save_seen(
    connection: &mut PgConnection,
    rows: &[(SessionId, UserId, Timestamp)],
) -> Result<(), StoreError> {
    let sessions: Vec<Uuid> = rows.iter().map(|(session, ..)| session.as_uuid()).collect();
    let users: Vec<&str> = rows.iter().map(|(_, user, _)| user.as_str()).collect();
    let times: Vec<OffsetDateTime> = rows.iter().map(|(.., at)| at.to_utc()).collect();
    sqlx::query(
        "WITH seen AS (
             SELECT session_id, user_id, max(at) AS at
             FROM unnest($1::uuid[], $2::varchar[], $3::timestamptz[]) AS row (session_id, user_id, at)
             GROUP BY session_id, user_id
         ), present AS (
             SELECT participants.id, seen.at
             FROM participants JOIN seen USING (session_id, user_id)
             JOIN sessions ON sessions.id = session_id AND sessions.is_active
             WHERE participants.is_active AND participants.last_seen < seen.at
             ORDER BY session_id, user_id FOR NO KEY UPDATE OF participants
         )
         UPDATE participants SET last_seen = greatest(last_seen, present.at) FROM present
         WHERE participants.id = present.id",
    )
    .bind(&sessions)
    .bind(&users)
    .bind(&times)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "WITH seen AS (
             SELECT session_id, max(at) AS at FROM unnest($1::uuid[], $2::timestamptz[]) AS row (session_id, at)
             GROUP BY session_id
         ), used AS (
             SELECT sessions.id, seen.at FROM sessions JOIN seen ON seen.session_id = sessions.id
             WHERE sessions.is_active AND sessions.last_activity < seen.at
             ORDER BY sessions.id FOR NO KEY UPDATE OF sessions
         )
         UPDATE sessions SET last_activity = greatest(last_activity, used.at) FROM used
         WHERE sessions.id = used.id",
    )
    .bind(&sessions)
    .bind(&times)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn tracker(
    connection: &mut PgConnection,
    user: &UserId,
    now: Timestamp,
) -> Result<TrackerRecord, TransactionError> {
    let row = sqlx::query(
        "SELECT sessions.id, name, created_at, expires_at, sessions.is_active, ended_at, locked,
                location_ttl_seconds, watch_generation, tracker_ids, participants.is_active AS is_in, tracker_generation
         FROM participants JOIN sessions ON sessions.id = session_id WHERE user_id = $1",
    )
    .bind(user.as_str())
    .fetch_optional(connection)
    .await?
    .ok_or(Rejection::ParticipantNotFound)?;
    let session = session_row(&row, SessionId::from_uuid(row.try_get("id")?), 0)?;
    let (is_in, generation) = (row.try_get("is_in")?, row.try_get("tracker_generation")?);
    rules::tracker(session, is_in, generation, row.try_get("tracker_ids")?, now)
}

pub(super) async fn assign_tracker_ids(
    connection: &mut PgConnection,
    id: SessionId,
    present: &[Profile],
    now: Timestamp,
) -> Result<TrackerIds, TransactionError> {
    let mut write = connection.begin().await?;
    lock_session(&mut write, id, now).await?;
    // A statement of its own, so that it sees the writes of the previous holders of the lock.
    let json: Option<String> = sqlx::query_scalar("SELECT tracker_ids FROM sessions WHERE id = $1")
        .bind(id.as_uuid())
        .fetch_one(&mut *write)
        .await?;
    let mut ids = rules::tracker_ids(json.as_deref());
    ids.assign(present);
    sqlx::query("UPDATE sessions SET tracker_ids = $2 WHERE id = $1")
        .bind(id.as_uuid())
        .bind(rules::tracker_ids_json(&ids))
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(ids)
}

pub(super) async fn revoke_trackers(connection: &mut PgConnection, user: &UserId) -> Result<(), StoreError> {
    sqlx::query("UPDATE participants SET tracker_generation = tracker_generation + 1 WHERE user_id = $1")
        .bind(user.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn expire_sessions(
    connection: &mut PgConnection,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Vec<EndedSession>, StoreError> {
    // Runs often, and mostly finds nothing: then it is one query.
    let due: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM sessions WHERE is_active AND (expires_at <= $1 OR last_activity <= $2))",
    )
    .bind(now.to_utc())
    .bind(idle_since.to_utc())
    .fetch_one(&mut *connection)
    .await?;
    if !due {
        return Ok(Vec::new());
    }
    let mut write = connection.begin().await?;
    let rows = sqlx::query(concat!(
        "WITH due AS (
             SELECT id FROM sessions WHERE is_active AND (expires_at <= $1 OR last_activity <= $2)
             ORDER BY id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
         )
         UPDATE sessions SET expires_at = least(expires_at, $1), ",
        over!(),
        " FROM due WHERE sessions.id = due.id RETURNING sessions.id"
    ))
    .bind(now.to_utc())
    .bind(idle_since.to_utc())
    .bind(CLEANUP_ROWS_PER_STATEMENT)
    .fetch_all(&mut *write)
    .await?;
    let over = rows
        .iter()
        .map(|row| Ok(SessionId::from_uuid(row.try_get("id")?)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let ended = delete_people(&mut write, over).await?;
    write.commit().await?;
    Ok(ended)
}

pub(super) async fn time_out_participants(
    connection: &mut PgConnection,
    silent_since: Timestamp,
) -> Result<Vec<(SessionId, UserId)>, StoreError> {
    let rows = sqlx::query(concat!(
        "WITH silent AS (
             SELECT participants.id
             FROM participants JOIN sessions ON sessions.id = session_id AND sessions.is_active
             WHERE participants.is_active AND last_seen <= $1
             ORDER BY session_id, user_id LIMIT $2 FOR NO KEY UPDATE OF participants SKIP LOCKED
         )
         UPDATE participants SET ",
        gone!(),
        " FROM silent WHERE participants.id = silent.id RETURNING session_id, user_id"
    ))
    .bind(silent_since.to_utc())
    .bind(CLEANUP_ROWS_PER_STATEMENT)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let session = SessionId::from_uuid(row.try_get("session_id")?);
            Ok((session, UserId::restore(row.try_get("user_id")?)))
        })
        .collect()
}

pub(super) async fn purge(connection: &mut PgConnection, ended_before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "WITH due AS (
             SELECT id FROM sessions WHERE NOT is_active AND ended_at < $1
             ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
         )
         DELETE FROM sessions USING due WHERE sessions.id = due.id",
    )
    .bind(ended_before.to_utc())
    .bind(CLEANUP_ROWS_PER_STATEMENT)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

fn session_row(row: &PgRow, id: SessionId, participant_count: i64) -> Result<SessionRow, StoreError> {
    let ended_at: Option<OffsetDateTime> = row.try_get("ended_at")?;
    Ok(SessionRow {
        id,
        name: row.try_get("name")?,
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp(row, "expires_at")?,
        is_active: row.try_get("is_active")?,
        ended_at: ended_at.map(Timestamp::from_utc),
        locked: row.try_get("locked")?,
        location_ttl_seconds: row.try_get("location_ttl_seconds")?,
        watch_generation: row.try_get("watch_generation")?,
        participant_count: u32::try_from(participant_count).unwrap_or(u32::MAX),
    })
}

fn participant_row(row: &PgRow) -> Result<ParticipantRecord, StoreError> {
    let (user_id, display_name) = (row.try_get("user_id")?, row.try_get("display_name")?);
    let last_seen = timestamp(row, "last_seen")?;
    Ok(rules::participant(user_id, display_name, row.try_get("avatar_color")?, last_seen))
}

pub(super) fn timestamp(row: &PgRow, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_utc(row.try_get(column)?))
}
