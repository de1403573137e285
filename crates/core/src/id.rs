//! Unguessable ids. Parsed at the edge, trusted after that.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

/// A session's id, a random UUID. Knowing it is enough to join, so its `Debug` shows only the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Uuid);

/// The id of a participant of one session: `user_` and 32 hexadecimal digits, or the form of an older system. Clones
/// share the text, because each event about a participant carries it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

/// The text is not an id of this kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an id")]
pub struct InvalidId;

impl SessionId {
    /// For a database with a UUID type.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Reads the usual form with hyphens, in either case.
    ///
    /// # Errors
    /// When the text has any other form.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(InvalidId);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
    }

    /// For a database with a UUID type.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl UserId {
    const PREFIX: &str = "user_";
    const LENGTH_MAX: usize = 255;

    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("{}{:032x}", Self::PREFIX, u128::from_be_bytes(bytes)).into())
    }

    /// Reads a user id: the prefix, then letters, digits, `_` or `-`.
    ///
    /// # Errors
    /// When the text is anything else, or longer than the database's 255.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let rest = text.strip_prefix(Self::PREFIX).ok_or(InvalidId)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if rest.is_empty() || text.len() > Self::LENGTH_MAX || !rest.bytes().all(plain) {
            return Err(InvalidId);
        }
        Ok(Self(text.into()))
    }

    /// Reads an id from the database. Ids of older systems in another form can be shown, but not used in an address or
    /// a token.
    pub fn restore(text: &str) -> Self {
        Self(text.into())
    }

    /// The 16 bytes of an id, for a database with a UUID type. `None` for an id of an older system.
    pub fn as_uuid(&self) -> Option<Uuid> {
        Uuid::try_parse(self.0.strip_prefix(Self::PREFIX)?).ok()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}…", self.0.as_fields().0)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.11}…", self.0)
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_has_one_form() {
        let id = SessionId::from_random([7; 16]);
        assert_eq!(SessionId::parse(&id.to_string()), Ok(id));
        assert_eq!(SessionId::parse(&id.to_string().to_uppercase()), Ok(id));
        for text in ["", "1", &id.as_uuid().simple().to_string(), &format!("{{{id}}}"), &format!("{id} ")] {
            assert_eq!(SessionId::parse(text), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn a_user_id_is_plain_text() {
        let id = UserId::from_random([255; 16]);
        assert_eq!(id.as_str(), "user_ffffffffffffffffffffffffffffffff");
        assert_eq!(UserId::parse(id.as_str()), Ok(id));
        for text in ["", "user_", "bob", "user_a b", "user_\u{e9}", &format!("user_{}", "a".repeat(251))] {
            assert_eq!(UserId::parse(text), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn a_user_id_of_ours_is_sixteen_bytes() {
        assert_eq!(UserId::from_random([9; 16]).as_uuid(), Some(Uuid::from_bytes([9; 16])));
        assert_eq!(UserId::restore("somebody:1").as_uuid(), None);
        assert_eq!(UserId::restore("somebody:1").as_str(), "somebody:1");
    }

    #[test]
    fn debug_does_not_give_an_id_away() {
        let session = SessionId::from_random([9; 16]);
        assert_eq!(format!("{session:?}"), "09090909…");
        let user = UserId::from_random([9; 16]);
        assert_eq!(format!("{user:?}"), "user_090909…");
    }
}
