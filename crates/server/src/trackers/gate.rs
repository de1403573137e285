//! How often each tracker may send, and which links are over: an app that goes on after the end costs no more
//! than a look into this table.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tagalong_core::limits::TRACKERS_MAX;
use tagalong_core::pace::Pace;

use super::TrackerLink;

/// Seconds of positions at the full rate that may come at once, as through a connection.
const BURST: Duration = Duration::from_secs(3);

/// What is known of a link without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Nothing: the database knows.
    Nothing,
    /// It is over, for ever.
    Over,
}

struct Seen {
    pace: Pace,
    over: bool,
}

/// The links that sent something lately.
#[derive(Default)]
pub struct Gate {
    seen: Mutex<HashMap<TrackerLink, Seen>>,
}

impl Gate {
    /// Counts a request of a link, at one for each `step`.
    ///
    /// # Errors
    /// When that is one too many: how long to wait.
    pub fn spend(&self, link: &TrackerLink, step: Duration, now: Instant) -> Result<Known, Duration> {
        let mut seen = self.seen.lock();
        if seen.len() >= TRACKERS_MAX && !seen.contains_key(link) {
            // Whoever has their whole allowance again; of those that are over, it is found out again.
            seen.retain(|_, seen| seen.pace.next() + BURST > now);
            if seen.len() >= TRACKERS_MAX {
                return Err(BURST);
            }
        }
        let new = || Seen { pace: Pace::new(BURST, now), over: false };
        let seen = seen.entry(link.clone()).or_insert_with(new);
        seen.pace.try_spend(now, step)?;
        Ok(if seen.over { Known::Over } else { Known::Nothing })
    }

    /// Remembers that a link is over.
    pub fn bury(&self, link: &TrackerLink) {
        if let Some(seen) = self.seen.lock().get_mut(link) {
            seen.over = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use tagalong_core::id::UserId;
    use tagalong_core::time::Timestamp;

    use super::*;
    use crate::clock::Clock;

    fn link(number: usize) -> TrackerLink {
        TrackerLink { user: UserId::from_random((number as u128).to_be_bytes()), generation: 0 }
    }

    #[test]
    fn each_link_has_a_rate_and_an_end_of_its_own() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let (gate, now, step) = (Gate::default(), clock.instant(), Duration::from_secs(1));
        for _ in 0..4 {
            assert_eq!(gate.spend(&link(1), step, now), Ok(Known::Nothing));
        }
        assert_eq!(gate.spend(&link(1), step, now), Err(step));
        assert_eq!(gate.spend(&link(2), step, now), Ok(Known::Nothing));
        gate.bury(&link(2));
        gate.bury(&link(3));
        assert_eq!(gate.spend(&link(2), step, now), Ok(Known::Over));
        assert_eq!(gate.spend(&link(3), step, now), Ok(Known::Nothing));
    }

    #[test]
    fn the_table_stays_small() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let (gate, now, step) = (Gate::default(), clock.instant(), Duration::from_secs(1));
        for number in 0..TRACKERS_MAX {
            gate.spend(&link(number), step, now).unwrap();
        }
        assert_eq!(gate.spend(&link(TRACKERS_MAX), step, now), Err(BURST));
        assert_eq!(gate.spend(&link(7), step, now), Ok(Known::Nothing));
        let later = now + step * 2;
        assert_eq!(gate.spend(&link(TRACKERS_MAX), step, later), Ok(Known::Nothing));
        assert_eq!(gate.seen.lock().len(), 1);
    }
}
