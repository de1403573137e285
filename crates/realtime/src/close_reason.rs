//! The reasons for closing a connection, each with its close code and whether the client should reconnect.

use tagalong_core::room::DisconnectReason;

/// Why a connection is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CloseReason {
    /// The client sent a close frame, which is answered with the same code.
    PeerClosed,
    /// The connection ended without a close frame.
    PeerGone,
    /// Nothing was received for the heartbeat timeout.
    Silent,
    /// A slow consumer: a write was blocked for the write deadline.
    Stalled,
    /// A frame that RFC 6455 does not allow.
    Protocol,
    /// A text frame that is not UTF-8.
    NotUtf8,
    /// A message larger than the limit.
    TooBig,
    /// A message that the protocol does not know. Phoenix closes then, too.
    Malformed,
    /// The client exceeded its rate again and again in spite of the errors.
    Flooding,
    /// A slow consumer: the queue of control events was full.
    Overflowed,
    /// The database is unavailable, so that a join cannot be checked. An event was sent before.
    Unavailable,
    /// The server drains; the client should reconnect.
    Restart,
    /// Plain protocol: the session ended, or the participant left it. An event was sent before.
    Over,
    /// Plain protocol: watching was revoked. An event was sent before.
    WatchingRevoked,
    /// Plain protocol: the participant opened too many newer connections. An event was sent before.
    TooManyConnections,
}

impl From<DisconnectReason> for CloseReason {
    fn from(disconnect: DisconnectReason) -> Self {
        match disconnect {
            DisconnectReason::Overflowed => Self::Overflowed,
            DisconnectReason::Ended | DisconnectReason::Left => Self::Over,
            DisconnectReason::WatchingRevoked => Self::WatchingRevoked,
            DisconnectReason::TooManyConnections => Self::TooManyConnections,
        }
    }
}

impl CloseReason {
    /// The name in logs and metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PeerClosed => "peer_closed",
            Self::PeerGone => "peer_gone",
            Self::Silent => "silent",
            Self::Stalled => "stalled",
            Self::Protocol => "protocol",
            Self::NotUtf8 => "not_utf8",
            Self::TooBig => "too_big",
            Self::Malformed => "malformed",
            Self::Flooding => "flooding",
            Self::Overflowed => "overflowed",
            Self::Unavailable => "unavailable",
            Self::Restart => "restart",
            Self::Over => "over",
            Self::WatchingRevoked => "watching_revoked",
            Self::TooManyConnections => "too_many_connections",
        }
    }

    /// The close code to send, if the connection is still open.
    ///
    /// After code 1000 some clients reconnect and others do not (official client from 1.8.16, and up to 1.8.15), so it
    /// is sent only after an event with the reason.
    pub(super) fn close_code(self) -> Option<u16> {
        match self {
            Self::PeerClosed | Self::PeerGone | Self::Stalled => None,
            Self::Silent | Self::Protocol => Some(1002),
            Self::NotUtf8 => Some(1007),
            Self::Flooding => Some(1008),
            Self::TooBig => Some(1009),
            Self::Malformed => Some(1011),
            Self::Overflowed | Self::Unavailable => Some(1013),
            Self::Restart => Some(1012),
            Self::Over | Self::WatchingRevoked | Self::TooManyConnections => Some(1000),
        }
    }
}
