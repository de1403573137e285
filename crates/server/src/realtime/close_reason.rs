//! Why connections end, as data: each with its close code and whether the client should come back.

use tagalong_core::room::DisconnectReason;

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// The client said goodbye, and is answered with the same code.
    PeerClosed,
    /// The connection is gone without a goodbye.
    PeerGone,
    /// Nothing came for the heartbeat timeout.
    Silent,
    /// The client took nothing that we wrote for the write deadline.
    Stalled,
    /// A frame that RFC 6455 does not allow.
    Protocol,
    /// A text frame that is not UTF-8.
    NotUtf8,
    /// A message larger than the limit.
    TooBig,
    /// A message that is not one of the protocol's protocol, as Phoenix closes it.
    Malformed,
    /// The client went on sending more than it may, after it had been told so many times.
    Flooding,
    /// More events waited than a connection may leave waiting.
    Overflowed,
    /// The database does not answer, so that nobody knows who may come in. The event said so before.
    Unavailable,
    /// The server stops; another one, or the same, will be back.
    Restart,
    /// Plain protocol: the session is over, or the participant left it. The event said so before.
    Over,
    /// Plain protocol: watchers were sent away. The event said so before.
    WatchingRevoked,
    /// Plain protocol: the participant has opened too many connections since. The event said so before.
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
    /// What it is called in logs and metrics.
    pub fn name(self) -> &'static str {
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

    /// The close code that we send, if there is anybody left to send it to.
    ///
    /// Code 1000 makes some clients stay away and others come back (official client up to 1.8.15, and
    /// from 1.8.16), so it is sent only where an event has said what happened.
    pub fn close_code(self) -> Option<u16> {
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
