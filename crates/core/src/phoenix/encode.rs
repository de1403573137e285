//! Encoding frames for clients. Repeated parts are JSON text already; keys are in the order in which Phoenix writes
//! them.

use super::Version;

/// The status of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Ok,
    Error,
}

/// The answer to one message.
pub fn reply(
    version: Version,
    join_ref: &str,
    reference: &str,
    topic: &str,
    status: Status,
    response: &str,
) -> String {
    let status = match status {
        Status::Ok => "ok",
        Status::Error => "error",
    };
    let payload = format!(r#"{{"response":{response},"status":"{status}"}}"#);
    frame(version, join_ref, reference, topic, "phx_reply", &payload)
}

/// A message that answers no other; with the join reference `null`, the same for all clients.
pub fn push(version: Version, join_ref: &str, topic: &str, event: &str, payload: &str) -> String {
    frame(version, join_ref, "null", topic, event, payload)
}

/// The server closed a channel; the client does not join again. The frame's own reference is that of the join: in V1
/// a client has no other means to see which of two channels of one topic was closed.
pub fn close(version: Version, join_ref: &str, topic: &str) -> String {
    frame(version, join_ref, join_ref, topic, "phx_close", "{}")
}

/// A channel failed; the client joins again.
pub fn error(version: Version, join_ref: &str, topic: &str) -> String {
    frame(version, join_ref, join_ref, topic, "phx_error", r#"{"reason":"channel_crash"}"#)
}

fn frame(
    version: Version,
    join_ref: &str,
    reference: &str,
    topic: &str,
    event: &str,
    payload: &str,
) -> String {
    match version {
        Version::V2 => format!(r#"[{join_ref},{reference},{topic},"{event}",{payload}]"#),
        Version::V1 => {
            format!(r#"{{"event":"{event}","payload":{payload},"ref":{reference},"topic":{topic}}}"#)
        }
    }
}
