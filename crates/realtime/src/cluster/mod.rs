//! The bus between nodes: shares, and hints about sessions.
//!
//! The database is the truth about sessions and participants; the bus carries hints to read it again. Positions are
//! state with a timestamp: received late, twice or in the wrong order, they change nothing. So the bus need not be
//! reliable, and nothing waits for it.

pub mod redis;

use std::sync::Arc;
use std::time::Duration;

use tagalong_core::hlc::NodeId;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::session::EndReason;
use tagalong_core::share::Share;
use tagalong_core::time::Timestamp;

use self::redis::Redis;

/// The bus to other nodes. Clones share it.
#[derive(Clone)]
pub enum Bus {
    /// There are none.
    Local,
    /// Through Redis.
    Redis(Redis),
}

/// A change of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint {
    /// The database has a new state: participants, name, end.
    Changed,
    /// It is over.
    Ended(EndReason),
}

/// A message from another node.
#[derive(Debug)]
pub enum Heard {
    /// A share of a participant on another node.
    Share(SessionId, Share),
    /// Something happened to a session.
    Hint(SessionId, Hint),
    /// The number of watchers on another node.
    Watching(SessionId, NodeId, u32),
    /// The connection is back; messages in both directions were lost meanwhile.
    Restored,
}

/// The bus's interface to the rooms of this node. No call may wait.
pub trait Rooms: Send + Sync + 'static {
    /// Takes the updates that are unsent to other nodes. Returns the life of a position in the session.
    fn take_unsent(&self, session: SessionId, unsent: &mut Vec<Share>) -> Duration;
    /// Whether a user is in a session, as far as its room here knows.
    fn is_in(&self, session: SessionId, user: &UserId) -> bool;
    /// Takes the number of watchers on this node, if it is unsent.
    fn take_watching(&self, session: SessionId) -> Option<u32>;
    /// Receives a message from another node.
    fn heard(&self, heard: Heard);
}

/// The health of the bus.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum BusHealth {
    /// No other nodes.
    NotConfigured,
    /// It answered after so many milliseconds.
    Healthy(f64),
    /// It does not answer; participants on this node still see each other.
    Degraded(&'static str),
}

impl Bus {
    /// This node's name among others, if there can be any.
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Self::Local => None,
            Self::Redis(redis) => Some(redis.node()),
        }
    }

    /// Starts to write and to listen.
    pub fn start(&self, rooms: Arc<dyn Rooms>) {
        if let Self::Redis(redis) = self {
            redis.start(rooms);
        }
    }

    /// Writes what is left, and stops.
    pub async fn close(&self) {
        if let Self::Redis(redis) = self {
            redis.close().await;
        }
    }

    /// The session's room has updates for other nodes. Never waits.
    pub fn publish(&self, session: SessionId) {
        if let Self::Redis(redis) = self {
            redis.outbox().publish(session);
        }
    }

    /// Sends a hint to other nodes that may have a room of the session. Never waits.
    pub fn hint(&self, session: SessionId, hint: Hint) {
        if let Self::Redis(redis) = self {
            redis.outbox().hint(session, hint);
        }
    }

    /// There is a room for the session from now on. Never waits.
    pub fn subscribe(&self, session: SessionId) {
        if let Self::Redis(redis) = self {
            redis.outbox().subscribe(session);
        }
    }

    /// There is no room for the session any more. Never waits.
    pub fn unsubscribe(&self, session: SessionId) {
        if let Self::Redis(redis) = self {
            redis.outbox().unsubscribe(session);
        }
    }

    /// Deletes the state of former participants. Never waits.
    pub fn forget(&self, session: SessionId, users: impl IntoIterator<Item = UserId>) {
        if let Self::Redis(redis) = self {
            redis.outbox().forget(session, users);
        }
    }

    /// Deletes the state of a session that has ended, and of these participants. Never waits.
    pub fn clear(&self, session: SessionId, users: impl IntoIterator<Item = UserId>) {
        if let Self::Redis(redis) = self {
            redis.outbox().clear(session, users);
        }
    }

    /// The newest shares of these participants through any node. The session must be subscribed before, so that no
    /// later share is missed. Empty if the bus does not answer in time.
    pub async fn read(&self, session: SessionId, users: &[UserId]) -> Vec<Share> {
        match self {
            Self::Local => Vec::new(),
            Self::Redis(redis) => redis.read(session, users).await,
        }
    }

    /// Records the last activity of participants on this node. Never waits.
    pub fn seen(&self, seen: Vec<(SessionId, UserId, Timestamp)>) {
        if let Self::Redis(redis) = self {
            redis.outbox().seen(seen);
        }
    }

    /// Whether the connection to other nodes is down, as far as is known.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Local => false,
            Self::Redis(redis) => redis.is_away(),
        }
    }

    /// Checks the connection.
    pub async fn health(&self) -> BusHealth {
        match self {
            Self::Local => BusHealth::NotConfigured,
            Self::Redis(redis) => redis.health().await,
        }
    }
}
