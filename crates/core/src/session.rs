//! What a session is, as far as rules go.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::{MARKS_IN_A_ROW_MAX, SESSION_NAME_CHARS_MAX};
use crate::text::{self, Unfit};
use crate::time::Timestamp;

/// A session's name: 1 to [`SESSION_NAME_CHARS_MAX`] characters, trimmed, without control characters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct SessionName(Box<str>);

/// The text cannot be a session's name; the message is for the person who sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSessionName {
    /// Longer than [`SESSION_NAME_CHARS_MAX`].
    #[error("should be at most {SESSION_NAME_CHARS_MAX} character(s)")]
    TooLong,
    /// Has control characters.
    #[error("must not contain control characters")]
    Control,
    /// Has more than [`MARKS_IN_A_ROW_MAX`] combining marks in a row.
    #[error("must not have more than {MARKS_IN_A_ROW_MAX} marks on one letter")]
    Marks,
}

impl SessionName {
    /// Reads a name; blank text means that there is none.
    ///
    /// # Errors
    /// When it is too long, has control characters, or too many marks on one letter.
    pub fn parse(text: &str) -> Result<Option<Self>, InvalidSessionName> {
        match text::line(text, SESSION_NAME_CHARS_MAX) {
            Ok(line) => Ok(Some(Self(line))),
            Err(Unfit::Blank) => Ok(None),
            Err(Unfit::TooLong) => Err(InvalidSessionName::TooLong),
            Err(Unfit::Control) => Err(InvalidSessionName::Control),
            Err(Unfit::Marks) => Err(InvalidSessionName::Marks),
        }
    }

    /// Reads a name that an older system let in under other rules: the nearest one that ours allow, if any.
    pub fn restore(text: &str) -> Option<Self> {
        let text = text::nearest_line(text, SESSION_NAME_CHARS_MAX);
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a session is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was up, or nobody had used it for long.
    Expired,
    /// Its creator ended it.
    EndedByCreator,
}

impl From<Closed> for EndReason {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Expired => Self::Expired,
            Closed::Ended | Closed::NotFound => Self::EndedByCreator,
        }
    }
}

/// What everyone in a session may know of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Details {
    /// Its name, if any.
    pub name: Option<SessionName>,
    /// When it ends.
    pub ends_at: Timestamp,
    /// Whether nobody new may join.
    pub locked: bool,
    /// How long a position is shown.
    pub location_ttl: Duration,
    /// How often watchers were sent away: only those who were let watch since then may.
    pub watch_generation: u32,
}

impl Details {
    /// Whether people are told the same of both.
    pub fn look_like(&self, other: &Self) -> bool {
        let shown = |details: &Self| (details.ends_at, details.locked, details.location_ttl);
        self.name == other.name && shown(self) == shown(other)
    }
}

/// Why nobody can join a session or act in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Closed {
    /// There is no such session (any more).
    #[error("session not found")]
    NotFound,
    /// It was ended.
    #[error("session has ended")]
    Ended,
    /// Its time is up.
    #[error("session has expired")]
    Expired,
}

/// Why the rules of a session say no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
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
    /// The tracker link is from before links were revoked.
    #[error("the tracker link is revoked")]
    LinkRevoked,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(SessionName::parse("  "), Ok(None));
        assert_eq!(SessionName::parse(" Alps \u{1f3d4} ").unwrap().unwrap().as_str(), "Alps \u{1f3d4}");
        let longest = "\u{e9}".repeat(SESSION_NAME_CHARS_MAX);
        assert!(SessionName::parse(&longest).unwrap().is_some());
        assert_eq!(SessionName::parse(&format!("{longest}x")), Err(InvalidSessionName::TooLong));
        assert_eq!(SessionName::parse("a\u{0}b"), Err(InvalidSessionName::Control));
        assert_eq!(SessionName::restore("a\nb"), SessionName::parse("a b").unwrap());
        // A mark at the beginning, blanks, and a letter with a mark.
        assert_eq!(SessionName::restore("\u{308} \0n\u{308}"), SessionName::parse("n\u{308}").unwrap());
        assert_eq!(SessionName::restore(" \n"), None);
    }
}
