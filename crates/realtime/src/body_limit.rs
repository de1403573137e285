//! Memory for large request bodies: bounded for the whole process, for each address, and for each tracker link or
//! long-poll session.
//!
//! The number of connections bounds bodies of up to `REQUEST_BODY_BYTES_MAX`. A larger body needs a permit before the
//! rest is read. There is no queue: a client without a permit must retry, because a waiting connection would hold the
//! part that has come.

use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tagalong_core::id::UserId;
use tagalong_core::limits::{LARGE_BODIES_MAX, LARGE_BODIES_PER_ADDRESS_MAX};

use crate::rates::{Address, Network};

/// The sender of a large body.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum BodySender {
    Link(UserId),
    Poll(u128),
}

#[derive(Default)]
struct Held {
    by_sender: HashMap<BodySender, Address>,
    /// Each size of network has the bound of one address, so that a home with many IPv6 networks counts once.
    by_network: HashMap<Network, usize>,
}

/// The permits of a process. Clones share them.
#[derive(Clone, Default)]
pub struct BodyLimit(Arc<Mutex<Held>>);

/// Permission to hold one large body, until it is dropped.
pub struct BodyPermit {
    sender: BodySender,
    limit: BodyLimit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPermit {
    /// The sender or its address has reached its limit.
    Client,
    /// The process has reached its limit.
    Process,
}

impl BodyLimit {
    pub fn take(&self, sender: &BodySender, address: Address) -> Result<BodyPermit, NoPermit> {
        let Held { by_sender, by_network } = &mut *self.0.lock();
        if by_sender.len() >= LARGE_BODIES_MAX {
            return Err(NoPermit::Process);
        }
        let full =
            |network| by_network.get(&network).is_some_and(|held| *held >= LARGE_BODIES_PER_ADDRESS_MAX);
        if address.networks().any(full) {
            return Err(NoPermit::Client);
        }
        match by_sender.entry(sender.clone()) {
            Entry::Occupied(_) => return Err(NoPermit::Client),
            Entry::Vacant(free) => free.insert(address),
        };
        for network in address.networks() {
            *by_network.entry(network).or_default() += 1;
        }
        Ok(BodyPermit { sender: sender.clone(), limit: self.clone() })
    }

    /// Permits in use.
    pub fn used(&self) -> usize {
        self.0.lock().by_sender.len()
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        let Held { by_sender, by_network } = &mut *self.limit.0.lock();
        let Some(address) = by_sender.remove(&self.sender) else { return };
        for network in address.networks() {
            if let Entry::Occupied(mut count) = by_network.entry(network) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(number: usize) -> Address {
        IpAddr::from(Ipv4Addr::from_bits(u32::try_from(number).unwrap())).into()
    }

    fn sender(number: usize) -> BodySender {
        let id = number as u128;
        if number.is_multiple_of(2) {
            BodySender::Poll(id)
        } else {
            BodySender::Link(UserId::from_random(id.to_be_bytes()))
        }
    }

    #[test]
    fn permits_are_bounded_three_times_and_come_back() {
        let limit = BodyLimit::default();
        let take = |number, address_number| limit.take(&sender(number), address(address_number));
        let first = take(0, 0).ok();
        assert_eq!(take(0, 1).err(), Some(NoPermit::Client), "one body for each sender");
        let mut kept: Vec<_> =
            (1..LARGE_BODIES_PER_ADDRESS_MAX).map(|number| take(number, 0).ok().unwrap()).collect();
        assert_eq!(take(99, 0).err(), Some(NoPermit::Client), "so many for each address");
        kept.extend((kept.len() + 1..LARGE_BODIES_MAX).map(|number| take(number, number).ok().unwrap()));
        assert_eq!((take(99, 99).err(), limit.used()), (Some(NoPermit::Process), LARGE_BODIES_MAX));
        drop(first);
        assert!(take(99, 0).is_ok());
        drop(kept);
        assert_eq!(limit.used(), 0);
        assert!(limit.0.lock().by_network.is_empty());
    }

    #[test]
    fn a_home_with_many_networks_is_one_address() {
        let limit = BodyLimit::default();
        let from = |subnet: usize| {
            let address: IpAddr = format!("2001:db8:1:{subnet:x}::1").parse().unwrap();
            limit.take(&sender(subnet), address.into())
        };
        let kept: Vec<_> = (0..LARGE_BODIES_MAX).filter_map(|subnet| from(subnet).ok()).collect();
        assert_eq!(kept.len(), LARGE_BODIES_PER_ADDRESS_MAX);
        drop(kept);
        assert!(from(0).is_ok());
    }
}
