//! A cache entry for each active tracker link: its rate, whether it is over (so that an app that goes on after the end
//! costs only a lookup), the outcome of its last report, the lead of the phone's clock, and the cards sent.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tagalong_core::limits::{CARD_LIFE, CARDS_MAX, TRACKERS_MAX};
use tagalong_core::pace::Pace;
use tagalong_core::time::Timestamp;

use super::outcome::{LastReport, Outcome};
use super::phone_clock::PhoneClock;
use super::{App, TrackerLink};

/// The burst of reports, as for messages of a connection.
const BURST: Duration = Duration::from_secs(3);

/// The entry of a link without reports for this long is deleted.
const KEPT: Duration = Duration::from_secs(3600);

/// The cached state of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Unknown: the database must be asked.
    Nothing,
    /// No longer valid, for ever.
    Over,
}

struct Seen {
    pace: Pace,
    over: bool,
    last: Option<LastReport>,
    /// One for each app, because two apps may be on two phones.
    phone_clocks: Vec<(App, PhoneClock)>,
    cards: Cards,
}

/// The cards sent to an app since then, each by 32 bits of its hash.
struct Cards {
    since: Instant,
    sent: Vec<u32>,
}

impl Cards {
    /// Whether each card is due: it is new or changed, or all were sent long ago.
    fn due(&mut self, prints: &[u32], now: Instant) -> Vec<bool> {
        if now.saturating_duration_since(self.since) >= CARD_LIFE || self.sent.len() >= CARDS_MAX {
            *self = Self { since: now, sent: Vec::new() };
        }
        let due: Vec<bool> = prints.iter().map(|print| !self.sent.contains(print)).collect();
        let free = CARDS_MAX.saturating_sub(self.sent.len());
        self.sent
            .extend(prints.iter().zip(&due).filter(|(_, due)| **due).map(|(print, _)| *print).take(free));
        due
    }
}

#[derive(Default)]
pub struct LinkCache {
    seen: Mutex<HashMap<TrackerLink, Seen>>,
}

impl LinkCache {
    /// Counts a request of a link, at one for each `step`.
    ///
    /// # Errors
    /// When that is one too many: how long to wait.
    pub fn spend(&self, link: &TrackerLink, step: Duration, now: Instant) -> Result<Known, Duration> {
        let mut seen = self.seen.lock();
        if seen.len() >= TRACKERS_MAX && !seen.contains_key(link) {
            // Drop links with their whole allowance, also those that are over: the database will be asked again.
            seen.retain(|_, seen| seen.pace.next() + BURST > now);
            if seen.len() >= TRACKERS_MAX {
                return Err(BURST);
            }
        }
        let new = || Seen {
            pace: Pace::new(BURST, now),
            over: false,
            last: None,
            phone_clocks: Vec::new(),
            cards: Cards { since: now, sent: Vec::new() },
        };
        let seen = seen.entry(link.clone()).or_insert_with(new);
        seen.pace.try_spend(now, step)?;
        Ok(if seen.over { Known::Over } else { Known::Nothing })
    }

    /// Marks a link as over, and drops the rest of its entry.
    pub fn bury(&self, link: &TrackerLink) {
        if let Some(seen) = self.seen.lock().get_mut(link) {
            (seen.over, seen.last) = (true, None);
            (seen.phone_clocks, seen.cards.sent) = (Vec::new(), Vec::new());
        }
    }

    /// Drops the links that have been quiet for long.
    pub fn sweep(&self, now: Instant) {
        self.seen.lock().retain(|_, seen| seen.pace.next() + KEPT > now);
    }

    /// The age of a fix that came in now with this time of the phone.
    pub fn age(
        &self,
        link: &TrackerLink,
        app: App,
        taken: Timestamp,
        now: Timestamp,
        instant: Instant,
    ) -> Duration {
        let mut seen = self.seen.lock();
        let Some(Seen { phone_clocks, .. }) = seen.get_mut(link) else { return now.since(taken) };
        let known = phone_clocks.iter().position(|(of, _)| *of == app);
        let place = known.unwrap_or_else(|| {
            phone_clocks.push((app, PhoneClock::default()));
            phone_clocks.len() - 1
        });
        phone_clocks[place].1.age(taken, now, instant)
    }

    /// Records the outcome of a report.
    pub fn note(&self, link: &TrackerLink, app: App, received_at: Timestamp, outcome: Outcome) {
        if let Some(seen) = self.seen.lock().get_mut(link) {
            let report = LastReport { app, received_at, outcome };
            if seen.last.as_ref().is_none_or(|last| report.tells_more_than(last)) {
                seen.last = Some(report);
            }
        }
    }

    /// The outcome of the last report to this node.
    pub fn last(&self, link: &TrackerLink) -> Option<LastReport> {
        self.seen.lock().get(link).and_then(|seen| seen.last.clone())
    }

    /// The cards that are due now; they then count as sent.
    pub fn cards_due(&self, link: &TrackerLink, prints: &[u32], now: Instant) -> Vec<bool> {
        match self.seen.lock().get_mut(link) {
            Some(seen) => seen.cards.due(prints, now),
            None => vec![true; prints.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use tagalong_core::id::UserId;
    use tagalong_core::time::Timestamp;
    use tagalong_platform::clock::Clock;

    use super::*;

    fn link(number: usize) -> TrackerLink {
        TrackerLink { user: UserId::from_random((number as u128).to_be_bytes()), generation: 0 }
    }

    #[test]
    fn each_link_has_a_rate_and_an_end_of_its_own() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let (gate, now, step) = (LinkCache::default(), clock.instant(), Duration::from_secs(1));
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
    fn a_card_is_sent_when_it_is_new_or_changed_and_now_and_then() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let (gate, now) = (LinkCache::default(), clock.instant());
        gate.spend(&link(1), Duration::ZERO, now).unwrap();
        gate.spend(&link(2), Duration::ZERO, now).unwrap();
        let due = |number, prints: &[u32], after| gate.cards_due(&link(number), prints, now + after);
        let soon = Duration::from_secs(10);
        assert_eq!(due(1, &[7, 8], Duration::ZERO), [true, true]);
        assert_eq!(due(1, &[8, 9, 7], soon), [false, true, false]);
        // One participant was not visible for a while.
        assert_eq!(due(1, &[7], soon), [false]);
        assert_eq!(due(2, &[7], soon), [true]);
        assert_eq!(due(1, &[7, 8], CARD_LIFE), [true, true]);
        assert_eq!(due(3, &[7], soon), [true], "nothing is known of that link");
        let many: Vec<u32> = (0..10_000).collect();
        assert!(due(1, &many, CARD_LIFE).iter().filter(|due| **due).count() >= 9_998);
        assert!(gate.seen.lock()[&link(1)].cards.sent.len() <= CARDS_MAX);
    }

    #[test]
    fn the_last_outcome_is_kept_and_a_heartbeat_does_not_hide_it() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let gate = LinkCache::default();
        gate.spend(&link(1), Duration::ZERO, clock.instant()).unwrap();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let note = |seconds, outcome| {
            gate.note(&link(1), App::Traccar, at(seconds), outcome);
            gate.last(&link(1)).unwrap().outcome
        };
        assert_eq!(gate.last(&link(1)), None);
        assert_eq!(note(0, Outcome::NoPosition), Outcome::NoPosition);
        let old = Outcome::TooOld(Duration::from_secs(95));
        assert_eq!(note(1, old), old);
        assert_eq!(note(2, Outcome::NoPosition), old);
        assert_eq!(note(3, Outcome::Shown), Outcome::Shown);
        assert_eq!(note(63, Outcome::NoPosition), Outcome::NoPosition);
        gate.note(&link(2), App::Traccar, at(1), Outcome::Shown);
        assert_eq!(gate.last(&link(2)), None, "nothing is kept of a link that was not counted");
    }

    #[test]
    fn links_that_are_over_or_quiet_are_dropped() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let (gate, now, step) = (LinkCache::default(), clock.instant(), Duration::from_secs(1));
        for number in [1, 2] {
            gate.spend(&link(number), step, now).unwrap();
            gate.note(&link(number), App::Traccar, Timestamp::from_millis(0), Outcome::Shown);
            gate.age(&link(number), App::Traccar, Timestamp::from_millis(0), Timestamp::from_millis(0), now);
            gate.cards_due(&link(number), &[7], now);
        }
        gate.bury(&link(1));
        let kept = |number| {
            let seen = gate.seen.lock();
            let seen = &seen[&link(number)];
            (seen.last.is_some(), seen.phone_clocks.len(), seen.cards.sent.len())
        };
        assert_eq!((kept(1), kept(2)), ((false, 0, 0), (true, 1, 1)));
        gate.sweep(now + KEPT / 2);
        assert_eq!(gate.seen.lock().len(), 2);
        gate.sweep(now + KEPT + step);
        assert_eq!(gate.seen.lock().len(), 0);
    }

    #[test]
    fn the_table_stays_small() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let (gate, now, step) = (LinkCache::default(), clock.instant(), Duration::from_secs(1));
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
