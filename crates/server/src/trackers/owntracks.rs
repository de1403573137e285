//! OwnTracks in HTTP mode: the only one of the apps that shows the others on a map of its own.
//!
//! It sends again what is not answered with 2xx, for ever; so a location that makes no sense is acknowledged.

use serde_json::{Value, json};
use tagalong_core::event::to_json;
use tagalong_core::room::Welcome;
use tagalong_core::time::Timestamp;

use super::faces::Faces;
use super::{Request, Said, Unusable, fields};

pub(super) fn read(request: Request<'_>, now: Timestamp) -> Result<Said, Unusable> {
    if request.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Said::Nothing);
    }
    let message: Value = serde_json::from_slice(request.body).map_err(|_| Unusable::Malformed)?;
    match message.get("_type").and_then(Value::as_str) {
        Some("location") => Ok(fields::OWNTRACKS.read(&message, now).map_or(Said::Nothing, Said::Position)),
        Some("encrypted") => Err(Unusable::Encrypted),
        Some(_) => Ok(Said::Nothing),
        None => Err(Unusable::Malformed),
    }
}

/// A `location` and a `card` for everyone who is to be seen. The two belong together by `topic` on Android and
/// by `tid` on iOS.
pub(super) fn friends(others: &Welcome, faces: &Faces) -> String {
    let mut objects = Vec::new();
    let people = &others.participants.participants;
    let names: Vec<&str> = people.iter().map(|person| person.profile.display_name.as_str()).collect();
    for (person, tid) in people.iter().zip(tracker_ids(&names)) {
        let profile = &person.profile;
        let live = others.locations.locations.iter().find(|live| live.user_id == profile.user_id);
        let Some(reading) = live.map(|live| live.position.reading()) else { continue };
        let topic = format!("owntracks/{}/tagalong", profile.user_id);
        let seconds = reading.timestamp.map(|time| time.as_millis().div_euclid(1000));
        let mut location = json!({
            "_type": "location", "tid": tid, "topic": topic, "lat": reading.lat, "lon": reading.lng, "tst": seconds,
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
        let name = profile.display_name.as_str();
        objects.push(location);
        objects.push(json!({
            "_type": "card", "tid": tid, "topic": topic, "name": name, "face": faces.of(&profile.avatar_color).as_deref(),
        }));
    }
    to_json(&objects)
}

/// Two characters for each name: initials, and where two have the same, a number in the second place.
pub(crate) fn tracker_ids(names: &[&str]) -> Vec<String> {
    let mut used: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let initials = initials(name);
        let first: String = initials.chars().take(1).collect();
        let numbered =
            (b'2'..=b'9').chain(b'a'..=b'z').map(|second| format!("{first}{}", char::from(second)));
        let tid = std::iter::once(initials).chain(numbered).find(|tid| !used.contains(tid));
        // More of one letter than there are numbers: the place in the session.
        used.push(tid.unwrap_or_else(|| format!("{:02}", used.len() + 1)));
    }
    used
}

fn initials(name: &str) -> String {
    let mut words =
        name.split_whitespace().filter_map(|word| word.chars().find(|char| char.is_alphanumeric()));
    let first = words.next();
    let second = words.next_back().or_else(|| name.chars().filter(|char| char.is_alphanumeric()).nth(1));
    let initials: String = first.into_iter().chain(second).flat_map(char::to_uppercase).take(2).collect();
    if initials.is_empty() { "?".to_owned() } else { initials }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracker_ids_are_initials_and_differ() {
        let names = ["Ada Lovelace", "ada", "Al", "Zoë", "李 小龙", "🦊", "🐻", "Ada Long"];
        assert_eq!(tracker_ids(&names), ["AL", "AD", "A2", "ZO", "李小", "?", "?2", "A3"]);
        let many = vec!["x"; 100];
        let mut ids = tracker_ids(&many);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 100);
    }
}
