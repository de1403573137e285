//! What a token says: the session, the user and the role that it was issued for.

use crate::id::{SessionId, UserId};

/// What the bearer of a token is in its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Made it: may end and change it, and remove people.
    Creator,
    /// Takes part: may connect, send positions, and leave.
    Participant,
    /// Sees: may connect, until watchers are sent away.
    Watcher {
        /// How often watchers had been sent away when they were let watch.
        generation: u32,
    },
}

impl Role {
    /// What it is called in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creator => "creator",
            Self::Participant => "participant",
            Self::Watcher { .. } => "watcher",
        }
    }
}

/// What a valid token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The session that it is for.
    pub session: SessionId,
    /// The bearer.
    pub user: UserId,
    /// What the bearer may do.
    pub role: Role,
}
