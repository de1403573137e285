//! The rules of a session.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::{MARKS_IN_A_ROW_MAX, SESSION_NAME_CHARS_MAX};
use crate::text::{self, Unfit};
use crate::time::Timestamp;

/// A session's name: 1 to [`SESSION_NAME_CHARS_MAX`] characters, trimmed, without control characters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct SessionName(Box<str>);

/// The text is no valid session name; the message is for the sender.
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
    /// Reads a name; blank text means no name.
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

    /// Reads a name that an older system accepted under other rules: the nearest valid name, if any.
    pub fn restore(text: &str) -> Option<Self> {
        let text = text::nearest_line(text, SESSION_NAME_CHARS_MAX);
        (!text.is_empty()).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a session is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was up, or it was unused for too long.
    Expired,
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

/// The public details of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Details {
    pub name: Option<SessionName>,
    pub ends_at: Timestamp,
    pub locked: bool,
    pub location_ttl: Duration,
    /// How often watching was revoked; only tokens with this number admit a watcher.
    pub watch_generation: u32,
}

impl Details {
    /// Whether clients would see no difference.
    pub fn look_like(&self, other: &Self) -> bool {
        let shown = |details: &Self| (details.ends_at, details.locked, details.location_ttl);
        self.name == other.name && shown(self) == shown(other)
    }
}

/// Why a session is not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Closed {
    #[error("session not found")]
    NotFound,
    #[error("session has ended")]
    Ended,
    #[error("session has expired")]
    Expired,
}

/// Why the rules of a session reject a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejection {
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("the display name is taken")]
    NameTaken,
    #[error("the session is full")]
    Full,
    #[error("the session is locked")]
    Locked,
    #[error("no such participant")]
    ParticipantNotFound,
    #[error("the participant has left")]
    ParticipantLeft,
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
