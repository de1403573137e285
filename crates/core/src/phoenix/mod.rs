//! The messages of Phoenix Channels, as Phoenix 1.8.12 reads and writes them.
//!
//! References and topics are kept as the JSON text that came: a client that counts in numbers gets its numbers back,
//! and `0` is a reference like any other. Output is compact, because one client (JavaPhoenixClient) splits frames at
//! commas.

mod decode;
mod encode;

pub use decode::{BinaryPush, Malformed, Message, decode, decode_binary};
pub use encode::{Status, close, error, push, reply};

/// Which of Phoenix's two serializers a connection uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// JSON objects; the default.
    V1,
    /// JSON arrays.
    V2,
}

/// The client asks for an unknown serializer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("vsn must be 1.0.x or 2.0.x")]
pub struct UnsupportedVersion;

impl Version {
    /// Reads the `vsn` parameter: `1.0.x` or `2.0.x`; `None` means 1.0.0.
    ///
    /// # Errors
    /// For anything else, `2` and the empty text included.
    pub fn negotiate(vsn: Option<&str>) -> Result<Self, UnsupportedVersion> {
        let Some(vsn) = vsn else { return Ok(Self::V1) };
        let number = |part: &str| {
            !part.is_empty() && part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let mut parts = vsn.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("1"), Some("0"), Some(patch), None) if number(patch) => Ok(Self::V1),
            (Some("2"), Some("0"), Some(patch), None) if number(patch) => Ok(Self::V2),
            _ => Err(UnsupportedVersion),
        }
    }
}
