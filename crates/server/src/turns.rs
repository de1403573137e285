//! One write of a session at a time on this node.
//!
//! A write locks its session's row in PostgreSQL. Others of the same session would wait for that lock, each with a
//! connection of the pool in its hands: ten of them, and nobody else's session could be read. So they wait here, with
//! nothing in their hands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tagalong_core::id::SessionId;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::clock::Clock;

/// How long a write waits for those before it: a crowd that joins one session at once is let in one after the other. A
/// write that is under way has 2 s.
const PATIENCE: Duration = Duration::from_secs(5);

type Queue = Arc<AsyncMutex<()>>;

/// The writes that are under way. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<SessionId, Queue>>>);

/// The turn of one write, until it is dropped. Fields are dropped in order: the turn ends before the queue is given up.
pub(crate) struct Turn {
    _turn: OwnedMutexGuard<()>,
    _place: Place,
}

/// A place in a queue. The last one to leave takes the queue away.
struct Place {
    turns: Turns,
    session: SessionId,
}

/// The writes before it took too long.
#[derive(Debug, thiserror::Error)]
#[error("other writes of the session took more than {} s", PATIENCE.as_secs())]
pub(crate) struct TooLong;

impl Turns {
    /// Waits for the writes of a session that came before.
    pub(crate) async fn take(&self, session: SessionId, clock: &Clock) -> Result<Turn, TooLong> {
        let queue = Arc::clone(self.0.lock().entry(session).or_default());
        let place = Place { turns: self.clone(), session };
        tokio::select! {
            turn = queue.lock_owned() => Ok(Turn { _turn: turn, _place: place }),
            () = clock.sleep(PATIENCE) => Err(TooLong),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = self.turns.0.lock();
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
        let turns = Turns::default();
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
        assert!(turns.0.lock().is_empty());
    }
}
