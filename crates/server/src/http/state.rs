//! The parts of a running server. A handler is given the part that it needs.

use std::sync::Arc;

use axum::extract::FromRef;
use tagalong_platform::clock::Clock;
use tagalong_platform::entropy::Entropy;
use tagalong_platform::metrics::Metrics;
use tagalong_platform::overview::{Overview, Sample};
use tagalong_platform::traces::Traces;
use tagalong_platform::warnings::Warnings;
use tagalong_realtime::Live;
use tagalong_realtime::body_limit::BodyLimit;
use tagalong_realtime::cluster::Bus;
use tagalong_realtime::hub::Hub;
use tagalong_realtime::rates::Rates;
use tagalong_store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::health::DatabaseProbe;
use crate::config::{Config, Secret};
use crate::jobs::Jobs;
use crate::sessions::Sessions;
use crate::tls::Tls;
use crate::tokens::Tokens;
use crate::trackers::avatars::Avatars;
use crate::trackers::link_cache::LinkCache;

/// All parts.
#[derive(Clone)]
pub struct State {
    /// REST and tracker apps.
    pub api: Arc<Api>,
    /// Connections.
    pub live: Arc<Live>,
    /// Health, metrics and the dashboard.
    pub operator: Arc<Operator>,
    /// Starting and stopping, ports and jobs.
    pub lifecycle: Arc<Lifecycle>,
}

/// The parts for REST and tracker apps.
pub struct Api {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub entropy: Entropy,
    pub metrics: Arc<Metrics>,
    pub traces: Traces,
    pub overview: Arc<Overview>,
    pub warnings: Arc<Warnings>,
    pub tokens: Arc<Tokens>,
    pub rates: Arc<Rates>,
    pub hub: Arc<Hub>,
    pub sessions: Sessions,
    pub link_cache: LinkCache,
    pub avatars: Avatars,
    pub bodies: BodyLimit,
}

/// The parts for health, metrics and the dashboard.
pub struct Operator {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub overview: Arc<Overview>,
    pub store: Store,
    pub bus: Bus,
    pub hub: Arc<Hub>,
    pub sessions: Sessions,
    /// Open connections.
    pub connections: TaskTracker,
    pub jobs: Jobs,
    /// Cancelled before a shutdown: load balancers should send no new clients.
    pub leaving: CancellationToken,
    /// One check of the database for all simultaneous requests.
    pub database_probe: DatabaseProbe,
    /// Opens the operator's pages; without it they are closed.
    pub admin_token: Option<Secret>,
}

/// The parts for ports and jobs.
pub struct Lifecycle {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub warnings: Arc<Warnings>,
    pub rates: Arc<Rates>,
    /// Cancelled when the shutdown begins: the server accepts nothing new.
    pub stopping: CancellationToken,
    /// The certificate, where the server terminates TLS itself.
    pub tls: Option<Tls>,
    /// The jobs; a shutdown lets their writes finish before the database is closed.
    pub jobs: Jobs,
}

impl Operator {
    /// A sample of the present counts.
    pub async fn sample(&self) -> Sample {
        let (at, rooms) = (self.clock.now(), self.hub.stats().0);
        Sample::take(at, self.connections.len(), rooms, &self.metrics).await
    }
}

impl FromRef<State> for Arc<Api> {
    fn from_ref(state: &State) -> Self {
        Arc::clone(&state.api)
    }
}

impl FromRef<State> for Arc<Live> {
    fn from_ref(state: &State) -> Self {
        Arc::clone(&state.live)
    }
}

impl FromRef<State> for Arc<Operator> {
    fn from_ref(state: &State) -> Self {
        Arc::clone(&state.operator)
    }
}
