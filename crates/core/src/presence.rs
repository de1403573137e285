//! Presence: the connected participants, in the form that the `Presence` of the official client reads.

use serde::{Serialize, Serializer};

use crate::id::UserId;
use crate::json::{push_all, push_text};

/// The connected participants: an object with one key for each, however many devices they have.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Presences(pub Vec<UserId>);

impl Presences {
    /// The wire name of the event with all connected participants, sent after a join.
    pub const STATE: &str = "presence_state";

    /// The same JSON as from [`to_json`](crate::json::to_json), faster.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.bytes());
        self.push(&mut json);
        json
    }

    /// The approximate length of the JSON.
    fn bytes(&self) -> usize {
        const ONE_BYTES: usize = 96;
        self.0.len() * ONE_BYTES + 2
    }

    fn push(&self, json: &mut String) {
        json.push('{');
        push_all(json, &self.0, |json, user| {
            push_text(json, user.as_str());
            json.push_str(r#":{"metas":[{"phx_ref":"#);
            push_text(json, Meta::of(user).phx_ref);
            json.push_str("}]}");
        });
        json.push('}');
    }
}

impl PresenceDiff {
    /// As [`Presences::to_json`].
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.joins.bytes() + self.leaves.bytes() + 32);
        json.push_str(r#"{"joins":"#);
        self.joins.push(&mut json);
        json.push_str(r#","leaves":"#);
        self.leaves.push(&mut json);
        json.push('}');
        json
    }
}

/// The difference between two sets of connected participants.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct PresenceDiff {
    pub joins: Presences,
    pub leaves: Presences,
}

/// The one meta of a key. Its reference is the end of the participant's id: the same on every node and after every
/// reconnection, so that a client that comes back sees no change where there was none. Clients compare references only
/// within a key, and a short one keeps the snapshot of a full session small.
#[derive(Serialize)]
struct Meta<'a> {
    phx_ref: &'a str,
}

const REFERENCE_BYTES: usize = 8;

impl<'a> Meta<'a> {
    fn of(user: &'a UserId) -> Self {
        let id = user.as_str();
        Self { phx_ref: id.get(id.len().saturating_sub(REFERENCE_BYTES)..).unwrap_or(id) }
    }
}

#[derive(Serialize)]
struct Presence<'a> {
    metas: [Meta<'a>; 1],
}

impl Serialize for Presences {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|user| (user, Presence { metas: [Meta::of(user)] })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_json;

    #[test]
    fn a_key_and_a_meta_for_each_person() {
        let one = Presences(vec![UserId::parse("user_123456789").unwrap()]);
        let json = r#"{"user_123456789":{"metas":[{"phx_ref":"23456789"}]}}"#;
        assert_eq!(to_json(&one), json);
        let more = Presences(vec![UserId::restore("x"), UserId::restore("\"")]);
        for people in [&Presences::default(), &one, &more] {
            assert_eq!(people.to_json(), to_json(people));
        }
        let diff = PresenceDiff { joins: one, leaves: Presences::default() };
        assert_eq!(to_json(&diff), format!(r#"{{"joins":{json},"leaves":{{}}}}"#));
        assert_eq!(diff.to_json(), to_json(&diff));
    }
}
