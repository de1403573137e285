//! The messages of the plain protocol: `{"type": …, "data": …}`, without topics; a connection is joined from its start.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::is_object;

/// A request of a client of the plain protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    /// A position, as JSON.
    LocationUpdate(&'a str),
    /// A sharing status, as JSON.
    StatusUpdate(&'a str),
    Ping,
    Unknown,
}

/// The text is not `{"type": …, "data": …}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a message")]
pub struct Malformed;

/// Reads a message; `data` is optional, other keys are ignored.
///
/// # Errors
/// When the text is not a JSON object with a string as its `type`.
pub fn decode(text: &str) -> Result<Request<'_>, Malformed> {
    #[derive(Deserialize)]
    struct Sent<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    if !is_object(text) {
        return Err(Malformed);
    }
    let sent: Sent<'_> = serde_json::from_str(text).map_err(|_| Malformed)?;
    let data = sent.data.map_or("{}", RawValue::get);
    Ok(match sent.kind.as_ref() {
        "location_update" => Request::LocationUpdate(data),
        "status_update" => Request::StatusUpdate(data),
        "ping" => Request::Ping,
        _ => Request::Unknown,
    })
}

/// Writes a message.
pub fn frame(event: &str, data: &str) -> String {
    format!(r#"{{"type":"{event}","data":{data}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_must() {
        let update = decode(r#"{"type":"location_update","data":{"lat":1,"lng":2},"id":7}"#);
        assert_eq!(update, Ok(Request::LocationUpdate(r#"{"lat":1,"lng":2}"#)));
        assert_eq!(decode(r#"{"type":"ping"}"#), Ok(Request::Ping));
        assert_eq!(decode(r#"{"type":"ping","data":{}}"#), Ok(Request::Ping));
        assert_eq!(decode(r#"{"type":"shout"}"#), Ok(Request::Unknown));
        for text in ["", "[]", "{}", r#"{"type":1}"#, r#"{"type":"ping""#, r#"["ping",{}]"#, "null"] {
            assert_eq!(decode(text), Err(Malformed), "{text}");
        }
    }
}
