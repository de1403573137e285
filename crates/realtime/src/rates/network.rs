//! The networks for which a client's address counts.
//!
//! An IPv6 customer has at least a /64, at home a /56 (256 of these), and as a company or through a free tunnel a /48
//! (65,536) (RFC 6177). Counting only /64s would give one home line 256 allowances. So an address counts for each of
//! the three, and the larger networks have a larger allowance, because many customers may share them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tagalong_core::limits::{ALLOWANCES_OF_A_48, ALLOWANCES_OF_A_56};

/// The part of a client's address that counts: of IPv6 the upper half, because the lower half names devices of one
/// customer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Address(IpAddr);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => Self(translated(ip).map_or_else(|| upper_half(ip).into(), IpAddr::V4)),
            ip @ IpAddr::V4(_) => Self(ip),
        }
    }
}

fn upper_half(ip: Ipv6Addr) -> Ipv6Addr {
    (u128::from(ip) & !u128::from(u64::MAX)).into()
}

/// The IPv4 address of a client that comes through a translator at the edge of an IPv6 network (64:ff9b::/96, RFC 6052)
/// or through 6to4 (2002::/16, RFC 3056). Otherwise all of IPv4 would share one /64, or one IPv4 address have a /48.
fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

/// The size of a network that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Size {
    /// One IPv4 address.
    Host,
    /// An IPv6 /64.
    Slash64,
    /// An IPv6 /56.
    Slash56,
    /// An IPv6 /48.
    Slash48,
}

impl Size {
    /// All of them, in the order of their declaration.
    pub(super) const ALL: [Self; 4] = [Self::Host, Self::Slash64, Self::Slash56, Self::Slash48];

    /// The network's allowance, as a multiple of that of one address.
    pub(super) fn allowances(self) -> u32 {
        match self {
            Self::Host | Self::Slash64 => 1,
            Self::Slash56 => ALLOWANCES_OF_A_56,
            Self::Slash48 => ALLOWANCES_OF_A_48,
        }
    }
}

/// A network that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network {
    pub(super) size: Size,
    bits: u64,
}

impl Address {
    /// The networks for which it counts.
    pub fn networks(self) -> impl Iterator<Item = Network> + Clone {
        let (host, upper) = match self.0 {
            IpAddr::V4(ip) => (Some(Network { size: Size::Host, bits: ip.to_bits().into() }), 0),
            IpAddr::V6(ip) => (None, u64::try_from(u128::from(ip) >> 64).unwrap_or(0)),
        };
        let v6 = [(Size::Slash64, 64), (Size::Slash56, 56), (Size::Slash48, 48)];
        let network = move |(size, prefix)| Network { size, bits: upper & (u64::MAX << (64 - prefix)) };
        host.into_iter().chain(v6.into_iter().filter(move |_| host.is_none()).map(network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Vec<(Size, u64)> {
        let address = Address::from(text.parse::<IpAddr>().unwrap());
        address.networks().map(|network| (network.size, network.bits)).collect()
    }

    #[test]
    fn ipv4_counts_for_itself_however_it_is_written() {
        assert_eq!(networks("192.0.2.1"), [(Size::Host, 0xc000_0201)]);
        assert_eq!(networks("::ffff:192.0.2.1"), networks("192.0.2.1"));
        for translated in ["64:ff9b::192.0.2.1", "2002:c000:201::7", "2002:c000:201:ffff::1"] {
            assert_eq!(networks(translated), networks("192.0.2.1"), "{translated}");
        }
        assert_ne!(networks("192.0.2.1"), networks("192.0.2.2"));
    }

    #[test]
    fn ipv6_counts_for_three_networks() {
        let expected = [
            (Size::Slash64, 0x2001_0db8_0001_0203),
            (Size::Slash56, 0x2001_0db8_0001_0200),
            (Size::Slash48, 0x2001_0db8_0001_0000),
        ];
        assert_eq!(networks("2001:db8:1:203::1"), expected);
        assert_eq!(networks("2001:db8:1:203:ffff::9"), expected);
        assert_eq!(networks("2001:db8:1:2ff::1")[1..], expected[1..]);
        assert_ne!(networks("2001:db8:1:3ff::1")[1], expected[1]);
        assert_eq!(networks("2001:db8:1:3ff::1")[2], expected[2]);
    }
}
