//! The table of error codes: one name for each thing that can go wrong, wherever it is told.

use crate::session::{Closed, Rejection};

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $reason:literal, $status:literal, $message:literal;)*) => {
        /// Something that went wrong, as the public is told.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Problem { $($(#[$doc])* $name,)* }

        impl Problem {
            /// Every one of them, for the documentation and its test.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code in REST answers and on the plain protocol.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code,)* } }

            /// The stable reason in Phoenix replies.
            pub const fn reason(self) -> &'static str { match self { $(Self::$name => $reason,)* } }

            /// The HTTP status.
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }

            /// One sentence for a person.
            pub const fn message(self) -> &'static str { match self { $(Self::$name => $message,)* } }
        }
    };
}

problems! {
    /// The body or a field of it is invalid.
    InvalidParameters, "INVALID_PARAMETERS", "invalid_parameters", 400, "Invalid parameters";
    /// Somebody active in the session has this name.
    DisplayNameTaken, "DISPLAY_NAME_TAKEN", "display_name_taken", 400, "Display name is already taken in this session";
    /// No token, or one that does not hold (any more).
    Unauthenticated, "UNAUTHENTICATED", "unauthenticated", 401, "Authentication is required: send a valid bearer token";
    /// A valid token, but not for this.
    Forbidden, "FORBIDDEN", "forbidden", 403, "This token does not allow that";
    /// A watcher's token from before watchers were sent away.
    WatchingRevoked, "WATCHING_REVOKED", "watching_revoked", 403, "Watchers were sent away: ask for a new token to watch";
    /// A token of another session.
    Unauthorized, "UNAUTHORIZED", "unauthorized", 403, "This token belongs to another session";
    /// No such address.
    NotFound, "NOT_FOUND", "not_found", 404, "There is nothing at this address";
    /// No such session.
    SessionNotFound, "SESSION_NOT_FOUND", "session_not_found", 404, "Session not found";
    /// The session was ended.
    SessionEnded, "SESSION_ENDED", "session_ended", 404, "Session has ended";
    /// The session's time is up.
    SessionExpired, "SESSION_EXPIRED", "session_expired", 404, "Session has expired";
    /// No such participant in the session.
    ParticipantNotFound, "PARTICIPANT_NOT_FOUND", "participant_not_found", 404, "Participant not found";
    /// The participant is not in the session any more.
    ParticipantLeft, "PARTICIPANT_LEFT", "participant_left", 404, "Participant has already left";
    /// The address exists, the method does not.
    MethodNotAllowed, "METHOD_NOT_ALLOWED", "method_not_allowed", 405, "This address does not know that method";
    /// The client took too long to send its request.
    RequestTimeout, "REQUEST_TIMEOUT", "request_timeout", 408, "The request took too long to arrive";
    /// Every place is taken.
    SessionFull, "SESSION_FULL", "session_full", 409, "Session is full";
    /// The creator lets nobody new in.
    SessionLocked, "SESSION_LOCKED", "session_locked", 409, "Session is locked: its creator lets nobody new in";
    /// The request's body is too large.
    PayloadTooLarge, "PAYLOAD_TOO_LARGE", "payload_too_large", 413, "The request body is larger than 16 KiB";
    /// A position that is none.
    InvalidLocation, "INVALID_LOCATION_DATA", "invalid_location_data", 400, "The location data is invalid";
    /// A sharing status that is none.
    InvalidStatus, "INVALID_STATUS", "invalid_status", 400, "The status is not one that is known";
    /// An event that nobody knows.
    UnknownEvent, "UNKNOWN_EVENT", "unknown_event", 400, "The event is not one that is known";
    /// A frame on the plain protocol that is no message.
    InvalidMessage, "INVALID_MESSAGE_FORMAT", "invalid_message_format", 400, "The message is not of the form {\"type\": …, \"data\": …}";
    /// More messages than allowed.
    RateLimited, "RATE_LIMITED", "rate_limited", 429, "Too many messages: slow down";
    /// A fault of ours.
    Internal, "INTERNAL", "internal", 500, "Something went wrong on the server";
    /// Something that we need does not answer.
    Unavailable, "UNAVAILABLE", "unavailable", 503, "The server cannot do this right now: try again soon";
}

impl From<Closed> for Problem {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::NotFound => Self::SessionNotFound,
            Closed::Ended => Self::SessionEnded,
            Closed::Expired => Self::SessionExpired,
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Closed(closed) => closed.into(),
            Rejection::NameTaken => Self::DisplayNameTaken,
            Rejection::Full => Self::SessionFull,
            Rejection::Locked => Self::SessionLocked,
            Rejection::ParticipantNotFound => Self::ParticipantNotFound,
            Rejection::ParticipantLeft | Rejection::LinkRevoked => Self::ParticipantLeft,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_its_code_in_small_letters() {
        for problem in Problem::ALL {
            assert_eq!(problem.code().to_lowercase(), problem.reason());
            assert!((400..600).contains(&problem.status()));
        }
    }
}
