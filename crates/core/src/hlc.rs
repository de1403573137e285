//! A hybrid logical clock: which of two updates of one participant is newer, whichever nodes received them.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::time::Timestamp;

/// The random name of one running server process, drawn at its start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NodeId(u64);

impl NodeId {
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}

/// The text names no node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a node")]
pub struct InvalidNode;

impl std::str::FromStr for NodeId {
    type Err = InvalidNode;

    fn from_str(text: &str) -> Result<Self, InvalidNode> {
        u64::from_str_radix(text, 16).map(Self).map_err(|_| InvalidNode)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A timestamp of the hybrid logical clock: when an update came in, by the time that all nodes share, but always later
/// than the update it replaces. So the updates of a participant who moves to another node win there at once, also if
/// that node's clock is behind. The node breaks a tie within one millisecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hlc {
    /// When the update came in, or just after the update it replaces.
    pub at: Timestamp,
    /// The node that received it.
    pub node: NodeId,
}

impl Hlc {
    /// The timestamp of an update that comes in at `now` and replaces `known`.
    #[must_use]
    pub fn after(known: Option<Self>, now: Timestamp, node: NodeId) -> Self {
        let next = known.map(|known| Timestamp::from_millis(known.at.as_millis().saturating_add(1)));
        Self { at: next.map_or(now, |next| next.max(now)), node }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_node_is_read_as_it_is_written() {
        let node = NodeId::from_random([0, 1, 2, 3, 4, 5, 6, 255]);
        assert_eq!(serde_json::to_string(&node).unwrap(), r#""00010203040506ff""#);
        assert_eq!(serde_json::from_str::<NodeId>(r#""00010203040506ff""#).unwrap(), node);
        assert!(serde_json::from_str::<NodeId>(r#""-1""#).is_err());
    }

    proptest! {
        #[test]
        fn what_replaces_is_newer_whatever_the_clocks_say(at in 0..2_000_000_000_000_i64, now in 0..2_000_000_000_000_i64, nodes: [[u8; 8]; 2]) {
            let known = Hlc { at: Timestamp::from_millis(at), node: NodeId::from_random(nodes[0]) };
            let next = Hlc::after(Some(known), Timestamp::from_millis(now), NodeId::from_random(nodes[1]));
            prop_assert!(next > known && next.at >= Timestamp::from_millis(now));
        }
    }
}
