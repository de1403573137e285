//! Redis: the newest positions as keys, updates through channels.
//!
//! One task writes and keeps the connection; when that fails or is silent, it opens another one. Messages of other
//! nodes go to the rooms at once, without a queue that could grow.

mod address;
mod connection;
mod keys;
mod link;
mod message;
mod outbox;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tagalong_core::hlc::NodeId;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::share::Share;
use tagalong_platform::clock::Clock;
use tagalong_platform::entropy::Entropy;
use tagalong_platform::metrics::{Meter, Outcome};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::address::{Address, EXPECTED, InvalidAddress};
use self::link::Link;
pub(super) use self::outbox::Outbox;
use super::{BusHealth, Heard, Rooms};

/// A connection without an answer for this long counts as lost.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);
/// The longest that a new connection may take: sentinels or a cluster are asked one by one.
const OPEN_DEADLINE: Duration = Duration::from_secs(4);
/// The longest that a subscriber waits for the others' state in Redis.
const READ_DEADLINE: Duration = Duration::from_millis(500);
/// Time requests on a new connection: the fastest answer is the most exact.
const FIRST_PINGS: usize = 3;
/// The interval at which Redis is checked and its time is read.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// The longest pause between two attempts to connect; the shortest is half of it.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// How long things are kept in Redis.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// The state of a participant besides.
    pub participant: Duration,
    /// The presence of a participant: longer than the interval between two writes of it.
    pub connection: Duration,
}

/// The bus over Redis. Clones share it.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    node: NodeId,
    address: Address,
    lives: Lives,
    clock: Clock,
    entropy: Entropy,
    meter: Meter,
    outbox: Outbox,
    /// None while Redis is away.
    link: Mutex<Option<Arc<Link>>>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Redis {
    /// With the address of Redis, and this node's name.
    pub fn new(
        node: NodeId,
        address: Address,
        lives: Lives,
        clock: Clock,
        entropy: Entropy,
        meter: Meter,
    ) -> Self {
        Self(Arc::new(Shared {
            node,
            address,
            lives,
            clock,
            entropy,
            meter,
            outbox: Outbox::default(),
            link: Mutex::new(None),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    pub(super) fn node(&self) -> NodeId {
        self.0.node
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    pub(super) fn start(&self, rooms: Arc<dyn Rooms>) {
        let shared = Arc::clone(&self.0);
        self.0.tasks.spawn(async move { shared.keep_connected(rooms).await });
    }

    pub(super) async fn close(&self) {
        self.0.stopping.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    pub(super) async fn read(&self, session: SessionId, users: &[UserId]) -> Vec<Share> {
        let Some(link) = self.link() else { return Vec::new() };
        let read = async {
            tokio::select! {
                shares = link.read(session, users) => Some(shares),
                () = self.0.clock.sleep(READ_DEADLINE) => None,
            }
        };
        let outcome = |shares: &Option<_>| if shares.is_some() { Outcome::Ok } else { Outcome::Failed };
        self.0.meter.measure("read", read, outcome).await.unwrap_or_default()
    }

    pub(super) fn is_away(&self) -> bool {
        self.0.link.lock().is_none()
    }

    pub(super) async fn health(&self) -> BusHealth {
        let Some(link) = self.link() else { return BusHealth::Degraded("Redis is away") };
        let began = self.0.clock.instant();
        if link.ping().await.is_err() {
            return BusHealth::Degraded("Redis does not answer in time, or not as it should");
        }
        BusHealth::Healthy(self.0.clock.instant().duration_since(began).as_secs_f64() * 1e3)
    }

    fn link(&self) -> Option<Arc<Link>> {
        self.0.link.lock().clone()
    }
}

impl Shared {
    /// Connects, serves until that fails, and connects again; logs each change once.
    async fn keep_connected(self: Arc<Self>, rooms: Arc<dyn Rooms>) {
        let mut known_away = false;
        while !self.stopping.is_cancelled() {
            // Work must not pile up during an outage: all rooms are restated afterwards.
            self.outbox.forget_rooms();
            let lost = match self.connect(&rooms).await {
                Ok(link) => {
                    tracing::info!("Redis is there: this node and others hear each other");
                    known_away = false;
                    *self.link.lock() = Some(Arc::clone(&link));
                    rooms.heard(Heard::Restored);
                    let ended = self.serve(&link, &*rooms).await;
                    *self.link.lock() = None;
                    ended.err()
                }
                Err(error) => Some(error),
            };
            if let Some(error) = lost
                && !known_away
            {
                known_away = true;
                tracing::warn!(
                    %error,
                    "Redis is away: people on this node see each other, those on other nodes they do not"
                );
            }
            tokio::select! {
                () = self.stopping.cancelled() => {}
                () = self.clock.sleep(self.entropy.jittered(RETRY_INTERVAL)) => {}
            }
        }
    }

    async fn connect(&self, rooms: &Arc<dyn Rooms>) -> Result<Arc<Link>, Lost> {
        let open = async {
            let link = Link::open(self.node, &self.address, self.clock.clone(), Arc::clone(rooms)).await?;
            for _ in 0..FIRST_PINGS {
                link.ping().await?;
            }
            link.subscribe(self.outbox.wanted()).await?;
            Ok(Arc::new(link))
        };
        tokio::select! {
            link = open => link,
            () = self.clock.sleep(OPEN_DEADLINE) => Err(Lost::Silent),
            () = self.stopping.cancelled() => Err(Lost::Closed),
        }
    }

    /// Writes pending work, and checks the connection at an interval. Ends when the connection is lost, or, with
    /// everything written, when the server stops.
    async fn serve(&self, link: &Link, rooms: &dyn Rooms) -> Result<(), Lost> {
        let mut ping_at = self.clock.instant() + PING_INTERVAL;
        loop {
            let stopping = tokio::select! {
                () = link.broken() => return Err(Lost::Closed),
                () = self.stopping.cancelled() => true,
                () = self.outbox.ready() => false,
                () = self.clock.sleep_until(ping_at) => {
                    self.meter.measure("ping", link.ping(), outcome).await?;
                    ping_at = self.clock.instant() + PING_INTERVAL;
                    false
                }
            };
            self.meter.measure("write", link.write(&self.outbox, rooms, self.lives), outcome).await?;
            if stopping {
                return Ok(());
            }
        }
    }
}

fn outcome<T>(answer: &Result<T, Lost>) -> Outcome {
    if answer.is_ok() { Outcome::Ok } else { Outcome::Failed }
}

/// Why a connection counts as lost.
#[derive(Debug, thiserror::Error)]
enum Lost {
    /// It does not answer in time.
    #[error("no answer in time")]
    Silent,
    /// It ended.
    #[error("the connection ended")]
    Closed,
    /// It failed, or an answer was a refusal.
    #[error("{0}")]
    Failed(#[from] redis::RedisError),
}
