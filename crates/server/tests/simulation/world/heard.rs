//! What a connection is told, as the model says it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tagalong_core::event::{Broadcast, Event, SharingStatus};
use tagalong_core::id::UserId;
use tagalong_core::json::to_json;
use tagalong_core::position::Position;
use tagalong_core::time::Timestamp;

use crate::model::Told;

/// Who is connected is what the room's own models look at.
pub(super) fn told(broadcast: &Arc<Broadcast>) -> Option<Told> {
    Some(match broadcast.event().clone() {
        Event::ParticipantJoined(profile) => Told::Joined(profile.user_id),
        Event::ParticipantLeft { user_id } => Told::Left(user_id),
        Event::SessionEnded { reason, .. } => Told::Ended(reason),
        Event::Dismissed { .. } => Told::Dismissed,
        Event::ParticipantStatus { .. } | Event::SessionUpdated { .. } => return None,
        Event::PresenceDiff(_) | Event::PresenceWatchers { .. } => return None,
        Event::LocationUpdate { .. } => panic!("a position among the events"),
    })
}

/// The statuses that a connection is told, in their order for each person.
pub(super) fn said(control: &[Arc<Broadcast>]) -> BTreeMap<UserId, Vec<SharingStatus>> {
    let mut said: BTreeMap<UserId, Vec<SharingStatus>> = BTreeMap::new();
    for broadcast in control {
        if let Event::ParticipantStatus { user_id, status, .. } = broadcast.event() {
            said.entry(user_id.clone()).or_default().push(*status);
        }
    }
    said
}

/// What a connection is told of the session itself.
pub(super) fn updated(control: &[Arc<Broadcast>]) -> Vec<(Timestamp, bool)> {
    let update = |broadcast: &Arc<Broadcast>| match broadcast.event() {
        Event::SessionUpdated { expires_at, locked, .. } => Some((*expires_at, *locked)),
        _ => None,
    };
    control.iter().filter_map(update).collect()
}

/// The number of a position: it travels as an altitude.
pub(super) fn number(position: &Position) -> u64 {
    let json: serde_json::Value = serde_json::from_str(&to_json(position)).unwrap();
    json["altitude"].as_f64().unwrap() as u64
}

pub(super) fn moved(broadcast: &Arc<Broadcast>) -> (UserId, u64) {
    match broadcast.event() {
        Event::LocationUpdate { user_id, position } => (user_id.clone(), number(position)),
        other => panic!("{} among the positions", other.name()),
    }
}
