//! Tracker ids: two characters by which a tracker app identifies each participant of a session.
//!
//! The app keeps its friends under them. So an id stays with its owner until the session ends and is never reused, also
//! after the owner left: otherwise the app would draw the newcomer as a continuation of the other's track.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::TRACKER_IDS_MAX;
use crate::participant::Profile;

/// Tracker ids by user id. Reads and writes as a JSON object.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackerIds(BTreeMap<String, String>);

impl TrackerIds {
    /// The id of a participant, if they have one.
    pub fn of(&self, user: &str) -> Option<&str> {
        self.0.get(user).map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each of these people has one.
    pub fn has_all<'a>(&self, mut people: impl Iterator<Item = &'a Profile>) -> bool {
        people.all(|one| self.0.contains_key(one.user_id.as_str()))
    }

    /// Gives an id to each participant without one, in order of joining: the initials, with a number in the second
    /// place if another participant has, or had, the same.
    pub fn assign(&mut self, present: &[Profile]) {
        for person in present {
            if self.0.contains_key(person.user_id.as_str()) {
                continue;
            }
            if self.0.len() >= TRACKER_IDS_MAX {
                self.0.retain(|user, _| present.iter().any(|one| one.user_id.as_str() == user));
            }
            let id = self.free(person.display_name.as_str());
            self.0.insert(person.user_id.as_str().to_owned(), id);
        }
    }

    fn free(&self, name: &str) -> String {
        let initials = initials(name);
        let first: String = initials.chars().take(1).collect();
        let numbered =
            (b'2'..=b'9').chain(b'a'..=b'z').map(|second| format!("{first}{}", char::from(second)));
        // More of one letter than there are numbers: any two digits, then a digit and a letter.
        let any = (0..=9).flat_map(|first| {
            let second = (b'0'..=b'9').chain(b'a'..=b'z');
            second.map(move |second| format!("{first}{}", char::from(second)))
        });
        let is_free = |id: &String| !self.0.values().any(|taken| taken == id);
        std::iter::once(initials).chain(numbered).chain(any).find(is_free).unwrap_or(first)
    }
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
    use crate::id::UserId;
    use crate::participant::{AvatarColor, DisplayName};

    fn person(number: usize, name: &str) -> Profile {
        Profile {
            user_id: UserId::from_random((number as u128).to_be_bytes()),
            display_name: DisplayName::parse(name).unwrap(),
            avatar_color: AvatarColor::parse("#FF5733").unwrap(),
        }
    }

    fn people(names: &[&str]) -> Vec<Profile> {
        names.iter().enumerate().map(|(number, name)| person(number, name)).collect()
    }

    fn ids(ids: &TrackerIds, people: &[Profile]) -> Vec<String> {
        people.iter().map(|one| ids.of(one.user_id.as_str()).unwrap().to_owned()).collect()
    }

    #[test]
    fn they_are_initials_and_differ() {
        let people = people(&["Ada Lovelace", "ada", "Al", "Zoë", "李 小龙", "🦊", "🐻", "Ada Long"]);
        let mut given = TrackerIds::default();
        assert!(!given.has_all(people.iter()));
        given.assign(&people);
        assert_eq!(ids(&given, &people), ["AL", "AD", "A2", "ZO", "李小", "?", "?2", "A3"]);
        assert!(given.has_all(people.iter()));
        let json = serde_json::to_string(&given).unwrap();
        assert_eq!(serde_json::from_str::<TrackerIds>(&json).unwrap(), given);
    }

    #[test]
    fn they_stay_with_their_owner_and_are_not_given_again() {
        let mut given = TrackerIds::default();
        let (carl, cleo) = (person(1, "Carl Dorn"), person(2, "Cleo Dahl"));
        given.assign(&[carl.clone(), cleo.clone()]);
        assert_eq!(ids(&given, &[carl.clone(), cleo.clone()]), ["CD", "C2"]);
        // Carl leaves, and a participant with the same initials joins.
        let conny = person(3, "Conny Dietz");
        given.assign(&[cleo.clone(), conny.clone()]);
        assert_eq!(ids(&given, &[carl, cleo, conny]), ["CD", "C2", "C3"]);
    }

    #[test]
    fn ids_stay_two_characters_and_unique_for_any_number_of_people() {
        let mut given = TrackerIds::default();
        let people: Vec<Profile> = (0..1_000).map(|number| person(number, "x")).collect();
        for present in people.windows(100) {
            given.assign(present);
            assert!(given.0.len() <= TRACKER_IDS_MAX + 1);
            let mut ids = ids(&given, present);
            assert!(ids.iter().all(|id| id.chars().count() == 2 || *id == "X"), "{ids:?}");
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), 100);
        }
    }
}
