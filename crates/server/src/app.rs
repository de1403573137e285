//! Builds everything from a configuration, starts it, stops it. `main` and the tests use it alike.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use tagalong_core::version::NodeId;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::cluster::redis::{Lives, Redis};
use crate::cluster::{Bus, Rooms};
use crate::config::Config;
use crate::entropy::random;
use crate::http::listener;
use crate::realtime::hub::Hub;
use crate::sessions::Sessions;
use crate::state::{Parts, State};
use crate::store::{Store, StoreError};
use crate::tokens::Tokens;
use crate::{http, jobs};

/// A running server.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    state: State,
    serving: JoinHandle<()>,
}

/// Why the server does not start: one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory cannot be made or written.
    #[error("DATA_DIR {0}: {1}")]
    DataDirectory(String, std::io::Error),
    /// The key file is not what we made.
    #[error(
        "the signing key {0} is damaged: expected 32 bytes; restore it, or delete it to make a new one (all tokens will be invalid)"
    )]
    Key(String),
    /// No database.
    #[error("the database {0}: {1}")]
    Database(String, StoreError),
    /// SQLite has a flaw that can corrupt its file.
    #[error("SQLite {0} can corrupt its file: 3.51.3 or newer is needed")]
    SqliteTooOld(String),
    /// The operating system has no randomness.
    #[error("no randomness: {0}")]
    Entropy(getrandom::Error),
    /// The address is taken, or not ours.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

/// Opens the database of a configuration and brings its tables up to date.
///
/// # Errors
/// When the directory or the database cannot be used.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    let shown = |path: &Path| path.display().to_string();
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|error| StartError::DataDirectory(shown(&config.data_dir), error))?;
    let failed = |error| StartError::Database(shown(&config.database), error);
    let store = Store::open(&config.database, config.db_pool_size).await.map_err(failed)?;
    let version = store.library_version().await.map_err(failed)?;
    if version_parts(&version) < [3, 51, 3] {
        return Err(StartError::SqliteTooOld(version));
    }
    Ok(store)
}

fn version_parts(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    [0; 3].map(|_: u32| parts.next().unwrap_or(0))
}

/// The key that signs tokens: the setting, or one that is made once and kept.
fn signing_key(config: &Config) -> Result<Vec<u8>, StartError> {
    if let Some(secret) = &config.jwt_secret {
        return Ok(secret.expose().as_bytes().to_vec());
    }
    let path = config.data_dir.join("jwt.key");
    let failed = |error| StartError::DataDirectory(path.display().to_string(), error);
    if !path.exists() {
        let key: [u8; 32] = random().map_err(|error| failed(std::io::Error::other(error)))?;
        // Written beside and linked into place: whoever starts at the same time reads a whole key, ours or
        // theirs.
        let unique = u64::from_be_bytes(random().map_err(|error| failed(std::io::Error::other(error)))?);
        let draft = path.with_extension(format!("{unique:x}"));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .map_err(failed)?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(failed)?;
        let linked = std::fs::hard_link(&draft, &path);
        std::fs::remove_file(&draft).map_err(failed)?;
        if let Err(error) = linked
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(failed(error));
        }
    }
    let key = std::fs::read(&path).map_err(failed)?;
    if key.len() == 32 { Ok(key) } else { Err(StartError::Key(path.display().to_string())) }
}

/// The way to other nodes, if the configuration names one.
fn bus(config: &Config, clock: &Clock) -> Result<Bus, StartError> {
    let Some(address) = &config.redis else { return Ok(Bus::Local) };
    // Fails when it was done before, by another server in this process.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let node = NodeId::from_random(random().map_err(StartError::Entropy)?);
    let lives = Lives {
        location: config.location_ttl,
        participant: config.participant_timeout,
        connection: config.last_seen_interval * 3,
    };
    Ok(Bus::Redis(Redis::new(node, address.clone(), lives, clock.clone())))
}

/// Starts the server.
///
/// # Errors
/// When something that it needs is not there.
pub async fn start(config: Config, clock: Clock) -> Result<Running, StartError> {
    let store = open_store(&config).await?;
    let tokens = Tokens::new(&signing_key(&config)?);
    let wanted = SocketAddr::new(config.bind, config.port);
    let listener = listener::listen(wanted).map_err(|error| StartError::Listen(wanted, error))?;
    let address = listener.local_addr().map_err(|error| StartError::Listen(wanted, error))?;
    let bus = bus(&config, &clock)?;
    let (ttl, watchers) = (config.location_ttl, config.max_watchers);
    let hub = Arc::new(Hub::new(store.clone(), clock.clone(), bus.clone(), ttl, watchers));
    let places = config.max_participants;
    let sessions = Sessions::new(store.clone(), Arc::clone(&hub), bus.clone(), clock.clone(), places);
    bus.start(Arc::clone(&hub) as Arc<dyn Rooms>);
    let state = State::new(Parts {
        config,
        clock,
        store,
        bus,
        hub,
        sessions,
        tokens,
        stopping: CancellationToken::new(),
        connections: TaskTracker::new(),
        jobs: TaskTracker::new(),
    });
    jobs::start(&state);
    let serving = tokio::spawn(listener::serve(listener, http::router(&state), state.clone()));
    Ok(Running { address, state, serving })
}

impl Running {
    /// Stops: no new connections, a goodbye to everyone, what is not written yet is written. Whether all of
    /// it was done in time.
    pub async fn stop(self) -> bool {
        self.state.stopping.cancel();
        self.state.connections.close();
        self.state.jobs.close();
        let finished = async {
            self.state.connections.wait().await;
            _ = self.serving.await;
            self.state.jobs.wait().await;
            if let Err(error) = self.state.sessions.save_seen().await {
                tracing::warn!(%error, "could not write the last signs of life");
            }
            self.state.bus.close().await;
            self.state.store.close().await;
        };
        tokio::select! {
            () = finished => true,
            () = self.state.clock.sleep(self.state.config.shutdown_timeout) => false,
        }
    }
}
