//! One write of a session at a time on this node, and not all connections for changes.
//!
//! A write locks its session's row in PostgreSQL. Others of the same session would wait for that lock, each with a
//! connection of the pool in its hands: ten of them, and nobody else's session could be read. So they wait here, with
//! nothing in their hands. Somebody with many sessions could use all connections up the same way, so changes with a token
//! have a part of them; to join and to read are left the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tagalong_core::id::SessionId;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;

/// How long a write waits for those before it: a crowd that joins one session at once is let in one after the other. A
/// write that is under way has 2 s.
const PATIENCE: Duration = Duration::from_secs(5);

type Queue = Arc<AsyncMutex<()>>;

/// The writes that are under way. Clones share them.
#[derive(Clone)]
pub(crate) struct Turns {
    queues: Queues,
    changes: Arc<Semaphore>,
}

type Queues = Arc<Mutex<HashMap<SessionId, Queue>>>;

/// The turn of one write, until it is dropped. Fields are dropped in order: the turn ends before the queue is given up.
pub(crate) struct Turn {
    _turn: OwnedMutexGuard<()>,
    _change: Option<OwnedSemaphorePermit>,
    _place: Place,
}

/// A place in a queue. The last one to leave takes the queue away.
struct Place {
    queues: Queues,
    session: SessionId,
}

/// The writes before it took too long.
#[derive(Debug, thiserror::Error)]
#[error("other writes took more than {} s", PATIENCE.as_secs())]
pub(crate) struct TooLong;

impl Turns {
    /// Nothing is under way; at most so many changes may be at a time.
    pub(crate) fn new(changes_max: usize) -> Self {
        Self { queues: Arc::default(), changes: Arc::new(Semaphore::new(changes_max)) }
    }

    /// Waits for the writes of a session that came before.
    pub(crate) async fn take(&self, session: SessionId, clock: &Clock) -> Result<Turn, TooLong> {
        tokio::select! {
            turn = self.next(session) => Ok(turn),
            () = clock.sleep(PATIENCE) => Err(TooLong),
        }
    }

    /// Waits for those too, and until there are few enough changes of all sessions.
    pub(crate) async fn take_for_change(&self, session: SessionId, clock: &Clock) -> Result<Turn, TooLong> {
        let change = async {
            let turn = self.next(session).await;
            // Never closed.
            let change = Arc::clone(&self.changes).acquire_owned().await.ok();
            Turn { _change: change, ..turn }
        };
        tokio::select! {
            turn = change => Ok(turn),
            () = clock.sleep(PATIENCE) => Err(TooLong),
        }
    }

    async fn next(&self, session: SessionId) -> Turn {
        let queue = Arc::clone(self.queues.lock().entry(session).or_default());
        let place = Place { queues: Arc::clone(&self.queues), session };
        Turn { _turn: queue.lock_owned().await, _change: None, _place: place }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = self.queues.lock();
        // Each place that is left has a clone of its own; new ones are made under this lock.
        if queues.get(&self.session).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tagalong_core::time::Timestamp;

    use super::*;

    #[tokio::test]
    async fn writes_of_a_session_come_one_after_the_other_and_leave_nothing_behind() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let turns = Turns::new(2);
        let session = |number| SessionId::from_random([number; 16]);
        let first = turns.take(session(1), &clock).await.unwrap();
        let other = turns.take(session(2), &clock).await.unwrap();
        let mut second = Box::pin(turns.take(session(1), &clock));
        let mut third = Box::pin(turns.take(session(1), &clock));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        drop(first);
        let second = second.await.unwrap();
        assert!(third.as_mut().now_or_never().is_none());
        hand.advance(PATIENCE);
        assert!(third.await.is_err());
        drop((second, other));
        assert!(turns.queues.lock().is_empty());
    }
    #[tokio::test]
    async fn many_sessions_changes_leave_room_for_those_who_join() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let turns = Turns::new(2);
        let session = |number| SessionId::from_random([number; 16]);
        let first = turns.take_for_change(session(1), &clock).await.unwrap();
        let _second = turns.take_for_change(session(2), &clock).await.unwrap();
        let mut third = Box::pin(turns.take_for_change(session(3), &clock));
        assert!(third.as_mut().now_or_never().is_none());
        assert!(turns.take(session(4), &clock).now_or_never().is_some_and(|turn| turn.is_ok()));
        drop(first);
        assert!(third.await.is_ok());
        assert_eq!(turns.queues.lock().len(), 1);
    }
}
