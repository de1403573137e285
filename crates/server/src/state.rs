//! What handlers and connections are given.

use std::ops::Deref;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::cluster::Bus;
use crate::config::{Config, Secret};
use crate::entropy::Entropy;
use crate::http::{BodyLimit, DatabaseProbe};
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::overview::Overview;
use crate::rates::Rates;
use crate::realtime::drain::Drain;
use crate::realtime::hub::Hub;
use crate::realtime::poll_sessions::PollSessions;
use crate::sessions::Sessions;
use crate::store::Store;
use crate::tls::Tls;
use crate::tokens::Tokens;
use crate::traces::Traces;
use crate::trackers::avatars::Avatars;
use crate::trackers::link_cache::LinkCache;
use crate::warnings::Warnings;

/// A shared reference to the parts.
#[derive(Clone)]
pub struct State(Arc<Parts>);

/// The parts of a running server.
pub struct Parts {
    /// What it runs with.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// What is counted.
    pub metrics: Metrics,
    /// What a trace collector is told.
    pub traces: Traces,
    /// What the dashboard remembers.
    pub overview: Arc<Overview>,
    /// What the log is told now and then only.
    pub warnings: Warnings,
    /// What lasts.
    pub store: Store,
    /// The way to other nodes.
    pub bus: Bus,
    /// The rooms.
    pub hub: Arc<Hub>,
    /// The domain calls.
    pub sessions: Sessions,
    /// Signing and checking tokens.
    pub tokens: Tokens,
    /// Cancelled when the server is about to stop: no new clients should be sent to it.
    pub leaving: CancellationToken,
    /// Cancelled when the server begins to stop: nothing new is begun.
    pub stopping: CancellationToken,
    /// The sessions of long polls.
    pub poll_sessions: PollSessions,
    /// Closes the open WebSockets when the server stops.
    pub drain: Drain,
    /// Our certificate, if we end TLS ourselves.
    pub tls: Option<Tls>,
    /// What tracker apps may send.
    pub link_cache: LinkCache,
    /// What tracker apps show of people.
    pub avatars: Avatars,
    /// What addresses may ask for.
    pub rates: Rates,
    /// How the database is, for all who ask at once.
    pub database_probe: DatabaseProbe,
    /// What opens the operator's pages; without it they are closed.
    pub admin_token: Option<Secret>,
    /// Large request bodies.
    pub bodies: BodyLimit,
    /// Every open WebSocket: the HTTP library does not wait for them.
    pub connections: TaskTracker,
    /// Every job: what one is writing when the server stops is written before the database is closed.
    pub jobs: Jobs,
}

impl State {
    /// Shares the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
