//! Leaves, and the revocation of watching.

use futures_util::FutureExt;
use sqlx::sqlite::SqliteConnection;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::session::Rejection;
use tagalong_core::time::Timestamp;

use super::deletion::gone;
use super::{Sqlite, open_session};
use crate::rules;
use crate::{Departure, StoreError, TransactionError};

impl Sqlite {
    pub(crate) async fn leave(
        &self,
        id: SessionId,
        user: &UserId,
        how: Departure,
        now: Timestamp,
    ) -> Result<u32, TransactionError> {
        let _deleting = self.wiper.deleting();
        let user = user.clone();
        self.writer.write(move |write| async move { leave(write, id, &user, how, now).await }.boxed()).await
    }

    pub(crate) async fn revoke_watching(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<u32, TransactionError> {
        let mut write = self.writer.begin().await?;
        let generation = open_session(&mut write, id, now).await?.watch_generation.saturating_add(1);
        set_watch_generation(&mut write, id, generation).await?;
        write.commit().await?;
        Ok(generation)
    }
}

async fn leave(
    write: &mut SqliteConnection,
    id: SessionId,
    user: &UserId,
    how: Departure,
    now: Timestamp,
) -> Result<u32, TransactionError> {
    let session = open_session(write, id, now).await?;
    let active: Option<bool> =
        sqlx::query_scalar("SELECT is_active FROM participants WHERE session_id = ? AND user_id = ?")
            .bind(id.to_string())
            .bind(user.as_str())
            .fetch_optional(&mut *write)
            .await?;
    match active {
        None => return Err(Rejection::ParticipantNotFound.into()),
        Some(false) => return Err(Rejection::ParticipantLeft.into()),
        Some(true) => {}
    }
    sqlx::query(concat!("UPDATE participants SET ", gone!(), " WHERE session_id = ? AND user_id = ?"))
        .bind(id.to_string())
        .bind(user.as_str())
        .execute(&mut *write)
        .await?;
    let generation = rules::after_departure(&session, how);
    if generation != session.watch_generation {
        set_watch_generation(write, id, generation).await?;
    }
    Ok(generation)
}

async fn set_watch_generation(
    write: &mut SqliteConnection,
    id: SessionId,
    generation: u32,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sessions SET watch_generation = ? WHERE id = ?")
        .bind(rules::integer(generation))
        .bind(id.to_string())
        .execute(write)
        .await?;
    Ok(())
}
