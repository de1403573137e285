//! The events of a room and their text in each wire format. No other file knows these names.

use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::id::{SessionId, UserId};
use crate::json::{is_object, push_all, push_text, to_json};
use crate::participant::Profile;
use crate::phoenix::{self, Version};
use crate::plain;
use crate::position::Position;
use crate::presence::PresenceDiff;
use crate::session::{EndReason, SessionName};
use crate::time::Timestamp;

/// The wire format of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// Phoenix Channels, one of its two serializers.
    Phoenix(Version),
    /// `{"type": …, "data": …}` without topics.
    Plain,
}

/// The sharing status that a participant sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharingStatus {
    /// Positions are being sent.
    Sharing,
    /// No positions for now, by choice.
    Paused,
    /// The page is in the background, where browsers give no position.
    Hidden,
    /// The device finds no position.
    NoGps,
    /// No more positions, by choice.
    Stopped,
}

impl SharingStatus {
    /// Whether this status removes the participant's last position at once.
    pub fn withdraws_position(self) -> bool {
        matches!(self, Self::Paused | Self::Stopped)
    }

    /// Reads the payload of a `status_update`, `{"status": …}`.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(json: &str) -> Result<Self, InvalidStatus> {
        #[derive(Deserialize)]
        struct Sent {
            status: SharingStatus,
        }
        if !is_object(json) {
            return Err(InvalidStatus);
        }
        serde_json::from_str::<Sent>(json).map(|sent| sent.status).map_err(|_| InvalidStatus)
    }
}

/// The payload is no known status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a sharing status")]
pub struct InvalidStatus;

/// Why one connection is closed while its session continues.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DismissReason {
    /// Watching was revoked: by the creator, by a lock, or with the removal of a participant.
    WatchingRevoked,
    /// The participant opened too many newer connections.
    TooManyConnections,
}

/// An event for all connections of a room, or for one of them.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    LocationUpdate {
        user_id: UserId,
        #[serde(flatten)]
        position: Position,
    },
    ParticipantJoined(Profile),
    /// A participant left, was removed, or was inactive for too long.
    ParticipantLeft {
        user_id: UserId,
    },
    ParticipantStatus {
        user_id: UserId,
        status: SharingStatus,
        server_time: Timestamp,
    },
    PresenceDiff(PresenceDiff),
    /// The creator changed the session.
    SessionUpdated {
        name: Option<SessionName>,
        expires_at: Timestamp,
        locked: bool,
        server_time: Timestamp,
    },
    /// The number of watchers changed.
    PresenceWatchers {
        /// Connections of watchers to all nodes.
        count: u32,
    },
    /// This connection is closed; only its own client receives this.
    Dismissed {
        reason: DismissReason,
        server_time: Timestamp,
    },
    SessionEnded {
        reason: EndReason,
        server_time: Timestamp,
    },
}

impl Event {
    /// The event's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LocationUpdate { .. } => "location_update",
            Self::ParticipantJoined(_) => "participant_joined",
            Self::ParticipantLeft { .. } => "participant_left",
            Self::ParticipantStatus { .. } => "participant_status",
            Self::PresenceDiff(_) => "presence_diff",
            Self::SessionUpdated { .. } => "session_updated",
            Self::PresenceWatchers { .. } => "presence_watchers",
            Self::Dismissed { .. } => "dismissed",
            Self::SessionEnded { .. } => "session_ended",
        }
    }
}

/// An event, encoded at most once for each wire format, on first use; all connections share the result.
#[derive(Debug)]
pub struct Broadcast {
    session: SessionId,
    event: Event,
    received: Option<Instant>,
    frames: [OnceLock<Bytes>; 3],
}

impl Broadcast {
    /// An event of a session, not yet encoded.
    pub fn new(session: SessionId, event: Event) -> Self {
        Self { session, event, received: None, frames: [const { OnceLock::new() }; 3] }
    }

    /// Adds the moment at which this node received the event's cause.
    #[must_use]
    pub fn received_at(self, received: Instant) -> Self {
        Self { received: Some(received), ..self }
    }

    /// When this node received the event's cause; `None` if another node did.
    pub fn received(&self) -> Option<Instant> {
        self.received
    }

    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The whole frame as UTF-8 text. The same for all connections: a broadcast has no references.
    pub fn frame(&self, wire: Wire) -> &Bytes {
        let slot = match wire {
            Wire::Phoenix(Version::V1) => 0,
            Wire::Phoenix(Version::V2) => 1,
            Wire::Plain => 2,
        };
        self.frames[slot].get_or_init(|| self.encode(wire).into())
    }

    fn encode(&self, wire: Wire) -> String {
        let data = match &self.event {
            Event::PresenceDiff(diff) => diff.to_json(),
            event => to_json(event),
        };
        match wire {
            Wire::Plain => plain::frame(self.event.name(), &data),
            Wire::Phoenix(version) => {
                let name = self.event.name();
                let topic = format!("\"{}\"", topic(self.session));
                // The official client's `Presence` reads the payload without an envelope.
                let bare = matches!(self.event, Event::PresenceDiff(_));
                let payload = if bare { data } else { plain::frame(name, &data) };
                phoenix::push(version, "null", &topic, name, &payload)
            }
        }
    }
}

pub fn topic(session: SessionId) -> String {
    format!("{TOPIC_PREFIX}{session}")
}

/// The prefix of every topic.
pub const TOPIC_PREFIX: &str = "location:";

/// All participants, for a client that has just joined.
#[derive(Debug, Serialize)]
pub struct InitialParticipants {
    /// In order of joining, the reader included.
    pub participants: Vec<InitialParticipant>,
    pub watcher_count: u32,
    pub server_time: Timestamp,
}

impl InitialParticipants {
    /// The event's name on the wire.
    pub const NAME: &str = "initial_participants";

    /// The same JSON as from [`to_json`], faster.
    pub fn to_json(&self) -> String {
        const ONE_BYTES: usize = 160;
        let mut json = String::with_capacity(self.participants.len() * ONE_BYTES + 64);
        json.push_str(r#"{"participants":["#);
        push_all(&mut json, &self.participants, |json, one| one.push(json));
        json.push_str(r#"],"watcher_count":"#);
        json.push_str(&to_json(&self.watcher_count));
        json.push_str(r#","server_time":"#);
        json.push_str(&to_json(&self.server_time));
        json.push('}');
        json
    }
}

/// One of [`InitialParticipants`].
#[derive(Debug, Serialize)]
pub struct InitialParticipant {
    #[serde(flatten)]
    pub profile: Profile,
    /// The last sharing status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SharingStatus>,
    /// When the last position came in, also if that position has expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_position_at: Option<Timestamp>,
}

/// The others' live positions, for a client that has just joined.
#[derive(Debug, Serialize)]
pub struct InitialLocations {
    pub locations: Vec<InitialLocation>,
    pub server_time: Timestamp,
}

impl InitialParticipant {
    fn push(&self, json: &mut String) {
        let Profile { user_id, display_name, avatar_color } = &self.profile;
        json.push_str(r#"{"user_id":"#);
        push_text(json, user_id.as_str());
        json.push_str(r#","display_name":"#);
        push_text(json, display_name.as_str());
        json.push_str(r#","avatar_color":"#);
        push_text(json, avatar_color.as_str());
        if let Some(status) = &self.status {
            json.push_str(r#","status":"#);
            json.push_str(&to_json(status));
        }
        if let Some(at) = &self.last_position_at {
            json.push_str(r#","last_position_at":"#);
            json.push_str(&to_json(at));
        }
        json.push('}');
    }
}

impl InitialLocations {
    /// The event's name on the wire.
    pub const NAME: &str = "initial_locations";
}

/// One of [`InitialLocations`].
#[derive(Debug, Serialize)]
pub struct InitialLocation {
    pub user_id: UserId,
    #[serde(flatten)]
    pub position: Position,
    /// Age since the server received it, in milliseconds, by the server's clock alone.
    pub age_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::participant::{AvatarColor, DisplayName};

    fn moved() -> Broadcast {
        let position =
            Position::parse(r#"{"lat":1.5,"lng":2,"speed":3}"#, Timestamp::from_millis(0)).unwrap();
        let user_id = UserId::parse("user_1").unwrap();
        Broadcast::new(SessionId::from_random([0; 16]), Event::LocationUpdate { user_id, position })
    }

    #[test]
    fn one_event_in_three_formats() {
        let data = r#"{"type":"location_update","data":{"user_id":"user_1","lat":1.5,"lng":2.0,"accuracy":null,"timestamp":"1970-01-01T00:00:00.000Z","speed":3.0}}"#;
        let topic = "location:00000000-0000-4000-8000-000000000000";
        let moved = moved();
        assert_eq!(moved.frame(Wire::Plain), data);
        assert_eq!(
            moved.frame(Wire::Phoenix(Version::V2)),
            &format!(r#"[null,null,"{topic}","location_update",{data}]"#)
        );
        assert_eq!(
            moved.frame(Wire::Phoenix(Version::V1)),
            &format!(r#"{{"event":"location_update","payload":{data},"ref":null,"topic":"{topic}"}}"#)
        );
    }

    #[test]
    fn a_frame_is_made_once() {
        let moved = moved();
        assert_eq!(moved.frame(Wire::Plain).as_ptr(), moved.frame(Wire::Plain).as_ptr());
    }

    #[test]
    fn everyone_as_the_serializer_would_write_it() {
        let server_time = Timestamp::from_millis(1);
        let one = |name: &str, status, last_position_at| InitialParticipant {
            profile: Profile {
                user_id: UserId::parse("user_1").unwrap(),
                display_name: DisplayName::parse(name).unwrap(),
                avatar_color: AvatarColor::parse("#FF5733").unwrap(),
            },
            status,
            last_position_at,
        };
        let people = vec![
            one("Zo\u{eb}", None, None),
            one(r#"\ "the snake""#, Some(SharingStatus::NoGps), None),
            one("A", Some(SharingStatus::Sharing), Some(server_time)),
        ];
        for participants in [Vec::new(), people] {
            let all = InitialParticipants { participants, watcher_count: 7, server_time };
            assert_eq!(all.to_json(), to_json(&all));
        }
    }

    #[test]
    fn statuses() {
        assert_eq!(SharingStatus::parse(r#"{"status":"no_gps","x":1}"#), Ok(SharingStatus::NoGps));
        for json in ["", "{}", r#"{"status":"asleep"}"#, r#"{"status":1}"#, "[]", r#"["sharing"]"#] {
            assert_eq!(SharingStatus::parse(json), Err(InvalidStatus), "{json}");
        }
    }
}
