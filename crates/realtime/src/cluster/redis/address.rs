//! Where Redis is: one server, a cluster, or sentinels that know the server.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

/// The address and credentials of Redis. Never shown: it may hold a password.
#[derive(Clone)]
pub enum Address {
    /// `redis://` or, with TLS, `rediss://`.
    Server(Box<ConnectionInfo>),
    /// `redis-cluster://HOST:PORT,HOST:PORT` or `rediss-cluster://`: some of its nodes.
    Cluster(Vec<ConnectionInfo>),
    /// `redis-sentinel://HOST:PORT,HOST:PORT/MASTER` or `rediss-sentinel://`. User and password are the
    /// servers' own, not the sentinels'.
    Sentinel {
        /// The sentinels.
        sentinels: Vec<ConnectionAddr>,
        /// The sentinels' name for the server.
        master: String,
        /// The server's credentials.
        server: Box<ConnectionInfo>,
    },
}

/// What is expected of a `REDIS_URL`.
pub const EXPECTED: &str = "redis://HOST:PORT, rediss://HOST:PORT, redis-cluster://HOST:PORT,HOST:PORT or \
                            redis-sentinel://HOST:PORT,HOST:PORT/MASTER";

/// The text is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an address of Redis")]
pub struct InvalidAddress;

impl Address {
    /// Reads a `REDIS_URL`.
    ///
    /// # Errors
    /// When it is of none of the four forms.
    pub fn parse(url: &str) -> Result<Self, InvalidAddress> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidAddress)?;
        let (tls, kind) = match scheme.split_once('-') {
            None if matches!(scheme, "redis" | "rediss") => {
                return Ok(Self::Server(Box::new(server(url)?)));
            }
            Some(("redis", kind)) => ("redis", kind),
            Some(("rediss", kind)) => ("rediss", kind),
            _ => return Err(InvalidAddress),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let each = |path: &str| {
            let one = |host| server(&format!("{tls}://{user}{host}/{path}"));
            hosts.split(',').map(one).collect::<Result<Vec<_>, _>>()
        };
        match kind {
            "cluster" if path.is_empty() => Ok(Self::Cluster(each("")?)),
            "sentinel" => {
                let (master, db) = path.split_once('/').unwrap_or((path, ""));
                let sentinels = each(db)?;
                let server = sentinels.first().filter(|_| !master.is_empty()).ok_or(InvalidAddress)?.clone();
                Ok(Self::Sentinel {
                    sentinels: sentinels.iter().map(|sentinel| sentinel.addr().clone()).collect(),
                    master: master.to_owned(),
                    server: Box::new(server),
                })
            }
            _ => Err(InvalidAddress),
        }
    }
}

fn server(url: &str) -> Result<ConnectionInfo, InvalidAddress> {
    let info = url.into_connection_info().map_err(|_| InvalidAddress)?;
    // Subscriptions share the connection with writes, which requires version 3.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server() {
        for url in ["redis://localhost", "redis://:s%20t@h:1/2", "rediss://u:p@[::1]:6380"] {
            assert!(matches!(Address::parse(url), Ok(Address::Server(_))), "{url}");
        }
        let Ok(Address::Server(server)) = Address::parse("redis://u:s%20t@h:1/2") else { panic!() };
        assert_eq!(*server.addr(), ConnectionAddr::Tcp("h".into(), 1));
        assert_eq!(server.redis_settings().password(), Some("s t"));
        assert_eq!(format!("{:?}", Address::Server(server)), "********");
    }

    #[test]
    fn several_servers() {
        let Ok(Address::Cluster(nodes)) = Address::parse("rediss-cluster://:p@a:1,b:2") else { panic!() };
        assert_eq!(nodes.len(), 2);
        assert!(matches!(nodes[1].addr(), ConnectionAddr::TcpTls { port: 2, .. }));
        assert_eq!(nodes[1].redis_settings().password(), Some("p"));
        let url = "redis-sentinel://u:p@a:1,b:2/mine/3";
        let Ok(Address::Sentinel { sentinels, master, server }) = Address::parse(url) else { panic!() };
        assert_eq!((sentinels.len(), master.as_str()), (2, "mine"));
        assert_eq!((server.redis_settings().db(), server.redis_settings().username()), (3, Some("u")));
    }

    #[test]
    fn what_is_no_address() {
        for url in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://h:99999",
            "redis://h/x",
            "redis-cluster://",
            "redis-cluster://a,b/1",
            "redis-sentinel://a,b",
            "redis-sentinel://a,b/",
            "redis-other://a",
            "valkey-cluster://a",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
