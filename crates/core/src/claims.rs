//! What a token says: the session, the user and the role that it was issued for.

use crate::id::{SessionId, UserId};

/// The role of a token's owner in the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// May change and end the session, and remove participants.
    Creator,
    /// May connect, send positions, and leave.
    Participant,
    /// May connect and receive, until watching is revoked.
    Watcher {
        /// The session's watch generation at the time of issue.
        generation: u32,
    },
}

impl Role {
    /// The name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creator => "creator",
            Self::Participant => "participant",
            Self::Watcher { .. } => "watcher",
        }
    }
}

/// The content of a valid token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    pub session: SessionId,
    pub user: UserId,
    pub role: Role,
}
