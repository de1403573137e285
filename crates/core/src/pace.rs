//! Rate limits: a token bucket, kept as one point in time (the generic cell rate algorithm).

use std::time::{Duration, Instant};

/// A steady rate with a burst. Unused allowance beyond the burst is lost.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    burst: Duration,
    // The theoretical arrival time: when the allowance spent so far will have been earned.
    earned_at: Instant,
}

impl Pace {
    /// Full at `now`: steps that cost `burst` in total pass at once.
    pub fn new(burst: Duration, now: Instant) -> Self {
        Self { burst, earned_at: now }
    }

    /// When the next step is due; a time in the past means now.
    pub fn next(&self) -> Instant {
        self.earned_at.checked_sub(self.burst).unwrap_or(self.earned_at)
    }

    /// Whether some allowance is spent and not yet earned again at `now`.
    pub fn is_used(&self, now: Instant) -> bool {
        self.earned_at > now
    }

    /// Spends `step` at `now`, due or not.
    pub fn spend(&mut self, now: Instant, step: Duration) {
        self.earned_at = self.earned_at.max(now) + step;
    }

    /// Spends the whole burst at `now`: the next step is due after `step`.
    fn spend_all(&mut self, now: Instant, step: Duration) {
        self.earned_at = now + self.burst + step;
    }

    /// Spends `step` if it is due at `now`.
    ///
    /// # Errors
    /// When it is not due: the time to wait. Nothing is spent then.
    pub fn try_spend(&mut self, now: Instant, step: Duration) -> Result<(), Duration> {
        let wait = self.next().saturating_duration_since(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.spend(now, step);
        Ok(())
    }
}

/// The pace of one connection's position writes.
///
/// At ordinary rates every position is written at once; beyond five writes in the interval, one write carries several
/// positions. A write costs 5 to 8 µs in the kernel, however long, and each frame in it 0.2 µs. A write that happens
/// later than it was due is a sign of a busy processor, so the next ones are further apart.
#[derive(Clone, Copy, Debug)]
pub struct WritePace {
    pace: Pace,
    interval_max: Duration,
    /// Whether the last [`Self::is_due`] came too early.
    held: bool,
    /// By how much the next write is late.
    late: Duration,
}

impl WritePace {
    /// Writes per interval at the steady rate: 50 a second at the default of 100 ms. 50 participants who each send a
    /// position every second, the rate of most receivers, cause 49.
    const WRITES: u32 = 5;
    /// Writes that pass at once on a connection that has been quiet.
    const BURST_WRITES: u32 = 20;
    /// A late write widens the gap by this multiple of its delay, up to the interval.
    const LATE_STEPS: u32 = 4;

    /// Writes at most `interval_max` apart; zero means no pace.
    pub fn new(interval_max: Duration, now: Instant) -> Self {
        let pace = Pace::new(interval_max / Self::WRITES * Self::BURST_WRITES, now);
        Self { pace, interval_max, held: false, late: Duration::ZERO }
    }

    /// When the next positions may be written; a time in the past means now.
    pub fn next(&self) -> Instant {
        self.pace.next()
    }

    /// Whether positions may be written at `now`. Must be called before each write.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next() <= now;
        let late = if due && self.held { now.saturating_duration_since(self.next()) } else { Duration::ZERO };
        (self.held, self.late) = (!due, late);
        due
    }

    /// Positions were written at `now`.
    pub fn wrote(&mut self, now: Instant) {
        let step = self.interval_max / Self::WRITES;
        if self.late.is_zero() {
            self.pace.spend(now, step);
        } else {
            // Missed writes are not made up for: that would add writes just when the processor has no time for them.
            let slower = (self.late * Self::LATE_STEPS).min(self.interval_max);
            self.pace.spend_all(now, step.max(slower));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any starting point will do")]
    fn beginning() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_burst_then_a_rate() {
        let start = beginning();
        let mut pace = Pace::new(Duration::from_secs(3), start);
        let step = Duration::from_secs(1);
        for _ in 0..4 {
            assert_eq!(pace.try_spend(start, step), Ok(()));
        }
        assert_eq!(pace.try_spend(start, step), Err(step));
        assert_eq!(pace.try_spend(start + step, step), Ok(()));
        assert_eq!(pace.try_spend(start + step, step), Err(step));
    }

    /// Runs updates with `gaps` between them against a pace. Returns each position's delay, and the number of writes.
    fn play(gaps_us: &[u64], interval_max: Duration) -> (Vec<Duration>, usize) {
        let mut now = beginning();
        let mut pace = WritePace::new(interval_max, now);
        let (mut waiting, mut delays, mut writes) = (Vec::new(), Vec::new(), 0);
        let flush = |pace: &mut WritePace, waiting: &mut Vec<Instant>, at: Instant| {
            assert!(pace.is_due(at));
            pace.wrote(at);
            waiting.drain(..).map(|since| at - since).collect::<Vec<_>>()
        };
        for gap in gaps_us {
            let then = now + Duration::from_micros(*gap);
            if !waiting.is_empty() && pace.next() <= then {
                let at = pace.next().max(now);
                delays.extend(flush(&mut pace, &mut waiting, at));
                writes += 1;
            }
            now = then;
            waiting.push(now);
            if pace.is_due(now) {
                delays.extend(flush(&mut pace, &mut waiting, now));
                writes += 1;
            }
        }
        (delays, writes)
    }

    const INTERVAL: Duration = Duration::from_millis(100);

    proptest! {
        #[test]
        fn no_position_waits_longer_than_the_interval(gaps in proptest::collection::vec(0_u64..50_000, 1..2000)) {
            for delay in play(&gaps, INTERVAL).0 {
                prop_assert!(delay <= INTERVAL);
            }
        }

        #[test]
        fn at_ordinary_rates_nothing_waits(gaps in proptest::collection::vec(20_000_u64..60_000, 1..500)) {
            prop_assert!(play(&gaps, INTERVAL).0.iter().all(Duration::is_zero));
        }
    }

    #[test]
    fn at_high_rates_one_write_carries_several_positions() {
        let seconds = 10;
        for (per_second, writes_at_most) in [(25, 25), (250, 50), (2_500, 50)] {
            let gaps = vec![1_000_000 / per_second; (per_second * seconds) as usize];
            let (_, writes) = play(&gaps, INTERVAL);
            let allowed = writes_at_most * seconds as usize + WritePace::BURST_WRITES as usize;
            assert!(writes <= allowed, "{per_second}/s: {writes} writes in {seconds} s");
        }
    }

    #[test]
    fn a_late_write_widens_the_gap_and_is_not_made_up_for() {
        let start = beginning();
        let mut pace = WritePace::new(INTERVAL, start);
        while pace.is_due(start) {
            pace.wrote(start);
        }
        for (late_ms, step_ms) in [(1, 20), (10, 40), (25, 100), (1000, 100), (0, 20)] {
            let now = pace.next() + Duration::from_millis(late_ms);
            assert!(!pace.is_due(pace.next() - Duration::from_millis(1)) && pace.is_due(now));
            pace.wrote(now);
            assert_eq!(pace.next() - now, Duration::from_millis(step_ms), "{late_ms} ms late");
        }
        // There was nothing to write, so nothing waited.
        let now = pace.next() + Duration::from_millis(400);
        assert!(pace.is_due(now) && pace.is_due(now));
        pace.wrote(now);
        assert!(pace.is_due(now));
    }

    #[test]
    fn zero_means_always_at_once() {
        let gaps = vec![100; 1000];
        let (delays, writes) = play(&gaps, Duration::ZERO);
        assert!(delays.iter().all(Duration::is_zero));
        assert_eq!(writes, gaps.len());
    }

    /// The simple alternative, a fixed tick, delays a quiet group without need; the test above detects it.
    #[test]
    fn a_fixed_tick_is_caught() {
        let tick = Duration::from_millis(5);
        let start = beginning();
        let delays: Vec<Duration> = (0..100_u64)
            .map(|n| {
                let arrival = Duration::from_micros(41_300 * n);
                let ticks = arrival.as_micros().div_ceil(tick.as_micros());
                let flushed = tick * u32::try_from(ticks).unwrap();
                (start + flushed) - (start + arrival)
            })
            .collect();
        assert!(!delays.iter().all(Duration::is_zero));
    }
}
