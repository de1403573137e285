//! A rate limiter for many keys, in bounded memory.
//!
//! A full table drops a key that has used little of its allowance. A new key always finds a place: an attacker with
//! many addresses cannot make other clients wait.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use tagalong_core::pace::Pace;

/// A full table is swept at most this often, because a sweep visits every key.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// A full table drops the least used of this many keys.
const CANDIDATES: usize = 16;

/// The allowance of a key: a burst of steps, and one step per interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) step: Duration,
    pub(super) burst: Duration,
}

impl Allowance {
    /// `allowed` steps in a period, all of them at once if needed.
    pub(super) fn new(allowed: u32, period: Duration) -> Self {
        let step = period / allowed.max(1);
        Self { step, burst: period.saturating_sub(step) }
    }

    /// The same with at most `steps` at once.
    pub(super) fn at_once(self, steps: u32) -> Self {
        Self { burst: self.burst.min(self.step * steps.saturating_sub(1)), ..self }
    }

    /// Multiplies the rate and the burst.
    pub(super) fn times(self, number: u32) -> Self {
        let step = self.step / number.max(1);
        Self { step, burst: self.burst + self.step - step }
    }
}

/// The keys that have used some of their allowance.
pub(super) struct RateLimiter<K> {
    known: HashMap<K, Pace>,
    keys_max: usize,
    swept: Option<Instant>,
}

impl<K: Copy + Eq + Hash> RateLimiter<K> {
    /// Without keys yet; keeps at most `keys_max`.
    pub(super) fn new(keys_max: usize) -> Self {
        Self { known: HashMap::new(), keys_max, swept: None }
    }

    /// How long a key has to wait for its next step. Takes no memory.
    pub(super) fn wait(&self, key: &K, now: Instant) -> Duration {
        self.known.get(key).map_or(Duration::ZERO, |pace| pace.next().saturating_duration_since(now))
    }

    /// Counts a step, due or not.
    pub(super) fn spend(&mut self, key: K, allowance: Allowance, now: Instant) {
        if self.known.len() >= self.keys_max && !self.known.contains_key(&key) {
            self.make_room(now);
        }
        let pace = self.known.entry(key).or_insert_with(|| Pace::new(allowance.burst, now));
        pace.spend(now, allowance.step);
    }

    /// Drops the keys that have their whole allowance again.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.swept = Some(now);
        self.known.retain(|_, pace| pace.is_used(now));
    }

    fn make_room(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP_INTERVAL) {
            self.sweep(now);
        }
        if self.known.len() < self.keys_max {
            return;
        }
        let candidates = self.known.iter().take(CANDIDATES);
        let least_used = candidates.min_by_key(|(_, pace)| pace.next()).map(|(key, _)| *key);
        if let Some(key) = least_used {
            self.known.remove(&key);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use tagalong_core::time::Timestamp;
    use tagalong_platform::clock::Clock;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_allowance_may_be_used_at_once_and_comes_back() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let (mut limiter, allowance) = (RateLimiter::new(10), Allowance::new(3, MINUTE));
        for _ in 0..3 {
            assert!(limiter.wait(&1, clock.instant()).is_zero());
            limiter.spend(1, allowance, clock.instant());
        }
        assert_eq!(limiter.wait(&1, clock.instant()), MINUTE / 3);
        assert!(limiter.wait(&2, clock.instant()).is_zero());
        hand.advance(MINUTE / 3);
        assert!(limiter.wait(&1, clock.instant()).is_zero());
        hand.advance(MINUTE);
        limiter.sweep(clock.instant());
        assert_eq!(limiter.len(), 0);
    }

    #[test]
    fn a_part_of_an_allowance_at_once() {
        let clock = Clock::manual(Timestamp::from_millis(0)).0;
        let (mut limiter, allowance) = (RateLimiter::new(10), Allowance::new(120, MINUTE).at_once(20));
        for _ in 0..20 {
            assert!(limiter.wait(&1, clock.instant()).is_zero());
            limiter.spend(1, allowance, clock.instant());
        }
        assert_eq!(limiter.wait(&1, clock.instant()), MINUTE / 120);
    }

    #[test]
    fn a_full_table_takes_new_keys_and_keeps_those_that_used_most() {
        let clock = Clock::manual(Timestamp::from_millis(0)).0;
        let (mut limiter, allowance) = (RateLimiter::new(100), Allowance::new(5, MINUTE));
        for _ in 0..5 {
            limiter.spend(0, allowance, clock.instant());
        }
        for key in 1..10_000 {
            assert!(limiter.wait(&key, clock.instant()).is_zero());
            limiter.spend(key, allowance, clock.instant());
            assert!(limiter.len() <= 100);
        }
        assert!(!limiter.wait(&0, clock.instant()).is_zero(), "the key that used everything is remembered");
    }
}
