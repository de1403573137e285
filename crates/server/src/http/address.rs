//! The client's address of a request: the peer of the connection, or the address that a trusted proxy names.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::FORWARDED;
use ipnet::IpNet;

use crate::proxy_header::ProxyHeader;

/// The peer of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The client's address.
///
/// Each proxy appends the address of its peer, so the list is read from its end, and the first address that is no
/// trusted proxy is the client's: any client can write the entries before it (RFC 7239, section 8.1). Only one header
/// is read, because most proxies write one and pass the others on as the client sent them.
pub(super) fn of(peer: Peer, headers: &HeaderMap, trusted: &[IpNet], header: ProxyHeader) -> IpAddr {
    let mut client = peer.0.ip().to_canonical();
    if !is_trusted(client, trusted) {
        return client;
    }
    for hop in hops(headers, header).into_iter().rev() {
        // An obfuscated or unknown hop: the proxy that wrote it is the nearest known address.
        let Some(ip) = hop else { break };
        client = ip;
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

/// Whether this is a trusted proxy.
pub(super) fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&ip.to_canonical()))
}

/// Whether a request has come through a proxy, trusted or not.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED) || headers.contains_key(ProxyHeader::default().name())
}

/// The hops in the header, the nearest last.
fn hops(headers: &HeaderMap, header: ProxyHeader) -> Vec<Option<IpAddr>> {
    let read = match header {
        ProxyHeader::Forwarded => forwarded_for,
        ProxyHeader::XForwardedFor | ProxyHeader::XRealIp | ProxyHeader::CfConnectingIp => node,
    };
    let lines = headers.get_all(header.name()).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.flat_map(|line| line.split(',').map(read).collect::<Vec<_>>()).collect()
}

/// The client in an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    named.next().and_then(|(_, value)| node(value))
}

/// An address, perhaps quoted, in brackets, or with a port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let ip = text.parse().ok().or_else(|| {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inner.and_then(|inner| inner.parse().ok())
    });
    let ip = ip.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    ip.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, read: &str, headers: &[(&'static str, &str)]) -> String {
        let peer = Peer(SocketAddr::new(peer.parse().unwrap(), 1));
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let trusted =
            ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        of(peer, &headers.collect(), &trusted, read.parse().unwrap()).to_string()
    }

    const USUAL: &str = "x-forwarded-for";

    #[test]
    fn headers_of_untrusted_peers_are_ignored() {
        for header in ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"] {
            for said in ["198.51.100.7", "for=198.51.100.7"] {
                assert_eq!(client("192.0.2.1", header, &[(header, said)]), "192.0.2.1");
            }
        }
        assert_eq!(client("::ffff:192.0.2.1", USUAL, &[]), "192.0.2.1");
    }

    #[test]
    fn only_the_last_untrusted_hop_counts() {
        for (said, who) in [
            ("198.51.100.7", "198.51.100.7"),
            ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("203.0.113.9, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
            ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
            ("203.0.113.9, nonsense", "127.0.0.1"),
            ("203.0.113.9, nonsense, 10.1.2.3", "10.1.2.3"),
            ("198.51.100.7:4711", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("", "127.0.0.1"),
        ] {
            assert_eq!(client("127.0.0.1", USUAL, &[(USUAL, said)]), who, "{said}");
        }
        let twice = [(USUAL, "203.0.113.9"), (USUAL, "198.51.100.7")];
        assert_eq!(client("fd00::1", USUAL, &twice), "198.51.100.7");
    }

    #[test]
    fn the_standard_header_names_the_client() {
        for (said, who) in [
            ("for=198.51.100.7;proto=https", "198.51.100.7"),
            ("proto=https; For=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=203.0.113.9, for=\"198.51.100.7:80\", for=10.1.2.3", "198.51.100.7"),
            ("for=203.0.113.9, for=_hidden", "127.0.0.1"),
            ("for=unknown", "127.0.0.1"),
            ("by=10.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(client("127.0.0.1", "forwarded", &[("forwarded", said)]), who, "{said}");
        }
    }

    #[test]
    fn one_header_is_read_and_no_other() {
        let all = [
            ("x-forwarded-for", "198.51.100.1"),
            ("forwarded", "for=198.51.100.2"),
            ("x-real-ip", "198.51.100.3"),
            ("cf-connecting-ip", "198.51.100.4"),
        ];
        for (name, said) in all {
            assert_eq!(client("10.0.0.1", name, &all), said.trim_start_matches("for="));
            let others: Vec<_> = all.into_iter().filter(|(other, _)| *other != name).collect();
            assert_eq!(client("10.0.0.1", name, &others), "10.0.0.1", "{name} is not there");
        }
    }
}
