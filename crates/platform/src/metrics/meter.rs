//! Counts and times calls to what this process depends on.

use std::future::Future;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::histogram::{Histogram, Seconds};
use super::labels::{Call, Called};
use crate::clock::Clock;
use crate::traces::{Span, SpanKind};

/// How often each call was made, and what came of it.
pub type Calls = Family<Called, Counter>;
/// How long each call took.
pub type Durations = Family<Call, Histogram<Seconds>>;

/// What came of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was understood, and the answer is no.
    Refused,
    /// There was no answer, or none that makes sense.
    Failed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Counts and times calls, and traces those of what is traced. Clones count together.
#[derive(Clone)]
pub struct Meter {
    whom: &'static str,
    calls: Calls,
    durations: Durations,
    clock: Clock,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meter")
    }
}

impl Meter {
    /// A meter of calls to `whom` that counts into these.
    pub fn new(whom: &'static str, calls: Calls, durations: Durations, clock: Clock) -> Self {
        Self { whom, calls, durations, clock }
    }

    /// A meter that nobody reads.
    pub fn unread(clock: Clock) -> Self {
        Self::new("nobody", Calls::default(), Durations::default(), clock)
    }

    /// Makes a call. One that is given up before it ends is not counted.
    pub async fn measure<T>(
        &self,
        call: &'static str,
        asked: impl Future<Output = T>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> T {
        let span = Span::child(SpanKind::Client, || format!("{} {call}", self.whom));
        let began = self.clock.instant();
        let answer = asked.await;
        let took = self.clock.instant().saturating_duration_since(began);
        let outcome = outcome(&answer);
        if outcome == Outcome::Failed {
            span.fail("unavailable");
        }
        let outcome = outcome.name();
        span.set("tagalong.outcome", outcome);
        self.calls.get_or_create(&Called { call, outcome }).inc();
        self.durations.get_or_create(&Call { call }).observe(took.as_secs_f64());
        answer
    }
}
