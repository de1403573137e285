//! What lasts: sessions and participants. Never a position.
//!
//! Methods are named after the domain and are one transaction each; SQL stands nowhere else. Another
//! database is another file beside `sqlite.rs` with the same methods.

mod sqlite;

pub use sqlite::Sqlite as Store;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::problem::Problem;
use tagalong_core::session::{Closed, SessionName};
use tagalong_core::time::Timestamp;

/// A session to be made.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Its name, if any.
    pub name: Option<SessionName>,
    /// Who made it.
    pub creator_id: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
}

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Its name, if any.
    pub name: Option<SessionName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
    /// Active participants.
    pub participant_count: u32,
    /// Whether nobody new may join.
    pub locked: bool,
}

/// Somebody to be let in.
#[derive(Clone, Debug)]
pub struct NewParticipant {
    /// Their id.
    pub user_id: UserId,
    /// Their name.
    pub display_name: DisplayName,
    /// Their colour; without one they get one that the session does not use.
    pub avatar_color: Option<AvatarColor>,
}

/// An active participant as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantRecord {
    /// Who.
    pub profile: Profile,
    /// Their last sign of life that was written down.
    pub last_seen: Timestamp,
}

/// A change of a session; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct SessionChange {
    /// A new name, or none any more.
    pub name: Option<Option<SessionName>>,
    /// A new end.
    pub expires_at: Option<Timestamp>,
    /// Whether nobody new may join.
    pub locked: Option<bool>,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The session is not open.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// Somebody active has that name.
    #[error("the display name is taken")]
    NameTaken,
    /// Every place is taken.
    #[error("the session is full")]
    Full,
    /// Nobody new may join.
    #[error("the session is locked")]
    Locked,
    /// No such participant.
    #[error("no such participant")]
    ParticipantNotFound,
    /// The participant has left.
    #[error("the participant has left")]
    ParticipantLeft,
    /// The database does not answer, or not as it should. The cause is for the log alone.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// What the public is told.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Closed(closed) => (*closed).into(),
            Self::NameTaken => Problem::DisplayNameTaken,
            Self::Full => Problem::SessionFull,
            Self::Locked => Problem::SessionLocked,
            Self::ParticipantNotFound => Problem::ParticipantNotFound,
            Self::ParticipantLeft => Problem::ParticipantLeft,
            Self::Unavailable(_) => Problem::Unavailable,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.into())
    }
}
