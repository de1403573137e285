//! The tracker ids of a session's participants.

use tagalong_core::id::SessionId;
use tagalong_core::participant::Profile;
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;

use super::{Sqlite, open_session};
use crate::{TransactionError, rules};

impl Sqlite {
    pub(crate) async fn assign_tracker_ids(
        &self,
        id: SessionId,
        present: &[Profile],
        now: Timestamp,
    ) -> Result<TrackerIds, TransactionError> {
        let mut write = self.writer.begin().await?;
        open_session(&mut write, id, now).await?;
        let json: Option<String> = sqlx::query_scalar("SELECT tracker_ids FROM sessions WHERE id = ?")
            .bind(id.to_string())
            .fetch_one(&mut *write)
            .await?;
        let mut ids = rules::tracker_ids(json.as_deref());
        ids.assign(present);
        sqlx::query("UPDATE sessions SET tracker_ids = ? WHERE id = ?")
            .bind(rules::tracker_ids_json(&ids))
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(ids)
    }
}
