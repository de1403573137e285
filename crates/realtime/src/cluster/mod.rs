//! Other nodes: what they are told of this one's rooms, and what they tell.
//!
//! The database is the truth about sessions and who is in them; the bus carries hints that there is
//! something to read there. Positions are state with a version: told late, twice or in the wrong order, they
//! change nothing. So nothing here has to be reliable, and nobody waits for it.

pub mod redis;

use std::sync::Arc;
use std::time::Duration;

use tagalong_core::hlc::NodeId;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::session::EndReason;
use tagalong_core::share::Share;
use tagalong_core::time::Timestamp;

use self::redis::Redis;

/// The way to the other nodes. Clones are the same way.
#[derive(Clone)]
pub enum Bus {
    /// There are none.
    Local,
    /// Through Redis.
    Redis(Redis),
}

/// What happened to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint {
    /// The database has something new: who is in it, its name, its end.
    Changed,
    /// It is over.
    Ended(EndReason),
}

/// What other nodes tell.
#[derive(Debug)]
pub enum Heard {
    /// Somebody shared through another node.
    Share(SessionId, Share),
    /// Something happened to a session.
    Hint(SessionId, Hint),
    /// So many watch through another node.
    Watching(SessionId, NodeId, u32),
    /// Other nodes can be heard again; what they said meanwhile was missed, and so were we.
    Restored,
}

/// What the bus needs of the rooms of this node. All are called where nobody may wait.
pub trait Rooms: Send + Sync + 'static {
    /// Takes what came in through this node and others have not been told: how long a position of the session
    /// is shown.
    fn take_unsent(&self, session: SessionId, unsent: &mut Vec<Share>) -> Duration;
    /// Whether somebody is in a session, as far as a room of it here knows.
    fn is_in(&self, session: SessionId, user: &UserId) -> bool;
    /// How many watch through this node, if others have not been told.
    fn take_watching(&self, session: SessionId) -> Option<u32>;
    /// Takes what another node told.
    fn heard(&self, heard: Heard);
}

/// How the way to the other nodes is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum BusHealth {
    /// No other nodes.
    NotConfigured,
    /// It answered after so many milliseconds.
    Healthy(f64),
    /// It does not answer; people on this node see each other all the same.
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

    /// The session's room has something that other nodes have not been told. Never waits.
    pub fn publish(&self, session: SessionId) {
        if let Self::Redis(redis) = self {
            redis.outbox().publish(session);
        }
    }

    /// Something happened to a session that other nodes may have a room for. Never waits.
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

    /// These people are not in the session any more: what is kept of them goes. Never waits.
    pub fn forget(&self, session: SessionId, users: impl IntoIterator<Item = UserId>) {
        if let Self::Redis(redis) = self {
            redis.outbox().forget(session, users);
        }
    }

    /// The session is over: what is kept of it and of these people goes. Never waits.
    pub fn clear(&self, session: SessionId, users: impl IntoIterator<Item = UserId>) {
        if let Self::Redis(redis) = self {
            redis.outbox().clear(session, users);
        }
    }

    /// What the given people last shared through any node. The session must be subscribed: what is told from
    /// now on is heard. Empty when the bus does not answer in time.
    pub async fn read(&self, session: SessionId, users: &[UserId]) -> Vec<Share> {
        match self {
            Self::Local => Vec::new(),
            Self::Redis(redis) => redis.read(session, users).await,
        }
    }

    /// These people gave a sign of life on this node. Never waits.
    pub fn seen(&self, seen: Vec<(SessionId, UserId, Timestamp)>) {
        if let Self::Redis(redis) = self {
            redis.outbox().seen(seen);
        }
    }

    /// Whether other nodes cannot be heard now, as far as is known.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Local => false,
            Self::Redis(redis) => redis.is_away(),
        }
    }

    /// Asks for a sign of life.
    pub async fn health(&self) -> BusHealth {
        match self {
            Self::Local => BusHealth::NotConfigured,
            Self::Redis(redis) => redis.health().await,
        }
    }
}
