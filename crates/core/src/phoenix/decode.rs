//! Decoding frames from clients.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Version;
use crate::json::is_object;
use crate::limits::MESSAGE_PART_BYTES_MAX;

/// A message from a client. The parts that an answer repeats are kept as the JSON text that came.
#[derive(Debug)]
pub struct Message<'a> {
    /// The reference of its join, as JSON; `null` if there is none.
    pub join_ref: Cow<'a, str>,
    /// Its own reference, as JSON; `null` if there is none.
    pub reference: Cow<'a, str>,
    /// The topic, as JSON, not necessarily a string.
    pub topic: Cow<'a, str>,
    /// The event; one that is not a string counts as an unknown event.
    pub event: Cow<'a, str>,
    /// As JSON.
    pub payload: &'a str,
}

impl Message<'_> {
    /// The topic's text, if it is a string.
    pub fn topic_text(&self) -> Option<Cow<'_, str>> {
        string(&self.topic)
    }
}

/// The frame is not a message. Phoenix closes the connection with 1011.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a message")]
pub struct Malformed;

/// A binary push from a client, serializer 2.0.0 only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BinaryPush<'a> {
    pub join_ref: &'a str,
    pub reference: &'a str,
    pub topic: &'a str,
    pub event: &'a str,
    pub data: &'a [u8],
}

/// Reads a text frame.
///
/// # Errors
/// When it is not JSON, not in the version's form, or a part is longer than [`MESSAGE_PART_BYTES_MAX`].
pub fn decode(version: Version, text: &str) -> Result<Message<'_>, Malformed> {
    let parts = match version {
        Version::V1 if !is_object(text) => return Err(Malformed),
        Version::V1 => serde_json::from_str::<Object<'_>>(text).map(Parts::from),
        Version::V2 => serde_json::from_str::<Parts<'_>>(text),
    };
    let parts = parts.map_err(|_| Malformed)?;
    let echoed = [parts.join_ref, parts.reference, parts.topic, parts.event.get()];
    // Quotes are not part of the text.
    if echoed.iter().any(|part| part.len() > MESSAGE_PART_BYTES_MAX + 2) {
        return Err(Malformed);
    }
    Ok(Message {
        join_ref: parts.join_ref.into(),
        reference: parts.reference.into(),
        topic: parts.topic.into(),
        event: string(parts.event.get()).unwrap_or_else(|| parts.event.get().into()),
        payload: parts.payload.get(),
    })
}

/// Reads a binary frame: five bytes of kind and lengths, then the parts.
///
/// # Errors
/// When it is not a push, is cut short, or its parts are not UTF-8.
pub fn decode_binary(bytes: &[u8]) -> Result<BinaryPush<'_>, Malformed> {
    let ([0, lengths @ ..], mut rest) = bytes.split_first_chunk::<5>().ok_or(Malformed)? else {
        return Err(Malformed);
    };
    let mut next = |length: u8| -> Result<&str, Malformed> {
        let (part, after) = rest.split_at_checked(length.into()).ok_or(Malformed)?;
        rest = after;
        std::str::from_utf8(part).map_err(|_| Malformed)
    };
    let [join_ref, reference, topic, event] = *lengths;
    Ok(BinaryPush {
        join_ref: next(join_ref)?,
        reference: next(reference)?,
        topic: next(topic)?,
        event: next(event)?,
        data: rest,
    })
}

fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(inner.into()) }
}

struct Parts<'a> {
    join_ref: &'a str,
    reference: &'a str,
    topic: &'a str,
    event: &'a RawValue,
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    topic: &'a RawValue,
    event: &'a RawValue,
    payload: &'a RawValue,
    #[serde(rename = "ref")]
    reference: &'a RawValue,
    join_ref: Option<&'a RawValue>,
}

impl<'a> From<Object<'a>> for Parts<'a> {
    fn from(object: Object<'a>) -> Self {
        Self {
            join_ref: object.join_ref.map_or("null", RawValue::get),
            reference: object.reference.get(),
            topic: object.topic.get(),
            event: object.event,
            payload: object.payload,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Parts<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Five;

        impl<'de> Visitor<'de> for Five {
            type Value = Parts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of at least five")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let mut next = |index| {
                    let part = array.next_element::<&RawValue>()?;
                    part.ok_or_else(|| serde::de::Error::invalid_length(index, &self))
                };
                let parts = Parts {
                    join_ref: next(0)?.get(),
                    reference: next(1)?.get(),
                    topic: next(2)?.get(),
                    event: next(3)?,
                    payload: next(4)?,
                };
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(parts)
            }
        }

        deserializer.deserialize_seq(Five)
    }
}
