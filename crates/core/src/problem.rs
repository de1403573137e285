//! The table of error codes: one name for each error, the same in every protocol.

use crate::session::{Closed, Rejection};

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $reason:literal, $status:literal, $message:literal;)*) => {
        /// An error, as clients see it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Problem { $($(#[$doc])* $name,)* }

        impl Problem {
            /// All of them, for the documentation and its test.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code in REST answers and on the plain protocol.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code,)* } }

            /// The stable reason in Phoenix replies.
            pub const fn reason(self) -> &'static str { match self { $(Self::$name => $reason,)* } }

            /// The HTTP status.
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }

            /// One sentence for people.
            pub const fn message(self) -> &'static str { match self { $(Self::$name => $message,)* } }
        }
    };
}

problems! {
    InvalidParameters, "INVALID_PARAMETERS", "invalid_parameters", 400, "Invalid parameters";
    /// An active participant of the session has this name.
    DisplayNameTaken, "DISPLAY_NAME_TAKEN", "display_name_taken", 400, "Display name is already taken in this session";
    /// No token, or an invalid or expired one.
    Unauthenticated, "UNAUTHENTICATED", "unauthenticated", 401, "Authentication is required: send a valid bearer token";
    /// A valid token without the right to do this.
    Forbidden, "FORBIDDEN", "forbidden", 403, "This token does not allow that";
    /// A watcher's token that was issued before watching was revoked.
    WatchingRevoked, "WATCHING_REVOKED", "watching_revoked", 403, "Watchers were sent away: ask for a new token to watch";
    Unauthorized, "UNAUTHORIZED", "unauthorized", 403, "This token belongs to another session";
    NotFound, "NOT_FOUND", "not_found", 404, "There is nothing at this address";
    SessionNotFound, "SESSION_NOT_FOUND", "session_not_found", 404, "Session not found";
    SessionEnded, "SESSION_ENDED", "session_ended", 404, "Session has ended";
    SessionExpired, "SESSION_EXPIRED", "session_expired", 404, "Session has expired";
    ParticipantNotFound, "PARTICIPANT_NOT_FOUND", "participant_not_found", 404, "Participant not found";
    ParticipantLeft, "PARTICIPANT_LEFT", "participant_left", 404, "Participant has already left";
    MethodNotAllowed, "METHOD_NOT_ALLOWED", "method_not_allowed", 405, "This address does not know that method";
    RequestTimeout, "REQUEST_TIMEOUT", "request_timeout", 408, "The request took too long to arrive";
    SessionFull, "SESSION_FULL", "session_full", 409, "Session is full";
    SessionLocked, "SESSION_LOCKED", "session_locked", 409, "Session is locked: its creator lets nobody new in";
    PayloadTooLarge, "PAYLOAD_TOO_LARGE", "payload_too_large", 413, "The request body is larger than 16 KiB";
    InvalidLocation, "INVALID_LOCATION_DATA", "invalid_location_data", 400, "The location data is invalid";
    InvalidStatus, "INVALID_STATUS", "invalid_status", 400, "The status is not one that is known";
    UnknownEvent, "UNKNOWN_EVENT", "unknown_event", 400, "The event is not one that is known";
    InvalidMessage, "INVALID_MESSAGE_FORMAT", "invalid_message_format", 400, "The message is not of the form {\"type\": …, \"data\": …}";
    RateLimited, "RATE_LIMITED", "rate_limited", 429, "Too many messages: slow down";
    Internal, "INTERNAL", "internal", 500, "Something went wrong on the server";
    /// The database or Redis does not answer.
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
    fn a_reason_is_its_code_in_lower_case() {
        for problem in Problem::ALL {
            assert_eq!(problem.code().to_lowercase(), problem.reason());
            assert!((400..600).contains(&problem.status()));
        }
    }
}
