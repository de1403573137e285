//! The names of keys in Redis. With braces, so that all keys of one session are in one slot of a cluster.

use tagalong_core::id::{SessionId, UserId};

const CHANNEL_PREFIX: &str = "channel:session:{";

/// The channel of a session between nodes.
pub(super) fn channel(session: SessionId) -> String {
    format!("{CHANNEL_PREFIX}{session}}}")
}

/// The session of a channel of ours.
pub(super) fn session_of(channel: &[u8]) -> Option<SessionId> {
    let channel = std::str::from_utf8(channel).ok()?;
    SessionId::parse(channel.strip_prefix(CHANNEL_PREFIX)?.strip_suffix('}')?).ok()
}

/// The latest position of one participant, as JSON, for as long as it lives.
pub(super) fn location(session: SessionId, user: &UserId) -> String {
    format!("locations:{{{session}}}:{user}")
}

/// The state of participants apart from their live position: a hash of JSON.
pub(super) fn statuses(session: SessionId) -> String {
    format!("session_statuses:{{{session}}}")
}

/// A participant's field in [`statuses`] for their sharing status.
pub(super) fn said(user: &UserId) -> String {
    user.to_string()
}

/// A participant's field in [`statuses`] for when their last position came in.
pub(super) fn moved(user: &UserId) -> String {
    format!("{user}/moved")
}

/// A participant's field in [`statuses`] for the last presence claim of a node.
pub(super) fn present(user: &UserId) -> String {
    format!("{user}/present")
}

/// The participants connected to any node: a set.
pub(super) fn participants(session: SessionId) -> String {
    format!("session_participants:{{{session}}}")
}

/// The last activity, in seconds since 1970.
pub(super) fn activity(session: SessionId) -> String {
    format!("session_activity:{{{session}}}")
}

/// The node that a participant is connected to. It belongs to no session: a person may be anywhere.
pub(super) fn connection(user: &UserId) -> String {
    format!("connections:{user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_names_its_session() {
        let session = SessionId::from_random([3; 16]);
        let channel = channel(session);
        assert_eq!(channel, "channel:session:{03030303-0303-4303-8303-030303030303}");
        assert_eq!(session_of(channel.as_bytes()), Some(session));
        assert_eq!(session_of(b"channel:session:{x}"), None);
        assert_eq!(session_of(&[255]), None);
    }
}
