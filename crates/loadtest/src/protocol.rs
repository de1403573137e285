//! What is said at each of the server's protocols, and how an update is known again without reading JSON.

use std::fmt::Write;

use clap::ValueEnum;
use memchr::memmem;
use serde::Serialize;

use crate::track::Fix;

/// A protocol and a protocol version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Phoenix Channels, serializer 2.0.0.
    V2,
    /// Phoenix Channels, serializer 1.0.0.
    V1,
    /// Plain JSON frames.
    Plain,
}

/// What a text frame means to a measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Somebody moved: the number of their update.
    Update(u32),
    /// We are in.
    Joined,
    /// We are not let in, or something that we sent was not taken.
    Refused,
    /// Somebody has come into the session, or left it.
    Membership,
    /// Anything else.
    Other,
}

/// The field that carries an update's number: the server passes it on as it came, and no finite number is
/// out of its range.
const NUMBER: &[u8] = b"\"altitude\":";

impl Protocol {
    /// The request line's address, for a token.
    pub fn path(self, token: &str) -> String {
        match self {
            Self::V2 => format!("/socket/websocket?token={token}&vsn=2.0.0"),
            Self::V1 => format!("/socket/websocket?token={token}&vsn=1.0.0"),
            Self::Plain => format!("/ws?token={token}"),
        }
    }

    /// What to send once the connection is open; at the plain protocol, connecting is joining.
    pub fn join(self, session: &str) -> Option<String> {
        match self {
            Self::V2 => Some(format!(r#"["1","1","location:{session}","phx_join",{{}}]"#)),
            Self::V1 => Some(format!(
                r#"{{"topic":"location:{session}","event":"phx_join","payload":{{}},"ref":"1","join_ref":"1"}}"#
            )),
            Self::Plain => None,
        }
    }

    /// A sign of life.
    pub fn beat(self) -> &'static str {
        match self {
            Self::V2 => r#"[null,"b","phoenix","heartbeat",{}]"#,
            Self::V1 => r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"b"}"#,
            Self::Plain => r#"{"type":"ping"}"#,
        }
    }

    /// Writes an update. `altitude` is the update's number when there is a measurement, or the altitude.
    pub fn update(self, out: &mut String, session: &str, reference: u32, fix: &Fix, altitude: f64, at: &str) {
        out.clear();
        let Fix { lat, lng, accuracy, heading, speed } = fix;
        // Writing to a string cannot fail.
        let _ = match self {
            Self::V2 => write!(out, r#"["1","{reference}","location:{session}","location_update","#),
            Self::V1 => write!(out, r#"{{"topic":"location:{session}","event":"location_update","payload":"#),
            Self::Plain => write!(out, r#"{{"type":"location_update","data":"#),
        };
        let _ = write!(
            out,
            r#"{{"lat":{lat:.6},"lng":{lng:.6},"accuracy":{accuracy:.1},"timestamp":"{at}","altitude":{altitude}"#
        );
        if let (Some(heading), Some(speed)) = (heading, speed) {
            let _ = write!(out, r#","heading":{heading:.0},"speed":{speed:.1}"#);
        }
        let _ = match self {
            Self::V2 => write!(out, "}}]"),
            Self::V1 => write!(out, r#"}},"ref":"{reference}","join_ref":"1"}}"#),
            Self::Plain => write!(out, "}}}}"),
        };
    }

    /// What a text frame means.
    pub fn hear(self, text: &[u8]) -> Heard {
        let broadcast: &[u8] = match self {
            Self::V2 => b"[null,null,",
            Self::V1 => br#"{"event":"location_update""#,
            Self::Plain => br#"{"type":"location_update""#,
        };
        if text.starts_with(broadcast)
            && let Some(number) = number(text)
        {
            return Heard::Update(number);
        }
        let head = &text[..text.len().min(160)];
        if memmem::find(head, b"initial_locations").is_some() {
            return Heard::Joined;
        }
        if [&b"\"participant_joined\""[..], b"\"participant_left\""]
            .iter()
            .any(|event| memmem::find(head, event).is_some())
        {
            return Heard::Membership;
        }
        let refusal: &[u8] = match self {
            Self::Plain => br#"{"type":"error""#,
            Self::V1 | Self::V2 => br#""status":"error""#,
        };
        if memmem::find(text, refusal).is_some() { Heard::Refused } else { Heard::Other }
    }
}

fn number(text: &[u8]) -> Option<u32> {
    let start = memmem::find(text, NUMBER)? + NUMBER.len();
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number: u32, digit| number.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_known_again() {
        let data = r#"{"type":"location_update","data":{"user_id":"user_1","lat":1.5,"lng":2.0,"accuracy":null,"timestamp":"1970-01-01T00:00:00.000Z","altitude":71.0}}"#;
        let v2 = format!(r#"[null,null,"location:1","location_update",{data}]"#);
        let v1 = format!(r#"{{"event":"location_update","payload":{data},"ref":null,"topic":"location:1"}}"#);
        assert_eq!(Protocol::V2.hear(v2.as_bytes()), Heard::Update(71));
        assert_eq!(Protocol::V1.hear(v1.as_bytes()), Heard::Update(71));
        assert_eq!(Protocol::Plain.hear(data.as_bytes()), Heard::Update(71));
    }

    #[test]
    fn the_rest_is_told_apart() {
        let heard = |text: &str| Protocol::V2.hear(text.as_bytes());
        assert_eq!(heard(r#"["1",null,"location:1","initial_locations",{"locations":[]}]"#), Heard::Joined);
        assert_eq!(
            heard(r#"["1","1","location:1","phx_reply",{"response":{"reason":"x"},"status":"error"}]"#),
            Heard::Refused
        );
        assert_eq!(
            heard(r#"["1","2","location:1","phx_reply",{"response":{},"status":"ok"}]"#),
            Heard::Other
        );
        assert_eq!(heard(r#"[null,null,"location:1","participant_left",{}]"#), Heard::Membership);
        assert_eq!(heard(r#"[null,null,"location:1","participant_status",{}]"#), Heard::Other);
        assert_eq!(Protocol::Plain.hear(br#"{"type":"error","data":{}}"#), Heard::Refused);
    }

    #[test]
    fn the_server_takes_what_is_written() {
        use tagalong_core::position::Position;
        use tagalong_core::time::Timestamp;
        let fix = Fix { lat: -1.5, lng: 2.25, accuracy: 4.0, heading: Some(359.6), speed: Some(1.4) };
        let (mut text, now) = (String::new(), Timestamp::from_millis(1_000));
        for protocol in [Protocol::V2, Protocol::V1, Protocol::Plain] {
            protocol.update(&mut text, "1", 7, &fix, 71.0, &now.to_string());
            let payload = match protocol {
                Protocol::Plain => match tagalong_core::plain::decode(&text).unwrap() {
                    tagalong_core::plain::Request::LocationUpdate(data) => data.to_owned(),
                    other => panic!("{other:?}"),
                },
                Protocol::V1 | Protocol::V2 => {
                    use tagalong_core::phoenix::{Version, decode};
                    let version = if protocol == Protocol::V1 { Version::V1 } else { Version::V2 };
                    let message = decode(version, &text).unwrap();
                    assert_eq!(
                        (message.event.as_ref(), message.join_ref.as_ref()),
                        ("location_update", "\"1\"")
                    );
                    message.payload.to_owned()
                }
            };
            assert_eq!(number(payload.as_bytes()), Some(71));
            assert!(Position::parse(&payload, now).is_ok(), "{payload}");
        }
    }
}
