//! One write of a session at a time on this node, and a share of the database connections for changes.
//!
//! A write locks its session's row in PostgreSQL. Other writes of the same session would wait for that lock, and each
//! would hold a connection of the pool: with ten of them, no other session could be read. So they wait here, without a
//! connection. A client with many sessions could use up all connections in the same way, so changes with a token may
//! use only a share of them. The rest is for joins and reads.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tagalong_core::id::SessionId;
use tagalong_platform::clock::Clock;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// How long a write waits for its lock: joins of one session run one after the other. The database has 2 s for each.
const WAIT_MAX: Duration = Duration::from_secs(5);

type Queue = Arc<AsyncMutex<()>>;

/// The locks of all sessions with a write. Clones share them.
#[derive(Clone)]
pub(crate) struct WriteLocks {
    queues: Queues,
    changes: Arc<Semaphore>,
}

type Queues = Arc<Mutex<HashMap<SessionId, Queue>>>;

/// The lock of one write, until it is dropped. Fields are dropped in order: the lock ends before the place in the
/// queue.
pub(crate) struct WriteLock {
    _session: OwnedMutexGuard<()>,
    _change: Option<OwnedSemaphorePermit>,
    _place: Place,
}

/// A place in a queue. Dropping the last one removes the queue.
struct Place {
    queues: Queues,
    session: SessionId,
}

/// The lock was not free in time.
#[derive(Debug, thiserror::Error)]
#[error("other writes took more than {} s", WAIT_MAX.as_secs())]
pub struct LockTimeout;

impl WriteLocks {
    /// Without locks yet; allows at most `changes_max` changes at a time.
    pub(crate) fn new(changes_max: usize) -> Self {
        Self { queues: Arc::default(), changes: Arc::new(Semaphore::new(changes_max)) }
    }

    /// Waits for the earlier writes of a session.
    pub(crate) async fn lock(&self, session: SessionId, clock: &Clock) -> Result<WriteLock, LockTimeout> {
        tokio::select! {
            lock = self.next(session) => Ok(lock),
            () = clock.sleep(WAIT_MAX) => Err(LockTimeout),
        }
    }

    /// Waits for those, and for a free place among the changes of all sessions.
    pub(crate) async fn lock_for_change(
        &self,
        session: SessionId,
        clock: &Clock,
    ) -> Result<WriteLock, LockTimeout> {
        let change = async {
            let lock = self.next(session).await;
            // Never closed.
            let change = Arc::clone(&self.changes).acquire_owned().await.ok();
            WriteLock { _change: change, ..lock }
        };
        tokio::select! {
            lock = change => Ok(lock),
            () = clock.sleep(WAIT_MAX) => Err(LockTimeout),
        }
    }

    async fn next(&self, session: SessionId) -> WriteLock {
        let queue = Arc::clone(self.queues.lock().entry(session).or_default());
        let place = Place { queues: Arc::clone(&self.queues), session };
        WriteLock { _session: queue.lock_owned().await, _change: None, _place: place }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = self.queues.lock();
        // Each remaining place has a clone of its own; new ones are created under this lock.
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
    async fn writes_of_a_session_come_one_after_the_other_and_locks_are_removed() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let locks = WriteLocks::new(2);
        let session = |number| SessionId::from_random([number; 16]);
        let first = locks.lock(session(1), &clock).await.unwrap();
        let other = locks.lock(session(2), &clock).await.unwrap();
        let mut second = Box::pin(locks.lock(session(1), &clock));
        let mut third = Box::pin(locks.lock(session(1), &clock));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        drop(first);
        let second = second.await.unwrap();
        assert!(third.as_mut().now_or_never().is_none());
        hand.advance(WAIT_MAX);
        assert!(third.await.is_err());
        drop((second, other));
        assert!(locks.queues.lock().is_empty());
    }

    #[tokio::test]
    async fn changes_of_many_sessions_leave_connections_for_joins() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let locks = WriteLocks::new(2);
        let session = |number| SessionId::from_random([number; 16]);
        let first = locks.lock_for_change(session(1), &clock).await.unwrap();
        let _second = locks.lock_for_change(session(2), &clock).await.unwrap();
        let mut third = Box::pin(locks.lock_for_change(session(3), &clock));
        assert!(third.as_mut().now_or_never().is_none());
        assert!(locks.lock(session(4), &clock).now_or_never().is_some_and(|lock| lock.is_ok()));
        drop(first);
        assert!(third.await.is_ok());
        assert_eq!(locks.queues.lock().len(), 1);
    }
}
