//! Counts and times calls to the database and Redis.

use std::future::Future;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::histogram::{Histogram, Seconds};
use super::labels::{Call, Called};
use crate::clock::Clock;
use crate::traces::{Span, SpanKind};

/// Calls by their outcome.
pub type Calls = Family<Called, Counter>;
pub type Durations = Family<Call, Histogram<Seconds>>;

/// The outcome of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Ok,
    /// Rejected by a rule.
    Refused,
    /// No answer, or an invalid one.
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

/// Counts and times calls, and traces those within a trace. Clones count together.
#[derive(Clone)]
pub struct Meter {
    target: &'static str,
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
    /// A meter of calls to `target`.
    pub fn new(target: &'static str, calls: Calls, durations: Durations, clock: Clock) -> Self {
        Self { target, calls, durations, clock }
    }

    /// A meter whose counts are not read.
    pub fn unread(clock: Clock) -> Self {
        Self::new("nobody", Calls::default(), Durations::default(), clock)
    }

    /// Makes a call. A cancelled call is not counted.
    pub async fn measure<T>(
        &self,
        call: &'static str,
        asked: impl Future<Output = T>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> T {
        let span = Span::child(SpanKind::Client, || format!("{} {call}", self.target));
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
