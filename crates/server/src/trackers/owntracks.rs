//! OwnTracks in HTTP mode: the only one of the apps that shows the others on a map of its own.
//!
//! It retries for ever until the answer is 2xx; so an invalid location is acknowledged.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tagalong_core::json::to_json;
use tagalong_core::participant::Profile;
use tagalong_core::position::Reading;
use tagalong_core::room::Snapshot;
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;

use super::avatars::Avatars;
use super::fields::{self, Unfit};
use super::{Payload, Request, Unusable};

/// Longer values are no part of a position: a photo, a list of regions.
const VALUE_BYTES_MAX: usize = 64;

pub(super) fn read(request: Request<'_>, now: Timestamp) -> Result<Payload, Unusable> {
    if request.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Payload::Nothing);
    }
    let message = small_values(request.body)?;
    match message.get("_type").and_then(Value::as_str) {
        Some("location") => match fields::OWNTRACKS.read(&message, now) {
            Ok(position) => Ok(Payload::Position(position)),
            Err(Unfit::Ahead(by)) => Ok(Payload::Ahead(by)),
            Err(Unfit::NoPlace | Unfit::NoTime) => Ok(Payload::Nothing),
        },
        Some("encrypted") => Err(Unusable::Encrypted),
        Some(_) => Ok(Payload::Nothing),
        None => Err(Unusable::Malformed),
    }
}

/// The message without its long values, so that a photo is never held twice.
fn small_values(body: &[u8]) -> Result<Value, Unusable> {
    let all: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_slice(body).map_err(|_| Unusable::Malformed)?;
    let small = all.into_iter().filter(|(_, value)| value.get().len() <= VALUE_BYTES_MAX);
    let read = small.map(|(name, value)| Some((name.into_owned(), serde_json::from_str(value.get()).ok()?)));
    read.collect::<Option<Map<_, _>>>().map(Value::Object).ok_or(Unusable::Malformed)
}

/// A participant that the app shows.
pub struct Friend<'a> {
    profile: &'a Profile,
    tid: &'a str,
    reading: Reading,
}

/// The participants with a position and a tracker id.
pub fn friends<'a>(others: &'a Snapshot, ids: &'a TrackerIds) -> Vec<Friend<'a>> {
    let people = others.participants.participants.iter().map(|person| &person.profile);
    people
        .filter_map(|profile| {
            let live = others.locations.locations.iter().find(|live| live.user_id == profile.user_id)?;
            Some(Friend { profile, tid: ids.of(profile.user_id.as_str())?, reading: live.position.reading() })
        })
        .collect()
}

/// A `location` for each friend, and a `card` for each whose card is due.
pub fn answer(friends: &[Friend<'_>], due: &[bool], avatars: &Avatars) -> String {
    let mut objects = Vec::new();
    for (friend, due) in friends.iter().zip(due) {
        objects.push(friend.location());
        if *due {
            objects.push(friend.card(avatars));
        }
    }
    to_json(&objects)
}

impl Friend<'_> {
    /// A fingerprint of the card.
    pub fn card_print(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        let Profile { user_id, display_name, avatar_color } = self.profile;
        (user_id.as_str(), self.tid, display_name.as_str(), avatar_color.as_str()).hash(&mut hasher);
        #[expect(clippy::cast_possible_truncation, reason = "any 32 bits will do")]
        let print = hasher.finish() as u32;
        print
    }

    /// Location and card belong together by `topic` on Android and by `tid` on iOS.
    fn topic(&self) -> String {
        format!("owntracks/{}/tagalong", self.profile.user_id)
    }

    fn location(&self) -> Value {
        let Self { tid, reading, .. } = self;
        let seconds = reading.timestamp.map(|time| time.as_millis().div_euclid(1000));
        let mut location = json!({
            "_type": "location", "tid": tid, "topic": self.topic(), "lat": reading.lat, "lon": reading.lng, "tst": seconds,
        });
        // Whole numbers, as the app itself writes them.
        let whole = [
            ("acc", reading.accuracy),
            ("alt", reading.altitude),
            ("cog", reading.heading),
            ("vel", reading.speed.map(|speed| speed * 3.6)),
            ("batt", reading.battery.map(|battery| battery * 100.0)),
        ];
        for (name, value) in whole {
            if let Some(value) = value.map(f64::round).filter(|value| value.abs() < 1e9) {
                #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
                let value = value as i64;
                location[name] = value.into();
            }
        }
        location
    }

    fn card(&self, avatars: &Avatars) -> Value {
        let Profile { display_name, avatar_color, .. } = self.profile;
        json!({
            "_type": "card", "tid": self.tid, "topic": self.topic(), "name": display_name.as_str(),
            "face": avatars.of(avatar_color).as_deref(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_skipped_and_the_place_is_read() {
        let photo = "A".repeat(200_000);
        let body = format!(
            r#"{{"_type":"location","lat":1,"lon":2,"tst":1795521600,"poi":"x","image":"{photo}","inregions":["{photo}"]}}"#
        );
        let message = small_values(body.as_bytes()).unwrap();
        assert_eq!(message["lat"], 1);
        assert!(message.get("image").is_none() && message.get("inregions").is_none());
        let request = Request { query: "", body: body.as_bytes() };
        assert!(matches!(read(request, Timestamp::from_millis(1_795_521_600_000)), Ok(Payload::Position(_))));
    }
}
