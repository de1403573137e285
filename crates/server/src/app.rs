//! Builds, starts and stops a server from a configuration, for `main` and for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tagalong_core::hlc::NodeId;
use tagalong_platform::clock::Clock;
use tagalong_platform::entropy::{Entropy, NoEntropy};
use tagalong_platform::metrics::{Meter, Metrics};
use tagalong_platform::overview::Overview;
use tagalong_platform::private_file;
use tagalong_platform::traces::{Counters, Traces};
use tagalong_platform::warnings::Warnings;
use tagalong_realtime::body_limit::BodyLimit;
use tagalong_realtime::cluster::redis::{Lives, Redis};
use tagalong_realtime::cluster::{Bus, Rooms};
use tagalong_realtime::drain::Drain;
use tagalong_realtime::hub::{Bounds, Hub};
use tagalong_realtime::poll_sessions::PollSessions;
use tagalong_realtime::rates::{Limits, Rates};
use tagalong_realtime::{Live, Settings};
use tagalong_store::{Database, Store, StoreError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin_token::{self, AdminToken, AdminTokenError};
use crate::config::{Config, Secret};
use crate::http::listener::{self, Port};
use crate::http::{Api, DatabaseProbe, Lifecycle, Operator, State};
use crate::jobs::Jobs;
use crate::keys::KeyError;
use crate::sessions::Sessions;
use crate::tls::{Tls, TlsError};
use crate::tokens::Tokens;
use crate::trackers::avatars::Avatars;
use crate::trackers::link_cache::LinkCache;
use crate::{http, jobs, keys, upkeep};

/// The longest that a shutdown waits for the trace collector.
const LAST_TRACES_DEADLINE: Duration = Duration::from_secs(2);

/// A running server.
pub struct Running {
    pub address: SocketAddr,
    /// The address of the port for metrics, if there is one.
    pub metrics_address: Option<SocketAddr>,
    pub admin_token: Option<AdminToken>,
    state: State,
    serving: JoinHandle<()>,
}

/// Why the server does not start, in one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("DATA_DIR {0}: {1}")]
    DataDirectory(String, std::io::Error),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    AdminToken(#[from] AdminTokenError),
    #[error("the database {0}: {1}")]
    Database(String, Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

/// Opens the database of a configuration and brings its tables up to date.
///
/// # Errors
/// When the directory or the database cannot be used.
pub async fn open_store(config: &Config, clock: &Clock) -> Result<Store, StartError> {
    if let Database::Sqlite(_) = &config.database {
        private_file::make_directory(&config.data_dir)
            .map_err(|error| StartError::DataDirectory(config.data_dir.display().to_string(), error))?;
    }
    Store::open(&config.database, config.db_pool_size, clock).await.map_err(|error| {
        let cause = match error {
            StoreError::Unavailable(cause) => cause,
            refusal => refusal.into(),
        };
        StartError::Database(config.database.to_string(), cause)
    })
}

/// The bus to other nodes, if the configuration names one.
fn bus(config: &Config, clock: &Clock, entropy: &Entropy, meter: Meter) -> Result<Bus, StartError> {
    let Some(address) = &config.redis else { return Ok(Bus::Local) };
    // Fails if another server in this process has done it.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let node = NodeId::from_random(entropy.bytes()?);
    let lives = Lives { participant: config.participant_timeout, connection: config.last_seen_interval * 3 };
    Ok(Bus::Redis(Redis::new(node, address.clone(), lives, clock.clone(), entropy.clone(), meter)))
}

fn traces(
    config: &Config,
    clock: &Clock,
    entropy: &Entropy,
    metrics: &Metrics,
) -> Result<Traces, StartError> {
    let Some(settings) = config.traces.clone() else { return Ok(Traces::default()) };
    let counters = Counters { sent: metrics.spans_sent.clone(), dropped: metrics.spans_dropped.clone() };
    Ok(Traces::new(settings, clock.clone(), entropy.clone(), counters)?)
}

/// Starts the server at the address of its configuration.
///
/// # Errors
/// When a part that it needs is unavailable.
pub async fn start(config: Config, clock: Clock) -> Result<Running, StartError> {
    let wanted = SocketAddr::new(config.bind, config.port);
    let listener = listener::listen(wanted).map_err(|error| StartError::Listen(wanted, error))?;
    start_on(listener, config, clock).await
}

/// Starts the server on a listening socket, such as one that outlives a restart.
///
/// # Errors
/// As [`start`].
pub async fn start_on(
    listener: std::net::TcpListener,
    config: Config,
    clock: Clock,
) -> Result<Running, StartError> {
    let wanted = SocketAddr::new(config.bind, config.port);
    let listener = listener::adopt(listener).map_err(|error| StartError::Listen(wanted, error))?;
    let address = listener.local_addr().map_err(|error| StartError::Listen(wanted, error))?;
    let for_metrics = config.metrics_bind.map(listen_for_metrics).transpose()?;
    let tls = config.tls.clone().map(Tls::load).transpose()?;
    let metrics = Metrics::default();
    // Not an argument: the secrets of every server come from the system's randomness, also in tests.
    let entropy = Entropy::system();
    let store = open_store(&config, &clock).await?.measured(metrics.store_meter(clock.clone()));
    let tokens = keys::tokens(&config, &entropy)?;
    let admin_token = admin_token::load(&config, &entropy)?;
    let bus = bus(&config, &clock, &entropy, metrics.bus_meter(clock.clone()))?;
    let bounds = Bounds { presence_grace: config.presence_grace, watchers: config.max_watchers };
    let hub = Arc::new(Hub::new(store.clone(), clock.clone(), entropy.clone(), bus.clone(), bounds));
    let places = config.max_participants;
    let sessions =
        Sessions::new(store.clone(), Arc::clone(&hub), bus.clone(), clock.clone(), entropy.clone(), places);
    bus.start(Arc::clone(&hub) as Arc<dyn Rooms>);
    let stopping = CancellationToken::new();
    let rates = Rates::new(&limits(&config), clock.clone());
    let traces = traces(&config, &clock, &entropy, &metrics)?;
    let overview = Arc::new(Overview::new(&entropy)?);
    let shared = Shared {
        config: Arc::new(config),
        metrics: Arc::new(metrics),
        tokens: Arc::new(tokens),
        rates: Arc::new(rates),
        warnings: Arc::new(Warnings::new(clock.clone())),
        jobs: Jobs::new(clock.clone(), Arc::clone(&overview), stopping.clone()).traced(traces.clone()),
        bodies: BodyLimit::default(),
        connections: TaskTracker::new(),
        clock,
        entropy,
        traces,
        overview,
        store,
        bus,
        hub,
        sessions,
    };
    let secret = admin_token.as_ref().map(|token| token.secret.clone());
    let state = State {
        live: Arc::new(shared.live()),
        operator: Arc::new(shared.operator(secret)),
        lifecycle: Arc::new(shared.lifecycle(stopping, tls)),
        api: Arc::new(shared.api()),
    };
    upkeep::start(&state);
    let serving = tokio::spawn(listener::serve(
        Port::Public,
        listener,
        http::router(&state),
        Arc::clone(&state.lifecycle),
    ));
    let metrics_address = for_metrics.map(|listening| serve_metrics(listening, &state)).transpose()?;
    Ok(Running { address, metrics_address, admin_token, state, serving })
}

/// Used by several parts of the state.
struct Shared {
    config: Arc<Config>,
    clock: Clock,
    entropy: Entropy,
    metrics: Arc<Metrics>,
    traces: Traces,
    overview: Arc<Overview>,
    warnings: Arc<Warnings>,
    tokens: Arc<Tokens>,
    rates: Arc<Rates>,
    store: Store,
    bus: Bus,
    hub: Arc<Hub>,
    sessions: Sessions,
    jobs: Jobs,
    bodies: BodyLimit,
    connections: TaskTracker,
}

impl Shared {
    fn live(&self) -> Live {
        Live {
            settings: live_settings(&self.config),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            overview: Arc::clone(&self.overview),
            warnings: Arc::clone(&self.warnings),
            bus: self.bus.clone(),
            hub: Arc::clone(&self.hub),
            poll_sessions: PollSessions::new(self.entropy.clone()),
            drain: Drain::default(),
            connections: self.connections.clone(),
        }
    }

    fn operator(&self, admin_token: Option<Secret>) -> Operator {
        Operator {
            config: Arc::clone(&self.config),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            overview: Arc::clone(&self.overview),
            store: self.store.clone(),
            bus: self.bus.clone(),
            hub: Arc::clone(&self.hub),
            sessions: self.sessions.clone(),
            connections: self.connections.clone(),
            jobs: self.jobs.clone(),
            leaving: CancellationToken::new(),
            database_probe: DatabaseProbe::default(),
            admin_token,
        }
    }

    fn lifecycle(&self, stopping: CancellationToken, tls: Option<Tls>) -> Lifecycle {
        Lifecycle {
            config: Arc::clone(&self.config),
            clock: self.clock.clone(),
            warnings: Arc::clone(&self.warnings),
            rates: Arc::clone(&self.rates),
            stopping,
            tls,
            jobs: self.jobs.clone(),
        }
    }

    fn api(self) -> Api {
        Api {
            config: self.config,
            clock: self.clock,
            entropy: self.entropy,
            metrics: self.metrics,
            traces: self.traces,
            overview: self.overview,
            warnings: self.warnings,
            tokens: self.tokens,
            rates: self.rates,
            hub: self.hub,
            sessions: self.sessions,
            link_cache: LinkCache::default(),
            avatars: Avatars::default(),
            bodies: self.bodies,
        }
    }
}

fn live_settings(config: &Config) -> Settings {
    Settings {
        rate_limits: config.rate_limits,
        messages_per_second: config.messages_per_second,
        heartbeat_timeout: config.heartbeat_timeout,
        flush_interval_max: config.flush_interval_max,
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        on: config.rate_limits,
        sessions_per_hour: config.sessions_per_hour,
        joins_per_minute: config.joins_per_minute,
        misses_per_minute: config.misses_per_minute,
        writes_per_minute: config.writes_per_minute,
        connections_per_address: config.connections_per_address,
        tcp_connections_per_address: config.tcp_connections_per_address,
    }
}

fn listen_for_metrics(wanted: SocketAddr) -> Result<(SocketAddr, TcpListener), StartError> {
    let listening = listener::listen(wanted).and_then(listener::adopt);
    Ok((wanted, listening.map_err(|error| StartError::Listen(wanted, error))?))
}

/// Serves the port for metrics until the server stops.
fn serve_metrics(
    (wanted, listener): (SocketAddr, TcpListener),
    state: &State,
) -> Result<SocketAddr, StartError> {
    let address = listener.local_addr().map_err(|error| StartError::Listen(wanted, error))?;
    tokio::spawn(listener::serve(
        Port::Metrics,
        listener,
        http::metrics_router(state),
        Arc::clone(&state.lifecycle),
    ));
    Ok(address)
}

impl Running {
    /// Waits until the server ends by itself, which is always a fault.
    pub async fn crashed(&mut self) {
        _ = (&mut self.serving).await;
    }

    /// The state of each background job.
    pub fn jobs(&self) -> Vec<jobs::Report> {
        self.state.lifecycle.jobs.reports()
    }

    /// Shuts down: reports not ready and goes on serving for `SHUTDOWN_DELAY_SECONDS`, then accepts no new connections,
    /// drains the open ones, and writes pending data. Returns whether all of it was done in time.
    pub async fn stop(self) -> bool {
        let state = self.state.clone();
        let longest = state.lifecycle.config.shutdown_timeout;
        let in_time = tokio::select! {
            () = self.finish() => true,
            () = state.lifecycle.clock.sleep(longest) => false,
        };
        state.lifecycle.warnings.tell_left_out(Duration::ZERO);
        in_time
    }

    async fn finish(self) {
        let state = self.state;
        state.operator.leaving.cancel();
        if !state.lifecycle.config.shutdown_delay.is_zero() {
            state.lifecycle.clock.sleep(state.lifecycle.config.shutdown_delay).await;
        }
        state.lifecycle.stopping.cancel();
        state.live.connections.close();
        state
            .live
            .drain
            .run(
                state.live.connections.len(),
                &state.lifecycle.clock,
                state.lifecycle.config.shutdown_timeout / 2,
            )
            .await;
        state.live.connections.wait().await;
        _ = self.serving.await;
        state.lifecycle.jobs.finished().await;
        if let Err(error) = state.api.sessions.save_seen().await {
            tracing::warn!(%error, "could not write the last activity of participants");
        }
        // Withdraws this node's presence claims from other nodes.
        state.live.hub.sweep();
        state.live.bus.close().await;
        state.operator.store.close().await;
        // Later spans are lost, because a shutdown must end.
        let longest = LAST_TRACES_DEADLINE.min(state.lifecycle.config.shutdown_timeout / 4);
        if let Err(error) = state.api.traces.send(state.lifecycle.clock.sleep(longest)).await {
            tracing::warn!(%error, "could not send the last traces");
        }
    }
}
