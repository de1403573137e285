//! The last hour and the last failures, for the operator's dashboard. Both are bounded, and only in memory.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tagalong_core::id::SessionId;
use tagalong_core::time::Timestamp;
use utoipa::ToSchema;

use crate::entropy::{Entropy, NoEntropy};
use crate::metrics::{Metrics, Process};

/// How often a sample is taken.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);
/// Samples kept, for an hour.
const SAMPLES_MAX: usize = 360;
const FAILURES_MAX: usize = 50;

/// The counts at one moment; growing ones as totals.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Sample {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Open WebSockets.
    pub connections: usize,
    /// Rooms.
    pub rooms: usize,
    /// Positions received so far.
    pub received: u64,
    /// Positions delivered so far.
    pub delivered: u64,
    /// Timed deliveries so far.
    pub timed: u64,
    /// Total seconds of these.
    pub waited: f64,
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Processor seconds so far.
    pub processor: f64,
}

impl Sample {
    /// A sample of the present counts.
    pub async fn take(at: Timestamp, connections: usize, rooms: usize, metrics: &Metrics) -> Self {
        // Reading `/proc` takes a while where many files are open.
        let process = tokio::task::spawn_blocking(Process::read).await.unwrap_or_default();
        Self {
            at,
            connections,
            rooms,
            received: metrics.positions_received.get(),
            delivered: metrics.positions_delivered.get(),
            timed: metrics.delivery_latency.counts().iter().map(|(_, count)| count).sum(),
            waited: metrics.delivery_latency.sum(),
            memory: process.resident_bytes,
            processor: process.cpu_seconds,
        }
    }
}

/// A request or a run of a job that failed by the server's fault.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Failure {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The request's id in the log.
    pub request_id: Option<String>,
    /// A route's template, or the name of a job.
    pub what: String,
    /// The code in the answer, or the error of the job.
    pub why: String,
}

#[derive(Debug)]
pub struct Overview {
    samples: Mutex<VecDeque<Sample>>,
    failures: Mutex<VecDeque<Failure>>,
    key: [u8; 16],
}

impl Overview {
    /// Without samples yet.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn new(entropy: &Entropy) -> Result<Self, NoEntropy> {
        Ok(Self { samples: Mutex::default(), failures: Mutex::default(), key: entropy.bytes()? })
    }

    /// Adds a sample; drops the oldest when full.
    pub fn keep(&self, sample: Sample) {
        push(&mut self.samples.lock(), sample, SAMPLES_MAX);
    }

    /// Adds a failure; drops the oldest when full.
    pub fn note(&self, failure: Failure) {
        push(&mut self.failures.lock(), failure, FAILURES_MAX);
    }

    /// The last hour, the oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        self.samples.lock().iter().copied().collect()
    }

    /// The last failures, the newest first.
    pub fn failures(&self) -> Vec<Failure> {
        self.failures.lock().iter().rev().cloned().collect()
    }

    /// The dashboard's name for a session. The id itself would be enough to join; it cannot be derived from the alias,
    /// because ids are random, and the key is this process's own.
    pub fn alias(&self, session: SessionId) -> String {
        let mut hasher = DefaultHasher::new();
        (self.key, session).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

fn push<T>(ring: &mut VecDeque<T>, one: T, max: usize) {
    if ring.len() >= max {
        ring.pop_front();
    }
    ring.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_samples_and_failures_are_kept() {
        let overview = Overview::new(&Entropy::system()).unwrap();
        for number in 0..FAILURES_MAX + 7 {
            let (at, request_id) = (Timestamp::from_millis(0), Some(number.to_string()));
            overview.note(Failure { at, request_id, what: "/".into(), why: "INTERNAL".into() });
        }
        let failures = overview.failures();
        assert_eq!(failures.len(), FAILURES_MAX);
        let id = |at: usize| failures[at].request_id.as_deref();
        assert_eq!((id(0), id(FAILURES_MAX - 1)), (Some("56"), Some("7")));
    }
}
