//! Time: what never jumps, for measuring, and what people read, for `timestamp`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tagalong_core::time::Timestamp;

/// Microseconds since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins now.
    #[expect(clippy::disallowed_methods, reason = "a generator of real load lives in real time")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds until now.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Time until now.
    #[expect(clippy::disallowed_methods, reason = "a generator of real load lives in real time")]
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(self.0)
    }
}

/// Now, as people read it.
#[expect(clippy::disallowed_methods, reason = "a generator of real load lives in real time")]
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A duration as microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
