//! Where a request comes from: the other end of the connection, or what a proxy that we trust says of it.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::FORWARDED;
use ipnet::IpNet;

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The address of whoever asks.
///
/// Each proxy appends whom it heard from, so the list is read from its end, and the first one that is no proxy of
/// ours is the client: what stands before that, anybody can have written (RFC 7239, section 8.1).
pub(super) fn of(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.0.ip().to_canonical();
    if !is_trusted(client, trusted) {
        return client;
    }
    for hop in hops(headers).into_iter().rev() {
        // An obfuscated or unknown hop: the proxy that wrote it is the nearest that we know.
        let Some(ip) = hop else { break };
        client = ip;
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

/// Whether this is a proxy of ours.
pub(super) fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&ip.to_canonical()))
}

/// Whether a request has come through a proxy, whatever one may think of it.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED) || headers.contains_key("x-forwarded-for")
}

/// The hops that proxies have noted, the nearest last; `Forwarded` counts before `X-Forwarded-For`.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = |name: &str| -> Vec<String> {
        let lines =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        lines.flat_map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    let forwarded = values(FORWARDED.as_str());
    if forwarded.is_empty() {
        return values("x-forwarded-for").iter().map(|hop| node(hop)).collect();
    }
    let of_element = |element: &String| {
        let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
        let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        named.next().and_then(|(_, value)| node(value))
    };
    forwarded.iter().map(of_element).collect()
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

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let peer = Peer(SocketAddr::new(peer.parse().unwrap(), 1));
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let trusted =
            ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        of(peer, &headers.collect(), &trusted).to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1", &[("x-forwarded-for", "198.51.100.7")]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &[("forwarded", "for=198.51.100.7")]), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn of_what_a_trusted_proxy_says_only_the_end_counts() {
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
            assert_eq!(client("127.0.0.1", &[("x-forwarded-for", said)]), who, "{said}");
        }
        assert_eq!(
            client("fd00::1", &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7")]),
            "198.51.100.7"
        );
    }

    #[test]
    fn the_standard_header_counts_before_the_usual_one() {
        for (said, who) in [
            ("for=198.51.100.7;proto=https", "198.51.100.7"),
            ("proto=https; For=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=203.0.113.9, for=\"198.51.100.7:80\", for=10.1.2.3", "198.51.100.7"),
            ("for=203.0.113.9, for=_hidden", "127.0.0.1"),
            ("for=unknown", "127.0.0.1"),
            ("by=10.0.0.1", "127.0.0.1"),
        ] {
            let headers = [("forwarded", said), ("x-forwarded-for", "203.0.113.200")];
            assert_eq!(client("127.0.0.1", &headers), who, "{said}");
        }
    }
}
