//! Open connections of a kind, counted in total and for each network.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::network::{Address, Network};

/// Why a connection is rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TooMany {
    /// Its address, or the network around it, has reached its limit.
    OfAddress,
    /// The total limit is reached.
    InAll,
}

/// The limits of a kind of connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) per_address: u32,
    pub(super) in_all: u32,
}

#[derive(Default)]
struct Open {
    by_network: HashMap<Network, u32>,
    in_all: u32,
    /// The most at a time since [`Self::fell_by`] last returned true.
    peak: u32,
}

/// The open connections of a kind.
pub(super) struct Connections {
    open: Arc<Mutex<Open>>,
    most: Most,
}

impl Connections {
    pub(super) fn new(most: Most) -> Self {
        Self { open: Arc::default(), most }
    }

    /// Counts a connection until the result is dropped. Without an address it counts only in total: a trusted proxy
    /// carries many clients.
    pub(super) fn open(&self, address: Option<Address>, limited: bool) -> Result<Connected, TooMany> {
        let mut open = self.open.lock();
        let networks = || address.into_iter().flat_map(Address::networks);
        let full = |network: Network| {
            let most = self.most.per_address.saturating_mul(network.size.allowances());
            open.by_network.get(&network).is_some_and(|open| *open >= most)
        };
        if limited && networks().any(full) {
            return Err(TooMany::OfAddress);
        }
        if open.in_all >= self.most.in_all {
            return Err(TooMany::InAll);
        }
        open.in_all += 1;
        open.peak = open.peak.max(open.in_all);
        for network in networks() {
            *open.by_network.entry(network).or_default() += 1;
        }
        Ok(Connected { address, open: Arc::clone(&self.open) })
    }

    /// Whether the number has fallen by `number` or more since the peak; then a new peak begins.
    pub(super) fn fell_by(&self, number: u32) -> bool {
        let mut open = self.open.lock();
        let fell = open.peak - open.in_all >= number;
        if fell {
            open.peak = open.in_all;
        }
        fell
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let open = self.open.lock();
        open.by_network.is_empty() && open.in_all == 0
    }
}

/// One open connection, until it is dropped.
pub struct Connected {
    address: Option<Address>,
    open: Arc<Mutex<Open>>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        open.in_all -= 1;
        for network in self.address.into_iter().flat_map(Address::networks) {
            if let Some(count) = open.by_network.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    open.by_network.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(text: &str) -> Option<Address> {
        Some(text.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn connections_count_while_they_are_open() {
        let connections = Connections::new(Most { per_address: 2, in_all: 3 });
        let one = address("192.0.2.1");
        let (first, second) = (connections.open(one, true).unwrap(), connections.open(one, true).unwrap());
        assert_eq!(connections.open(one, true).err(), Some(TooMany::OfAddress));
        drop(first);
        let first = connections.open(one, true).unwrap();
        let proxied = connections.open(None, true).unwrap();
        assert_eq!(connections.open(address("192.0.2.2"), true).err(), Some(TooMany::InAll));
        assert_eq!(connections.open(None, false).err(), Some(TooMany::InAll), "files are no rate");
        assert!(!connections.fell_by(3));
        drop((first, second, proxied));
        assert!(connections.fell_by(3) && !connections.fell_by(1));
        assert!(connections.is_empty());
    }

    #[test]
    fn a_home_network_counts_as_one_address() {
        let connections = Connections::new(Most { per_address: 1, in_all: 1_000 });
        let from = |subnet: u32| connections.open(address(&format!("2001:db8:1:{subnet:x}::1")), true);
        let kept: Vec<_> = (0..256).filter_map(|subnet| from(subnet).ok()).collect();
        assert_eq!(kept.len(), 8);
        assert!(from(0x100).is_ok(), "another home of the same provider");
    }
}
