//! A session with all that a database has of it, to be taken to another one.

use serde::{Deserialize, Deserializer, Serialize};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName};
use tagalong_core::session::SessionName;
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;

/// A session as it stands in a database, open or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSession {
    /// Its id.
    pub id: SessionId,
    /// Its name, if any.
    #[serde(deserialize_with = "session_name")]
    pub name: Option<SessionName>,
    /// Who made it, if that is known.
    #[serde(deserialize_with = "creator_id")]
    pub creator_id: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its end, as it was set.
    pub expires_at: Timestamp,
    /// When it was last used.
    pub last_activity: Timestamp,
    /// Whether it is not over.
    pub is_active: bool,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Whether the session is locked against new participants and watchers.
    pub locked: bool,
    /// How long its positions are shown.
    pub location_ttl_seconds: u32,
    /// The watch generation; missing in older exports.
    #[serde(default)]
    pub watch_generation: u32,
    /// The tracker ids of its participants.
    #[serde(default, skip_serializing_if = "TrackerIds::is_empty")]
    pub tracker_ids: TrackerIds,
    /// All present and former participants, in order of joining.
    pub participants: Vec<StoredParticipant>,
}

/// A participant as they stand in a database, there or gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredParticipant {
    /// Their id.
    #[serde(deserialize_with = "user_id")]
    pub user_id: UserId,
    /// Their name.
    #[serde(deserialize_with = "display_name")]
    pub display_name: DisplayName,
    /// Their colour.
    #[serde(deserialize_with = "avatar_color")]
    pub avatar_color: AvatarColor,
    /// When they joined.
    pub joined_at: Timestamp,
    /// Their last activity.
    pub last_seen: Timestamp,
    /// Whether they have not left.
    pub is_active: bool,
    /// How often their tracker links were revoked.
    pub tracker_generation: u32,
}

impl StoredSession {
    /// The same without what a database deletes when a session ends or somebody leaves.
    pub(super) fn without_the_past(&self) -> Self {
        if !self.is_active {
            return Self {
                name: None,
                creator_id: None,
                last_activity: self.ended_at.unwrap_or(self.expires_at),
                locked: false,
                location_ttl_seconds: 0,
                watch_generation: 0,
                tracker_ids: TrackerIds::default(),
                participants: Vec::new(),
                ..self.clone()
            };
        }
        let kept = |one: &StoredParticipant| if one.is_active { one.clone() } else { one.as_gone() };
        Self { participants: self.participants.iter().map(kept).collect(), ..self.clone() }
    }
}

impl StoredParticipant {
    /// A former participant: only the user id.
    fn as_gone(&self) -> Self {
        Self {
            user_id: self.user_id.clone(),
            display_name: DisplayName::restore(""),
            avatar_color: AvatarColor::restore(""),
            joined_at: Timestamp::from_millis(0),
            last_seen: Timestamp::from_millis(0),
            is_active: false,
            tracker_generation: 0,
        }
    }
}

// A database, and an export of it, may hold values that older systems accepted under other rules.

fn session_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SessionName>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.as_deref().and_then(SessionName::restore))
}

fn creator_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UserId>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.as_deref().map(UserId::restore))
}

fn user_id<'de, D: Deserializer<'de>>(from: D) -> Result<UserId, D::Error> {
    Ok(UserId::restore(&String::deserialize(from)?))
}

fn display_name<'de, D: Deserializer<'de>>(from: D) -> Result<DisplayName, D::Error> {
    Ok(DisplayName::restore(&String::deserialize(from)?))
}

fn avatar_color<'de, D: Deserializer<'de>>(from: D) -> Result<AvatarColor, D::Error> {
    Ok(AvatarColor::restore(&String::deserialize(from)?))
}
