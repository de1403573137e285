//! The domain calls. Each runs the store's transaction first, then notifies the room, then sends other nodes a hint, so
//! that every notification is about a committed fact. A call runs to its end even if the client disconnects.

mod error;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::session::{EndReason, Rejection, SessionName};
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;
use tagalong_platform::clock::Clock;
use tagalong_platform::entropy::Entropy;
use tagalong_platform::traces;
use tagalong_realtime::cluster::{Bus, Hint};
use tagalong_realtime::hub::{Hub, details, now};
use tagalong_store::{
    Departure, EndedSession, NewParticipant, NewSession, ParticipantRecord, SessionChange, SessionRecord,
    Store, StoreError, TrackerRecord,
};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

pub use self::error::SessionError;
use crate::seen::Unsaved;
use crate::trackers::TrackerLink;
use crate::write_locks::{WriteLock, WriteLocks};

/// Before the activity of any session.
const NEVER: Timestamp = Timestamp::from_millis(0);

/// Creates, changes and ends sessions; joins and leaves. Clones share everything.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    hub: Arc<Hub>,
    bus: Bus,
    clock: Clock,
    entropy: Entropy,
    places: usize,
    unsaved: Arc<AsyncMutex<Unsaved>>,
    write_locks: WriteLocks,
}

impl Sessions {
    /// Sessions of up to `places` participants.
    pub fn new(store: Store, hub: Arc<Hub>, bus: Bus, clock: Clock, entropy: Entropy, places: usize) -> Self {
        // Half of the connections, with a database that uses them for writes.
        let changes_max =
            if store.locks_rows() { (store.pool().max / 2).max(1) } else { Semaphore::MAX_PERMITS };
        Self {
            store,
            hub,
            bus,
            clock,
            entropy,
            places,
            unsaved: Arc::default(),
            write_locks: WriteLocks::new(changes_max),
        }
    }

    /// Creates a session that ends after `length`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create(
        &self,
        name: Option<SessionName>,
        length: Duration,
        location_ttl: Duration,
    ) -> Result<NewSession, SessionError> {
        let created_at = self.clock.now();
        let session = NewSession {
            id: SessionId::from_random(self.entropy.bytes()?),
            name,
            creator_id: UserId::from_random(self.entropy.bytes()?),
            created_at,
            expires_at: created_at.plus(length),
            location_ttl,
        };
        self.store.create_session(&session).await?;
        Ok(session)
    }

    /// The present state of a session.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn get(&self, id: SessionId) -> Result<SessionRecord, SessionError> {
        Ok(self.store.session(id, self.clock.now()).await?)
    }

    /// A session and its active participants in order of joining.
    ///
    /// # Errors
    /// When the session is not open.
    pub async fn participants(
        &self,
        id: SessionId,
    ) -> Result<(SessionRecord, Vec<ParticipantRecord>), SessionError> {
        Ok(self.store.participants(id, self.clock.now()).await?)
    }

    /// Adds a participant, and notifies the others.
    ///
    /// # Errors
    /// When the session is not open, locked, or full, or the name is taken.
    pub async fn join(
        &self,
        id: SessionId,
        display_name: DisplayName,
        avatar_color: Option<AvatarColor>,
    ) -> Result<(SessionRecord, Profile), SessionError> {
        let user_id = UserId::from_random(self.entropy.bytes()?);
        let new = NewParticipant { user_id, display_name, avatar_color };
        let own = self.clone();
        to_the_end(async move {
            // SQLite writes waiting joins in one transaction, and locks no rows.
            let _lock = if own.store.locks_rows() { Some(own.lock_to_join(id).await?) } else { None };
            let (session, profile) = own.store.join(id, new, own.places, own.clock.now()).await?;
            own.hub.tell(id, |room| room.member_joined(profile.clone()));
            own.bus.hint(id, Hint::Changed);
            Ok((session, profile))
        })
        .await
    }

    /// Admits a watcher. Returns the session and the end of the right to watch.
    ///
    /// # Errors
    /// When the session is not open, locked, or has the most watchers.
    pub async fn watch(&self, id: SessionId) -> Result<(SessionRecord, UserId), SessionError> {
        let session = self.get(id).await?;
        if session.locked {
            return Err(Rejection::Locked.into());
        }
        if self.hub.watchers_full(id) {
            return Err(Rejection::Full.into());
        }
        Ok((session, UserId::from_random(self.entropy.bytes()?)))
    }

    /// Removes a participant, and notifies the others. A removal by the creator also revokes watching, because the
    /// removed person may watch too.
    ///
    /// # Errors
    /// When the session is not open, or they are not in it.
    pub async fn leave(&self, id: SessionId, user: UserId, how: Departure) -> Result<(), SessionError> {
        let own = self.clone();
        to_the_end(async move {
            let _lock = own.lock_to_change(id).await?;
            let generation = own.store.leave(id, &user, how, own.clock.now()).await?;
            own.watching_revoked(id, generation);
            own.gone(id, user);
            Ok(())
        })
        .await
    }

    /// Revokes watching: disconnects all watchers.
    ///
    /// # Errors
    /// When the session is not open.
    pub async fn revoke_watching(&self, id: SessionId) -> Result<(), SessionError> {
        let own = self.clone();
        to_the_end(async move {
            let _lock = own.lock_to_change(id).await?;
            let generation = own.store.revoke_watching(id, own.clock.now()).await?;
            own.watching_revoked(id, generation);
            own.bus.hint(id, Hint::Changed);
            Ok(())
        })
        .await
    }

    fn watching_revoked(&self, id: SessionId, generation: u32) {
        let now = now(&self.clock);
        self.hub.tell(id, |room| room.watching_revoked(generation, now));
    }

    /// The owner of a tracker link, as in the database.
    ///
    /// # Errors
    /// When the link is no longer valid, or the database does not answer.
    pub async fn tracker(&self, link: &TrackerLink) -> Result<TrackerRecord, SessionError> {
        let record = self.store.tracker(&link.user, self.clock.now()).await?;
        if record.generation == link.generation { Ok(record) } else { Err(Rejection::LinkRevoked.into()) }
    }

    /// The tracker link of a participant, and its record in the database.
    ///
    /// # Errors
    /// When the session is not open, or they are not in it.
    pub async fn tracker_link(
        &self,
        id: SessionId,
        user: UserId,
    ) -> Result<(TrackerLink, TrackerRecord), SessionError> {
        self.get(id).await?;
        let record = self.store.tracker(&user, self.clock.now()).await?;
        if record.session != id {
            return Err(Rejection::ParticipantNotFound.into());
        }
        Ok((TrackerLink { user, generation: record.generation }, record))
    }

    /// The tracker ids of the participants in a session, who are given in order of joining.
    ///
    /// # Errors
    /// When the session is not open, or the database does not answer.
    pub async fn tracker_ids(
        &self,
        record: TrackerRecord,
        present: &[Profile],
    ) -> Result<TrackerIds, SessionError> {
        if record.tracker_ids.has_all(present.iter()) {
            return Ok(record.tracker_ids);
        }
        Ok(self.store.assign_tracker_ids(record.session, present, self.clock.now()).await?)
    }

    /// Revokes the tracker links of a participant.
    ///
    /// # Errors
    /// As [`Self::tracker_link`].
    pub async fn revoke_trackers(&self, id: SessionId, user: UserId) -> Result<(), SessionError> {
        self.tracker_link(id, user.clone()).await?;
        let own = self.clone();
        to_the_end(async move {
            let _lock = own.lock_to_change(id).await?;
            Ok(own.store.revoke_trackers(&user).await?)
        })
        .await
    }

    /// Waits until no other write of the session and not too many changes of other sessions are under way on this node.
    async fn lock_to_change(&self, id: SessionId) -> Result<WriteLock, SessionError> {
        Ok(self.write_locks.lock_for_change(id, &self.clock).await?)
    }

    /// Waits until no other write of the session is under way on this node.
    async fn lock_to_join(&self, id: SessionId) -> Result<WriteLock, SessionError> {
        Ok(self.write_locks.lock(id, &self.clock).await?)
    }

    fn gone(&self, id: SessionId, user: UserId) {
        // The room first, so that it cannot write their last activity again.
        self.hub.tell(id, |room| room.member_left(user.clone()));
        self.bus.forget(id, [user]);
        self.bus.hint(id, Hint::Changed);
    }

    /// Changes a session, and notifies all connections.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn update(&self, id: SessionId, change: SessionChange) -> Result<SessionRecord, SessionError> {
        let own = self.clone();
        to_the_end(async move {
            let _lock = own.lock_to_change(id).await?;
            let session = own.store.update(id, &change, own.clock.now()).await?;
            let now = now(&own.clock);
            own.hub.tell(id, |room| room.updated(details(&session), now));
            own.bus.hint(id, Hint::Changed);
            // The hints of two changes through two nodes may arrive here in the wrong order.
            own.hub.suspect(id);
            Ok(session)
        })
        .await
    }

    /// Ends a session, and notifies all connections.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn end(&self, id: SessionId) -> Result<(), SessionError> {
        let own = self.clone();
        to_the_end(async move {
            let _lock = own.lock_to_change(id).await?;
            let ended = own.store.end(id, own.clock.now()).await?;
            own.over(ended, EndReason::EndedByCreator);
            Ok(())
        })
        .await
    }

    fn over(&self, EndedSession { id, people }: EndedSession, reason: EndReason) {
        self.hub.end(id, reason);
        self.bus.clear(id, people);
        self.bus.hint(id, Hint::Ended(reason));
    }

    /// Ends expired sessions.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expire(&self) -> Result<(), StoreError> {
        for ended in self.store.expire_sessions(self.clock.now(), NEVER).await? {
            self.over(ended, EndReason::Expired);
        }
        Ok(())
    }

    /// Ends sessions that have expired at `now` or are unused, and removes inactive participants.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn clean_up(
        &self,
        now: Timestamp,
        inactivity: Duration,
        silence: Duration,
    ) -> Result<(), StoreError> {
        for ended in self.store.expire_sessions(now, now.minus(inactivity)).await? {
            self.over(ended, EndReason::Expired);
        }
        for (id, user) in self.store.time_out_participants(now.minus(silence)).await? {
            self.gone(id, user);
        }
        Ok(())
    }

    /// Writes the times of last activity. An async lock is held as long as the database takes: a concurrent call finds
    /// all of them written, or still waiting.
    ///
    /// # Errors
    /// When the database does not answer; the times wait, and are written with the next ones.
    pub async fn save_seen(&self) -> Result<(), StoreError> {
        let mut unsaved = self.unsaved.lock().await;
        unsaved.add(self.hub.take_seen());
        let rows = unsaved.rows();
        // The database is asked also without anything to write, so that an outage is noticed.
        let answer =
            if rows.is_empty() { self.store.ping().await } else { self.store.save_seen(&rows).await };
        match &answer {
            Ok(()) => unsaved.saved(),
            Err(_) => unsaved.failed(self.clock.instant()),
        }
        self.bus.seen(rows);
        answer
    }

    /// Whether the database has failed within the last `while_ago`, so that other nodes may have times of last activity
    /// that it lacks.
    pub async fn database_failed_within(&self, while_ago: Duration) -> bool {
        self.unsaved.lock().await.failed_within(while_ago, self.clock.instant())
    }

    /// Deletes the rest of sessions that ended before a time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge(&self, ended_before: Timestamp) -> Result<u64, StoreError> {
        self.store.purge(ended_before).await
    }
}

/// Runs a call to its end, also if the client disconnects meanwhile.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, SessionError>> + Send + 'static,
) -> Result<T, SessionError> {
    tokio::spawn(traces::along(work)).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_panics_is_no_outage_of_the_database() {
        let done = to_the_end::<()>(async { panic!("on purpose") }).await;
        assert!(matches!(done, Err(SessionError::Interrupted(_))));
    }
}
