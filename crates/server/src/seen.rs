//! Times of last activity that are not in the database yet. During an outage they wait here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tagalong_core::id::{SessionId, UserId};
use tagalong_core::time::Timestamp;

/// Most participants whose last activity waits, some 100 bytes each. Joins need the database, so during an outage only
/// those wait who had joined before.
const WAITING_MAX: usize = 200_000;

/// The newest time of each participant.
#[derive(Debug, Default)]
pub struct Unsaved {
    waiting: BTreeMap<(SessionId, UserId), Timestamp>,
    failed_at: Option<Instant>,
}

impl Unsaved {
    /// Adds times.
    pub fn add(&mut self, seen: Vec<(SessionId, UserId, Timestamp)>) {
        for (session, user, at) in seen {
            let full = self.waiting.len() >= WAITING_MAX;
            let key = (session, user);
            if let Some(known) = self.waiting.get_mut(&key) {
                *known = at.max(*known);
            } else if !full {
                self.waiting.insert(key, at);
            }
        }
    }

    pub fn rows(&self) -> Vec<(SessionId, UserId, Timestamp)> {
        self.waiting.iter().map(|((session, user), at)| (*session, user.clone(), *at)).collect()
    }

    /// The database has written them.
    pub fn saved(&mut self) {
        self.waiting = BTreeMap::new();
    }

    /// The database did not write them.
    pub fn failed(&mut self, now: Instant) {
        self.failed_at = Some(now);
    }

    /// Whether a write has failed within the last `while_ago`.
    pub fn failed_within(&self, while_ago: Duration, now: Instant) -> bool {
        self.failed_at.is_some_and(|at| now.saturating_duration_since(at) <= while_ago)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_waits_and_memory_is_bounded() {
        let mut unsaved = Unsaved::default();
        let at = Timestamp::from_millis;
        let who = |number: u32| UserId::restore(&number.to_string());
        let session = SessionId::from_random([1; 16]);
        unsaved.add(vec![(session, who(0), at(2)), (session, who(0), at(1))]);
        assert_eq!(unsaved.rows(), [(session, who(0), at(2))]);
        unsaved.add((0..300_000).map(|number| (session, who(number), at(3))).collect());
        assert_eq!(unsaved.rows().len(), WAITING_MAX);
        assert_eq!(unsaved.waiting[&(session, who(0))], at(3));
        unsaved.saved();
        assert!(unsaved.rows().is_empty());
    }
}
