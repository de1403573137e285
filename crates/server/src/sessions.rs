//! The domain calls. Each does the store's transaction first, then tells the room: what the room says is
//! true already. Both or neither: whoever asked may hang up between the two, and it is done to the end all the
//! same.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::session::{EndReason, SessionName};
use tagalong_core::time::Timestamp;

use crate::clock::Clock;
use crate::entropy::random;
use crate::realtime::hub::{Hub, now};
use crate::store::{
    NewParticipant, NewSession, ParticipantRecord, SessionChange, SessionRecord, Store, StoreError,
};

/// Makes, changes and ends sessions; lets people in and out. Clones share everything.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    hub: Arc<Hub>,
    clock: Clock,
    places: usize,
    /// Signs of life that the database has not taken yet.
    unsaved: Arc<Mutex<HashMap<(SessionId, UserId), Timestamp>>>,
}

impl Sessions {
    /// Sessions of up to `places` participants.
    pub fn new(store: Store, hub: Arc<Hub>, clock: Clock, places: usize) -> Self {
        Self { store, hub, clock, places, unsaved: Arc::default() }
    }

    /// Makes a session that ends after `length`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create(
        &self,
        name: Option<SessionName>,
        length: Duration,
    ) -> Result<NewSession, StoreError> {
        let created_at = self.clock.now();
        let session = NewSession {
            id: SessionId::from_random(random().map_err(no_entropy)?),
            name,
            creator_id: UserId::from_random(random().map_err(no_entropy)?),
            created_at,
            expires_at: created_at.plus(length),
        };
        self.store.create_session(&session).await?;
        Ok(session)
    }

    /// A session as it stands.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn get(&self, id: SessionId) -> Result<SessionRecord, StoreError> {
        self.store.session(id, self.clock.now()).await
    }

    /// The active participants in order of joining.
    ///
    /// # Errors
    /// When the session is not open.
    pub async fn participants(&self, id: SessionId) -> Result<Vec<ParticipantRecord>, StoreError> {
        Ok(self.store.participants(id, self.clock.now()).await?.1)
    }

    /// Lets somebody in, and tells the others.
    ///
    /// # Errors
    /// When the session is not open, locked, or full, or the name is taken.
    pub async fn join(
        &self,
        id: SessionId,
        display_name: DisplayName,
        avatar_color: Option<AvatarColor>,
    ) -> Result<(SessionRecord, Profile), StoreError> {
        let user_id = UserId::from_random(random().map_err(no_entropy)?);
        let new = NewParticipant { user_id, display_name, avatar_color };
        let own = self.clone();
        to_the_end(async move {
            let (session, profile) = own.store.join(id, new, own.places, own.clock.now()).await?;
            own.hub.tell(id, |room| room.member_joined(profile.clone()));
            Ok((session, profile))
        })
        .await
    }

    /// Lets somebody watch: whether they may, and until when.
    ///
    /// # Errors
    /// When the session is not open, locked, or watched by enough.
    pub async fn watch(&self, id: SessionId) -> Result<(SessionRecord, UserId), StoreError> {
        let session = self.get(id).await?;
        if session.locked {
            return Err(StoreError::Locked);
        }
        if self.hub.watchers_full(id) {
            return Err(StoreError::Full);
        }
        Ok((session, UserId::from_random(random().map_err(no_entropy)?)))
    }

    /// Takes somebody out, and tells the others.
    ///
    /// # Errors
    /// When the session is not open, or they are not in it.
    pub async fn leave(&self, id: SessionId, user: UserId) -> Result<(), StoreError> {
        let own = self.clone();
        to_the_end(async move {
            own.store.leave(id, &user, own.clock.now()).await?;
            own.hub.tell(id, |room| room.member_left(user));
            Ok(())
        })
        .await
    }

    /// Changes a session, and tells everyone.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn update(&self, id: SessionId, change: SessionChange) -> Result<SessionRecord, StoreError> {
        let own = self.clone();
        to_the_end(async move {
            let session = own.store.update(id, &change, own.clock.now()).await?;
            let now = now(&own.clock);
            let name = session.name.clone();
            own.hub.tell(id, |room| room.updated(name, session.expires_at, session.locked, now));
            Ok(session)
        })
        .await
    }

    /// Ends a session, and tells everyone.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn end(&self, id: SessionId) -> Result<(), StoreError> {
        let own = self.clone();
        to_the_end(async move {
            own.store.end(id, own.clock.now()).await?;
            own.hub.end(id, EndReason::EndedByCreator);
            Ok(())
        })
        .await
    }

    /// Ends what has expired at `now` or is used no more, and takes out who gave no sign of life.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn clean_up(
        &self,
        now: Timestamp,
        inactivity: Duration,
        silence: Duration,
    ) -> Result<(), StoreError> {
        for id in self.store.expire_sessions(now, now.minus(inactivity)).await? {
            self.hub.end(id, EndReason::Expired);
        }
        for (id, user) in self.store.time_out_participants(now.minus(silence)).await? {
            self.hub.tell(id, |room| room.member_left(user));
        }
        Ok(())
    }

    /// Writes signs of life down.
    ///
    /// # Errors
    /// When the database does not answer; they are kept for the next time then. Without them, somebody who was
    /// connected all the while would count as silent once the database is back.
    pub async fn save_seen(&self) -> Result<(), StoreError> {
        let rows: Vec<_> = {
            let mut unsaved = self.unsaved.lock();
            let seen = self.hub.take_seen().into_iter();
            unsaved.extend(seen.map(|(session, user, at)| ((session, user), at)));
            unsaved.iter().map(|((session, user), at)| (*session, user.clone(), *at)).collect()
        };
        self.store.save_seen(&rows).await?;
        let mut unsaved = self.unsaved.lock();
        for (session, user, at) in rows {
            let key = (session, user);
            // A later one may have come meanwhile.
            if unsaved.get(&key) == Some(&at) {
                unsaved.remove(&key);
            }
        }
        Ok(())
    }

    /// Deletes what ended before a time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge(&self, ended_before: Timestamp) -> Result<u64, StoreError> {
        self.store.purge(ended_before).await
    }
}

/// Does something that must not stay half done, also when whoever asked for it goes away meanwhile.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.unwrap_or_else(|panicked| Err(StoreError::Unavailable(panicked.into())))
}

fn no_entropy(error: getrandom::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}
