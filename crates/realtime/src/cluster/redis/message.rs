//! Messages in a session's channel: the writer's name, the kind, and the payload.

use tagalong_core::hlc::NodeId;
use tagalong_core::session::EndReason;
use tagalong_core::share::Share;

use crate::cluster::Hint;

const SHARE: &str = "share";
const WATCHING: &str = "watching";
const CHANGED: &str = "changed";
const EXPIRED: &str = "ended expired";
const ENDED_BY_CREATOR: &str = "ended ended_by_creator";

#[derive(PartialEq, Debug)]
pub(super) enum Message {
    Share(Share),
    Hint(Hint),
    /// The number of watchers on a node.
    Watching(NodeId, u32),
}

pub(super) fn watching(node: NodeId, count: u32) -> String {
    format!("{node} {WATCHING} {count}")
}

pub(super) fn share(node: NodeId, json: &str) -> String {
    format!("{node} {SHARE} {json}")
}

pub(super) fn hint(node: NodeId, hint: Hint) -> String {
    let word = match hint {
        Hint::Changed => CHANGED,
        Hint::Ended(EndReason::Expired) => EXPIRED,
        Hint::Ended(EndReason::EndedByCreator) => ENDED_BY_CREATOR,
    };
    format!("{node} {word}")
}

/// Reads a message of another node; `None` for this node's own, and for kinds of newer versions.
pub(super) fn read(own: &str, payload: &[u8]) -> Option<Message> {
    let (node, message) = std::str::from_utf8(payload).ok()?.split_once(' ')?;
    if node == own {
        return None;
    }
    match message {
        CHANGED => Some(Message::Hint(Hint::Changed)),
        EXPIRED => Some(Message::Hint(Hint::Ended(EndReason::Expired))),
        ENDED_BY_CREATOR => Some(Message::Hint(Hint::Ended(EndReason::EndedByCreator))),
        message => match message.split_once(' ')? {
            (SHARE, json) => Share::parse(json).ok().map(Message::Share),
            (WATCHING, count) => Some(Message::Watching(node.parse().ok()?, count.parse().ok()?)),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_node_writes_another_reads_and_the_same_does_not() {
        let (one, other) = (NodeId::from_random([1; 8]), NodeId::from_random([2; 8]).to_string());
        let hints = [Hint::Changed, Hint::Ended(EndReason::Expired), Hint::Ended(EndReason::EndedByCreator)];
        for sent in hints {
            let written = hint(one, sent);
            assert_eq!(read(&other, written.as_bytes()), Some(Message::Hint(sent)));
            assert_eq!(read(&one.to_string(), written.as_bytes()), None);
        }
        let json = format!(r#"{{"user_id":"user_1","node":"{one}"}}"#);
        let Some(Message::Share(read_back)) = read(&other, share(one, &json).as_bytes()) else {
            panic!("not read");
        };
        assert_eq!(read_back.to_json(), json);
        let written = watching(one, 7);
        assert_eq!(read(&other, written.as_bytes()), Some(Message::Watching(one, 7)));
        for strange in [&b"x watching 1"[..], b"01 watching", b"01 watching x", b"01 watching -1"] {
            assert_eq!(read(&other, strange), None);
        }
        for strange in [&b""[..], b"x", b"x dance", b"x share", b"x share {}", &[b'x', b' ', 255]] {
            assert_eq!(read(&other, strange), None);
        }
    }
}
