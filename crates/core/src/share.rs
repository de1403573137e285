//! Shares: the state of one participant that nodes send each other (newest position, sharing status, presence).
//!
//! A share is state and not an event: received twice, late or in the wrong order, it changes nothing.

use serde::{Deserialize, Serialize};

use crate::event::SharingStatus;
use crate::hlc::NodeId;
use crate::id::UserId;
use crate::json::to_json;
use crate::position::Position;
use crate::time::Timestamp;

/// The newest state of one participant that one node received.
#[derive(Clone, PartialEq, Debug)]
pub struct Share {
    /// The node that received it.
    pub node: NodeId,
    pub user_id: UserId,
    /// The position, if new.
    pub moved: Option<Moved>,
    /// The sharing status, if new.
    pub said: Option<StatusUpdate>,
    /// The presence on that node, if new, or due to be repeated.
    pub present: Option<Present>,
    /// When the last position came in, also if that position has expired.
    pub last_position_at: Option<Timestamp>,
}

/// A position, or its withdrawal.
#[derive(Clone, PartialEq, Debug)]
pub struct Moved {
    /// The time of the hybrid logical clock.
    pub at: Timestamp,
    /// When it came in, by the time that all nodes share: the beginning of its life on every node.
    pub received: Timestamp,
    /// Whether a tracker app sent it; a position from a page does not replace a report that was taken later.
    pub reported: bool,
    /// `None` when it was withdrawn or has expired.
    pub position: Option<Position>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatusUpdate {
    /// The time of the hybrid logical clock.
    pub at: Timestamp,
    pub status: SharingStatus,
}

/// A node's claim whether a participant is connected to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Present {
    /// When it was so, by the time that all nodes share: it holds for [`crate::limits::PRESENCE_LEASE`].
    pub at: Timestamp,
    pub connected: bool,
}

/// The text is not a share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a share")]
pub struct InvalidShare;

#[derive(Serialize)]
struct Written<'a> {
    user_id: &'a UserId,
    #[serde(flatten)]
    position: Option<&'a Position>,
    node: NodeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<StatusUpdate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    present: Option<Present>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_position_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Read {
    user_id: UserId,
    lat: Option<serde::de::IgnoredAny>,
    node: NodeId,
    moved: Option<Times>,
    said: Option<StatusUpdate>,
    present: Option<Present>,
    last_position_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Times {
    at: Timestamp,
    received: Timestamp,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    reported: bool,
}

impl Share {
    /// As JSON: the fields of a `location_update`, and those for nodes only.
    pub fn to_json(&self) -> String {
        let moved = self.moved.as_ref();
        to_json(&Written {
            user_id: &self.user_id,
            position: moved.and_then(|moved| moved.position.as_ref()),
            node: self.node,
            moved: moved.map(|&Moved { at, received, reported, .. }| Times { at, received, reported }),
            said: self.said,
            present: self.present,
            last_position_at: self.last_position_at,
        })
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(json: &str) -> Result<Self, InvalidShare> {
        let read: Read = serde_json::from_str(json).map_err(|_| InvalidShare)?;
        let position = match read.lat {
            Some(_) => Some(Position::restore(json).map_err(|_| InvalidShare)?),
            None => None,
        };
        let moved =
            read.moved.map(|Times { at, received, reported }| Moved { at, received, reported, position });
        let Read { node, user_id, said, present, last_position_at, .. } = read;
        Ok(Self { node, user_id, moved, said, present, last_position_at })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(position: Option<&str>, said: Option<SharingStatus>) -> Share {
        let at = Timestamp::from_millis(1_795_000_000_123);
        Share {
            node: NodeId::from_random([7; 8]),
            user_id: UserId::parse("user_1").unwrap(),
            moved: Some(Moved {
                at,
                received: Timestamp::from_millis(1_795_000_000_100),
                reported: said == Some(SharingStatus::Sharing),
                position: position.map(|json| Position::parse(json, at).unwrap()),
            }),
            said: said.map(|status| StatusUpdate { at, status }),
            present: None,
            last_position_at: Some(at),
        }
    }

    #[test]
    fn a_share_is_read_as_it_is_written() {
        let none = Share { moved: None, ..share(None, Some(SharingStatus::Paused)) };
        let full = share(Some(r#"{"lat":1.5,"lng":-2,"battery":0.5}"#), Some(SharingStatus::Sharing));
        let present = Present { at: Timestamp::from_millis(1_795_000_000_456), connected: true };
        let there = Share { present: Some(present), ..none.clone() };
        for share in [share(Some(r#"{"lat":1,"lng":2}"#), None), full, share(None, None), none, there] {
            assert_eq!(Share::parse(&share.to_json()).unwrap(), share);
        }
    }

    #[test]
    fn its_json_is_a_location_and_more() {
        let json = share(Some(r#"{"lat":1.5,"lng":2}"#), None).to_json();
        let at = "2026-11-18T11:06:40.123Z";
        assert_eq!(
            json,
            format!(
                r#"{{"user_id":"user_1","lat":1.5,"lng":2.0,"accuracy":null,"timestamp":"{at}","node":"0707070707070707","moved":{{"at":"{at}","received":"2026-11-18T11:06:40.100Z"}},"last_position_at":"{at}"}}"#
            )
        );
    }

    #[test]
    fn a_share_out_of_range_is_rejected() {
        let json = share(Some(r#"{"lat":1.5,"lng":2}"#), None).to_json();
        for broken in ["", "{}", "[]", &json.replace("1.5", "91"), &json.replace("user_1", "bob")] {
            assert_eq!(Share::parse(broken), Err(InvalidShare), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = Share::parse(&text);
        }
    }
}
