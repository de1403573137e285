//! How much one address may ask for. People who share one, such as a family or a festival behind one router, do
//! not meet these bounds; who goes through ids, tokens or sessions by the thousand does.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tagalong_core::limits::ADDRESSES_MAX;
use tagalong_core::pace::Pace;

use crate::clock::Clock;
use crate::config::Config;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Where a client is, as far as it can be told from others: for IPv6 the 64 bits that a site is given, since any
/// one device has all addresses below them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Address(IpAddr);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => Self(IpAddr::V6((u128::from(ip) & !u128::from(u64::MAX)).into())),
            ip => Self(ip),
        }
    }
}

impl Address {
    /// Stands for everyone whom there is no room to tell apart.
    const ANYONE: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// A session is made.
    Create,
    /// Somebody joins or watches.
    Join,
    /// A token does not hold, or a session does not exist: what guessing looks like.
    Miss,
}

/// A steady rate whose whole allowance may be used at once.
struct Rate {
    step: Duration,
    burst: Duration,
    paces: Mutex<HashMap<Address, Pace>>,
}

impl Rate {
    fn new(allowed: u32, period: Duration) -> Self {
        let step = period / allowed.max(1);
        Self { step, burst: period.saturating_sub(step), paces: Mutex::default() }
    }

    fn with<T>(&self, address: Address, now: Instant, act: impl FnOnce(&mut Pace) -> T) -> T {
        let mut paces = self.paces.lock();
        let known = paces.contains_key(&address) || paces.len() < ADDRESSES_MAX;
        let address = if known { address } else { Address::ANYONE };
        act(paces.entry(address).or_insert_with(|| Pace::new(self.burst, now)))
    }

    /// Forgets whoever has their whole allowance again.
    fn sweep(&self, now: Instant) {
        self.paces.lock().retain(|_, pace| pace.next() + self.burst > now);
    }
}

/// The rates of a server.
pub struct Rates {
    on: bool,
    clock: Clock,
    creates: Rate,
    joins: Rate,
    misses: Rate,
    accepted: Connections,
    websockets: Connections,
    proxy_noted: AtomicBool,
}

/// How many connections of a kind each address has open.
struct Connections {
    open: Arc<Mutex<HashMap<Address, u32>>>,
    max: u32,
}

impl Connections {
    fn new(max: u32) -> Self {
        Self { open: Arc::default(), max }
    }

    fn add(&self, address: Address, on: bool) -> Option<Connected> {
        let mut connections = self.open.lock();
        let open = connections.entry(address).or_default();
        if on && *open >= self.max {
            return None;
        }
        *open += 1;
        Some(Connected { address, connections: Arc::clone(&self.open) })
    }
}

/// One of an address's connections, until it is dropped.
pub struct Connected {
    address: Address,
    connections: Arc<Mutex<HashMap<Address, u32>>>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut connections = self.connections.lock();
        if let Some(open) = connections.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                connections.remove(&self.address);
            }
        }
    }
}

impl Rates {
    /// The rates of a configuration, all of them unused.
    pub fn new(config: &Config, clock: Clock) -> Self {
        Self {
            on: config.rate_limits,
            clock,
            creates: Rate::new(config.sessions_per_hour, HOUR),
            joins: Rate::new(config.joins_per_minute, MINUTE),
            misses: Rate::new(config.misses_per_minute, MINUTE),
            accepted: Connections::new(config.tcp_connections_per_address),
            websockets: Connections::new(config.connections_per_address),
            proxy_noted: AtomicBool::new(false),
        }
    }

    fn rate(&self, act: Act) -> &Rate {
        match act {
            Act::Create => &self.creates,
            Act::Join => &self.joins,
            Act::Miss => &self.misses,
        }
    }

    /// Counts an act.
    ///
    /// # Errors
    /// When the address has done enough of it for now: how long to wait.
    pub fn spend(&self, act: Act, address: Address) -> Result<(), Duration> {
        if !self.on {
            return Ok(());
        }
        let (now, rate) = (self.clock.instant(), self.rate(act));
        rate.with(address, now, |pace| pace.try_spend(now, rate.step))
    }

    /// Asks whether an act would be one too many, without counting it.
    ///
    /// # Errors
    /// As [`Self::spend`].
    pub fn ask(&self, act: Act, address: Address) -> Result<(), Duration> {
        if !self.on {
            return Ok(());
        }
        let (now, rate) = (self.clock.instant(), self.rate(act));
        rate.with(address, now, |pace| match pace.next().saturating_duration_since(now) {
            Duration::ZERO => Ok(()),
            wait => Err(wait),
        })
    }

    /// Counts a connection for as long as it is open; nothing when the address has enough of them.
    pub fn accept(&self, address: Address) -> Option<Connected> {
        self.accepted.add(address, self.on)
    }

    /// Counts a WebSocket, as [`Self::accept`] does.
    pub fn connect(&self, address: Address) -> Option<Connected> {
        self.websockets.add(address, self.on)
    }

    /// Whether this is the first time that a proxy is noticed that is not trusted.
    pub fn note_proxy(&self) -> bool {
        !self.proxy_noted.swap(true, Ordering::Relaxed)
    }

    /// Forgets whoever has been quiet.
    pub fn sweep(&self) {
        let now = self.clock.instant();
        for rate in [&self.creates, &self.joins, &self.misses] {
            rate.sweep(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use tagalong_core::time::Timestamp;

    use super::*;
    use crate::settings::Raw;

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn a_site_is_one_address() {
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }

    #[test]
    fn each_address_has_its_own_allowance_and_gets_it_back() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let config = Config { joins_per_minute: 3, ..Config::parse(&Raw::default()).unwrap() };
        let rates = Rates::new(&config, clock);
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..3 {
            assert_eq!(rates.spend(Act::Join, one), Ok(()));
        }
        let wait = Duration::from_secs(20);
        assert_eq!(rates.ask(Act::Join, one), Err(wait));
        assert_eq!(rates.spend(Act::Join, one), Err(wait));
        assert_eq!(rates.spend(Act::Create, one), Ok(()));
        assert_eq!(rates.spend(Act::Join, other), Ok(()));
        hand.advance(wait);
        assert_eq!(rates.spend(Act::Join, one), Ok(()));
        assert_eq!(rates.spend(Act::Join, one), Err(wait));
        rates.sweep();
        assert_eq!(rates.joins.paces.lock().len(), 1, "the other one has all of it again");
        hand.advance(HOUR);
        rates.sweep();
        assert!(rates.joins.paces.lock().is_empty());
    }

    #[test]
    fn more_addresses_than_there_is_room_for_share_an_allowance() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let config = Config { misses_per_minute: 1, ..Config::parse(&Raw::default()).unwrap() };
        let rates = Rates::new(&config, clock);
        for number in 0..u32::try_from(ADDRESSES_MAX).unwrap() {
            let ip = Ipv4Addr::from_bits(0x0a00_0000 + number);
            assert_eq!(rates.spend(Act::Miss, Address(ip.into())), Ok(()));
        }
        assert_eq!(rates.spend(Act::Miss, address("192.0.2.1")), Ok(()));
        assert!(rates.spend(Act::Miss, address("192.0.2.2")).is_err());
        assert_eq!(rates.misses.paces.lock().len(), ADDRESSES_MAX + 1);
    }

    #[test]
    fn connections_are_counted_while_they_are_open() {
        let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
        let config = Config { connections_per_address: 2, ..Config::parse(&Raw::default()).unwrap() };
        let rates = Rates::new(&config, clock);
        let one = address("192.0.2.1");
        let (first, second) = (rates.connect(one), rates.connect(one));
        assert!(first.is_some() && second.is_some() && rates.connect(one).is_none());
        drop(first);
        assert!(rates.connect(one).is_some());
        drop(second);
        assert!(rates.websockets.open.lock().is_empty());
    }
}
