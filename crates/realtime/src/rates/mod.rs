//! Rate limits of addresses, and of writes by participants. People who share an address, such as a family or a festival
//! behind one router, stay below these limits; scans and floods do not.

mod connections;
mod limiter;
mod network;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use connections::{Connected, TooMany};
use connections::{Connections, Most};
use limiter::{Allowance, RateLimiter};
pub use network::Address;
pub use network::Network;
use network::Size;
use parking_lot::Mutex;
use tagalong_core::claims::Claims;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::limits::{
    METRICS_CONNECTIONS_MAX, NETWORKS_MAX, WRITERS_MAX, WRITES_AT_ONCE_MAX, WRITES_OF_A_SESSION,
};
use tagalong_platform::clock::Clock;

use crate::open_files;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The kinds of requests that are counted for each address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Creating a session.
    Create,
    /// A join or a request to watch.
    Join,
    /// A failed lookup (invalid token, unknown session), as caused by guessing.
    Miss,
}

/// The limit of one kind of request, for every network.
struct RateLimit {
    allowance: Allowance,
    /// One table for each size of network: a flood of small networks displaces no large one.
    limiters: [RateLimiter<Network>; Size::ALL.len()],
}

impl RateLimit {
    fn new(allowed: u32, period: Duration) -> Self {
        Self {
            allowance: Allowance::new(allowed, period),
            limiters: Size::ALL.map(|_| RateLimiter::new(NETWORKS_MAX)),
        }
    }
}

/// The owner of a write rate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    /// All participants of a session, and its creator.
    Session(SessionId),
    /// One participant or creator, by a hash of the id, because ids of older systems are long.
    Person(u64),
}

/// The rates of a server.
pub struct Rates {
    on: bool,
    clock: Clock,
    creates: Mutex<RateLimit>,
    joins: Mutex<RateLimit>,
    misses: Mutex<RateLimit>,
    writes: Mutex<RateLimiter<Writer>>,
    write_allowance: Allowance,
    hasher: std::hash::RandomState,
    accepted: Connections,
    websockets: Connections,
    scrapes: Connections,
    proxy_noted: AtomicBool,
}

/// What an address or a writer may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Off for benchmarks and tests.
    pub on: bool,
    pub sessions_per_hour: u32,
    pub joins_per_minute: u32,
    pub misses_per_minute: u32,
    pub writes_per_minute: u32,
    /// WebSockets and sessions of long polls of one address.
    pub connections_per_address: u32,
    /// TCP connections of one address.
    pub tcp_connections_per_address: u32,
}

impl Rates {
    /// All limits unused.
    #[expect(
        clippy::disallowed_methods,
        reason = "the key of hash tables, as every `HashMap` has one: its hashes are never shown"
    )]
    pub fn new(limits: &Limits, clock: Clock) -> Self {
        let rate = |allowed, period| Mutex::new(RateLimit::new(allowed, period));
        let files = open_files::for_connections();
        // One address cannot take all files.
        let per_address = limits.tcp_connections_per_address.min(files / 4 * 3);
        let most = |per_address, in_all| Connections::new(Most { per_address, in_all });
        Self {
            on: limits.on,
            clock,
            creates: rate(limits.sessions_per_hour, HOUR),
            joins: rate(limits.joins_per_minute, MINUTE),
            misses: rate(limits.misses_per_minute, MINUTE),
            writes: Mutex::new(RateLimiter::new(WRITERS_MAX)),
            write_allowance: Allowance::new(limits.writes_per_minute, MINUTE).at_once(WRITES_AT_ONCE_MAX),
            hasher: std::hash::RandomState::new(),
            accepted: most(per_address, files),
            // A long-poll session needs no file between polls, but as much memory as a WebSocket.
            websockets: most(limits.connections_per_address, files),
            scrapes: most(METRICS_CONNECTIONS_MAX, METRICS_CONNECTIONS_MAX),
            proxy_noted: AtomicBool::new(false),
        }
    }

    fn limit(&self, act: Act) -> &Mutex<RateLimit> {
        match act {
            Act::Create => &self.creates,
            Act::Join => &self.joins,
            Act::Miss => &self.misses,
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When the address, or a network around it, has reached its limit: how long to wait.
    pub fn spend(&self, act: Act, address: Address) -> Result<(), Duration> {
        self.ask_and(act, address, true)
    }

    /// Checks whether a request would be over the limit, without counting it.
    ///
    /// # Errors
    /// As [`Self::spend`].
    pub fn ask(&self, act: Act, address: Address) -> Result<(), Duration> {
        self.ask_and(act, address, false)
    }

    fn ask_and(&self, act: Act, address: Address, spend: bool) -> Result<(), Duration> {
        if !self.on {
            return Ok(());
        }
        let now = self.clock.instant();
        let RateLimit { allowance, limiters } = &mut *self.limit(act).lock();
        let waits = address.networks().map(|network| limiters[network.size as usize].wait(&network, now));
        let wait = waits.max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        for network in address.networks().filter(|_| spend) {
            let allowance = allowance.times(network.size.allowances());
            limiters[network.size as usize].spend(network, allowance, now);
        }
        Ok(())
    }

    /// Counts a write, for the token's owner and for the session.
    ///
    /// # Errors
    /// When one of the two has reached its limit: how long to wait.
    pub fn write(&self, claims: &Claims) -> Result<(), Duration> {
        if !self.on {
            return Ok(());
        }
        let now = self.clock.instant();
        let (session, person) = (Writer::Session(claims.session), Writer::Person(self.hash(&claims.user)));
        let mut writes = self.writes.lock();
        let wait = writes.wait(&session, now).max(writes.wait(&person, now));
        if !wait.is_zero() {
            return Err(wait);
        }
        let of_session = self.write_allowance.times(WRITES_OF_A_SESSION);
        writes.spend(session, of_session, now);
        writes.spend(person, self.write_allowance, now);
        Ok(())
    }

    fn hash(&self, user: &UserId) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hasher, user.as_str())
    }

    /// Counts a connection until the result is dropped. Those of a trusted proxy count without an address.
    ///
    /// # Errors
    /// When there are too many.
    pub fn accept(&self, address: Option<Address>) -> Result<Connected, TooMany> {
        self.accepted.open(address, self.on)
    }

    /// Counts a WebSocket, as [`Self::accept`] does.
    pub fn connect(&self, address: Address) -> Option<Connected> {
        self.websockets.open(Some(address), self.on).ok()
    }

    /// Counts a connection to the port for metrics, as [`Self::accept`] does. It is limited also with
    /// `RATE_LIMITS=off`.
    ///
    /// # Errors
    /// When there are too many.
    pub fn scrape(&self, address: Address) -> Result<Connected, TooMany> {
        self.scrapes.open(Some(address), true)
    }

    /// Whether the number of connections has fallen by `number` since this last returned true.
    pub fn connections_fell_by(&self, number: u32) -> bool {
        self.accepted.fell_by(number)
    }

    /// Records that an untrusted proxy was noticed. Returns whether it is the first time.
    pub fn note_proxy(&self) -> bool {
        !self.proxy_noted.swap(true, Ordering::Relaxed)
    }

    /// Drops the entries that have their whole allowance again.
    pub fn sweep(&self) {
        let now = self.clock.instant();
        for rate in [&self.creates, &self.joins, &self.misses] {
            rate.lock().limiters.iter_mut().for_each(|limiters| limiters.sweep(now));
        }
        self.writes.lock().sweep(now);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use tagalong_core::claims::Role;
    use tagalong_core::time::Timestamp;
    use tagalong_platform::clock::ManualClock;

    use super::*;

    fn rates(change: impl FnOnce(&mut Limits)) -> (Rates, ManualClock) {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let mut limits = Limits {
            on: true,
            sessions_per_hour: 60,
            joins_per_minute: 120,
            misses_per_minute: 60,
            writes_per_minute: 120,
            connections_per_address: 500,
            tcp_connections_per_address: 2000,
        };
        change(&mut limits);
        (Rates::new(&limits, clock), hand)
    }

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    fn in_48(subnet: u16) -> Address {
        IpAddr::from(Ipv6Addr::from([0x2001, 0xdb8, 1, subnet, 0, 0, 0, 1])).into()
    }

    #[test]
    fn each_address_has_its_own_allowance_and_gets_it_back() {
        let (rates, hand) = rates(|limits| limits.joins_per_minute = 3);
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
    }

    #[test]
    fn a_slash_56_has_8_allowances_and_a_slash_48_has_32() {
        let (rates, _hand) = rates(|limits| limits.sessions_per_hour = 3);
        let made = |subnets: std::ops::Range<u16>| {
            subnets.map(|subnet| (0..3).filter(|_| rates.spend(Act::Create, in_48(subnet)).is_ok()).count())
        };
        assert_eq!(made(0..256).sum::<usize>(), 3 * 8);
        assert_eq!(made(256..u16::MAX).sum::<usize>(), 3 * (32 - 8));
        assert_eq!(rates.spend(Act::Create, address("2001:db8:2::1")), Ok(()));
    }

    #[test]
    fn a_hundred_thousand_networks_lock_no_client_out() {
        let (rates, _hand) = rates(|limits| limits.misses_per_minute = 2);
        let guesser = address("192.0.2.1");
        let all = |act| (0..2).try_for_each(|_| rates.spend(act, guesser));
        assert_eq!(all(Act::Miss), Ok(()));
        let flood = u32::try_from(NETWORKS_MAX).unwrap() + 1_000;
        for number in 0..flood {
            let v4 = IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + number));
            assert_eq!(rates.spend(Act::Miss, v4.into()), Ok(()));
            let (upper, lower) = ((number >> 16) as u16, (number & 0xffff) as u16);
            let v6 = IpAddr::from(Ipv6Addr::from([0x2001, upper, lower, 0, 0, 0, 0, 1]));
            assert_eq!(rates.spend(Act::Miss, v6.into()), Ok(()));
        }
        assert_eq!(rates.ask(Act::Miss, address("203.0.113.77")), Ok(()));
        assert_eq!(rates.ask(Act::Miss, address("2a00:1450::1")), Ok(()));
        assert!(rates.ask(Act::Miss, guesser).is_err(), "the guesser is remembered");
        let kept = rates.misses.lock().limiters.iter().map(RateLimiter::len).collect::<Vec<_>>();
        assert_eq!(kept, [NETWORKS_MAX; 4]);
    }

    #[test]
    fn checking_takes_no_memory() {
        let (rates, _hand) = rates(|_| {});
        assert_eq!(rates.ask(Act::Miss, address("192.0.2.1")), Ok(()));
        assert!(rates.misses.lock().limiters.iter().all(|limiters| limiters.len() == 0));
    }

    #[test]
    fn writes_are_paced_for_each_person_and_each_session() {
        let (rates, hand) = rates(|limits| limits.writes_per_minute = 120);
        let session = SessionId::from_random([1; 16]);
        let claims =
            |user: u8| Claims { session, user: UserId::from_random([user; 16]), role: Role::Participant };
        let at_once = |user| (0..1_000).take_while(|_| rates.write(&claims(user)).is_ok()).count();
        assert_eq!(at_once(1), WRITES_AT_ONCE_MAX as usize);
        assert_eq!(rates.write(&claims(1)), Err(Duration::from_millis(500)));
        assert_eq!(at_once(2), WRITES_AT_ONCE_MAX as usize);
        let of_all: usize = (3..100).map(at_once).sum();
        assert_eq!(of_all, (WRITES_AT_ONCE_MAX * (WRITES_OF_A_SESSION - 2)) as usize);
        let other = Claims { session: SessionId::from_random([2; 16]), ..claims(100) };
        assert_eq!(rates.write(&other), Ok(()));
        hand.advance(MINUTE);
        assert_eq!(rates.write(&claims(1)), Ok(()));
    }
}
