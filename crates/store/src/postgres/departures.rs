//! Leaves, and the revocation of watching.

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::session::Rejection;
use tagalong_core::time::Timestamp;

use super::sql::{gone, lock_session};
use crate::rules;
use crate::{Departure, StoreError, TransactionError};

pub(super) async fn leave(
    connection: &mut PgConnection,
    id: SessionId,
    user: &UserId,
    how: Departure,
    now: Timestamp,
) -> Result<u32, TransactionError> {
    let mut write = connection.begin().await?;
    let session = lock_session(&mut write, id, now).await?;
    let left = sqlx::query(concat!(
        "UPDATE participants SET ",
        gone!(),
        " WHERE session_id = $1 AND user_id = $2 AND is_active"
    ))
    .bind(id.as_uuid())
    .bind(user.as_str())
    .execute(&mut *write)
    .await?;
    if left.rows_affected() == 0 {
        let known = sqlx::query("SELECT FROM participants WHERE session_id = $1 AND user_id = $2")
            .bind(id.as_uuid())
            .bind(user.as_str())
            .fetch_optional(&mut *write)
            .await?;
        return Err(known.map_or(Rejection::ParticipantNotFound, |_| Rejection::ParticipantLeft).into());
    }
    let generation = rules::after_departure(&session, how);
    if generation != session.watch_generation {
        set_watch_generation(&mut write, id, generation).await?;
    }
    write.commit().await?;
    Ok(generation)
}

pub(super) async fn revoke_watching(
    connection: &mut PgConnection,
    id: SessionId,
    now: Timestamp,
) -> Result<u32, TransactionError> {
    let mut write = connection.begin().await?;
    let generation = lock_session(&mut write, id, now).await?.watch_generation.saturating_add(1);
    set_watch_generation(&mut write, id, generation).await?;
    write.commit().await?;
    Ok(generation)
}

/// Of a session that is locked.
async fn set_watch_generation(
    write: &mut PgConnection,
    id: SessionId,
    generation: u32,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sessions SET watch_generation = $2 WHERE id = $1")
        .bind(id.as_uuid())
        .bind(rules::integer(generation))
        .execute(write)
        .await?;
    Ok(())
}
