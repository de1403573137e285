//! Estimates how far a phone's clock is ahead, from its reports: a late fix from such a phone has a time that looks
//! new.

use std::time::{Duration, Instant};

use tagalong_core::limits::POSITION_AHEAD_MAX;
use tagalong_core::time::Timestamp;

/// Leads that differ by less, in milliseconds, count as the same, because reports are not all equally fast.
const TOLERANCE_MS: i64 = 5_000;
/// How long reports have to come with the same smaller lead until the clock counts as corrected. A backlog comes faster
/// than it was recorded, so that its lead grows meanwhile.
const CORRECTED_AFTER: Duration = Duration::from_secs(20);
/// How long reports have to come with the same lead of more than [`POSITION_AHEAD_MAX`] until it counts as the clock's:
/// a single one may be a fault of the receiver.
const AHEAD_AFTER: Duration = Duration::from_secs(5);

/// The clock of the phone behind a tracker link.
#[derive(Clone, Copy, Default)]
pub(super) struct PhoneClock {
    /// The least possible lead, in milliseconds; never negative: a clock that is behind looks like a late report.
    lead_ms: i64,
    other: Option<OtherLead>,
    /// The last fix that was too far ahead, and when it came first.
    too_far: Option<(Timestamp, Instant)>,
}

#[derive(Clone, Copy)]
struct OtherLead {
    lead_ms: i64,
    since: Instant,
}

impl PhoneClock {
    /// The age of a fix that comes in now with this time.
    pub(super) fn age(&mut self, taken: Timestamp, now: Timestamp, instant: Instant) -> Duration {
        if let Some((_, first)) = self.too_far.filter(|(too_far, _)| *too_far == taken) {
            return instant.saturating_duration_since(first);
        }
        let lead_ms = taken.as_millis().saturating_sub(now.as_millis());
        if is_too_far(lead_ms) {
            self.too_far = Some((taken, instant));
        }
        self.notice(lead_ms, instant);
        let age_ms = self.lead_ms.saturating_sub(lead_ms);
        Duration::from_millis(u64::try_from(age_ms).unwrap_or(0))
    }

    fn notice(&mut self, lead_ms: i64, instant: Instant) {
        let is_about = |other: i64| other.abs_diff(lead_ms) <= TOLERANCE_MS.unsigned_abs();
        let is_ahead = lead_ms > self.lead_ms;
        if is_about(self.lead_ms) || (is_ahead && !is_too_far(lead_ms)) {
            self.lead_ms = self.lead_ms.max(lead_ms);
            self.other = None;
            return;
        }
        let long_enough = if is_ahead { AHEAD_AFTER } else { CORRECTED_AFTER };
        match self.other.filter(|other| is_about(other.lead_ms)) {
            Some(other) if instant.saturating_duration_since(other.since) >= long_enough => {
                self.lead_ms = lead_ms.max(0);
                self.other = None;
            }
            Some(_) => {}
            None => self.other = Some(OtherLead { lead_ms, since: instant }),
        }
    }
}

fn is_too_far(lead_ms: i64) -> bool {
    u128::try_from(lead_ms).is_ok_and(|lead_ms| lead_ms > POSITION_AHEAD_MAX.as_millis())
}

#[cfg(test)]
mod tests {
    use tagalong_platform::clock::Clock;

    use super::*;

    /// A phone, with the lead of its clock in seconds.
    struct Phone {
        clock: PhoneClock,
        began: Instant,
        ahead: i64,
    }

    impl Phone {
        fn ahead(ahead: i64) -> Self {
            let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
            Self { clock: PhoneClock::default(), began: clock.instant(), ahead }
        }

        /// The estimated age, in seconds, of a fix taken and received at these times.
        fn age(&mut self, taken: i64, at: i64) -> u64 {
            let time = |seconds: i64| Timestamp::from_millis(1_795_000_000_000 + seconds * 1_000);
            let instant = self.began + Duration::from_secs(at.unsigned_abs());
            self.clock.age(time(taken + self.ahead), time(at), instant).as_secs()
        }
    }

    #[test]
    fn a_right_clock_is_believed() {
        let mut phone = Phone::ahead(0);
        for (taken, at, age) in [(0, 0, 0), (5, 25, 20), (24, 26, 2), (0, 30, 30), (30, 30, 0)] {
            assert_eq!(phone.age(taken, at), age, "{taken} {at}");
        }
    }

    #[test]
    fn a_repeated_fix_keeps_its_age_with_any_lead() {
        for ahead in [0, 2, 59, 95, 3_600, 400_000_000] {
            for step in [1, 3, 10, 37] {
                let mut phone = Phone::ahead(ahead);
                for again in 0..20 {
                    assert_eq!(phone.age(0, again * step), (again * step).unsigned_abs(), "{ahead} {step}");
                }
            }
        }
    }

    #[test]
    fn a_late_fix_from_a_clock_that_is_ahead_is_old() {
        let mut phone = Phone::ahead(50);
        assert_eq!(phone.age(0, 0), 0);
        // Offline for ten minutes, then all at once.
        for late in 1..60 {
            assert_eq!(
                phone.age(late * 10, 600 + late / 10),
                600_u64.saturating_add_signed(late / 10 - late * 10)
            );
        }
    }

    #[test]
    fn a_clock_that_is_too_far_ahead_is_known_by_its_second_report() {
        let mut phone = Phone::ahead(95);
        for at in [0, 10, 20] {
            phone.age(at, at);
        }
        // Those whose time looks right are old.
        for (taken, at) in [(30, 70), (20, 110), (40, 130)] {
            assert_eq!(phone.age(taken, at), (at - taken).unsigned_abs());
        }
    }

    #[test]
    fn one_report_from_the_future_does_not_affect_the_next() {
        let mut phone = Phone::ahead(0);
        for (at, ahead) in
            [(0, 0), (1, 3_600), (2, 0), (3, 324_000_000), (4, 95), (5, 0), (20, 3_600), (21, 0)]
        {
            phone.ahead = ahead;
            let age = phone.age(at, at);
            assert!(ahead > 0 || age == 0, "{at} {age}");
        }
    }

    #[test]
    fn a_clock_that_is_set_right_is_believed_after_some_reports() {
        for ahead in [30, 95, 400_000_000] {
            let mut phone = Phone::ahead(ahead);
            for at in [0, 10] {
                assert_eq!(phone.age(at, at), 0);
            }
            phone.ahead = 0;
            assert!(phone.age(20, 20) >= 25);
            phone.age(30, 30);
            for at in [40, 50, 60] {
                assert_eq!(phone.age(at, at), 0, "{ahead}");
            }
        }
    }
}
