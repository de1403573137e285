//! Any address and headers, a line each: whose they are, from which origin, and with which token. A client cannot say
//! for a proxy who it is, and no origin gets in that is neither ours nor listed.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;

use self::config::{Config, Origins};
use self::proxy_header::ProxyHeader;

// The server's own files, without the database and all else that it would take minutes to build for a fuzzer.
#[allow(dead_code, reason = "the server uses the rest")]
#[path = "../../crates/server/src/http/address.rs"]
mod address;
#[allow(dead_code, reason = "the server uses the rest")]
#[path = "../../crates/server/src/http/websocket/credentials.rs"]
mod credentials;
#[path = "../../crates/server/src/http/origin.rs"]
mod origin;
#[allow(dead_code, unreachable_pub, reason = "the server uses the rest")]
#[path = "../../crates/server/src/proxy_header.rs"]
mod proxy_header;

/// What an origin is compared with.
mod config {
    pub(crate) struct Config {
        pub(crate) public_url: Option<String>,
        pub(crate) origins: Origins,
        pub(crate) port: u16,
    }

    #[allow(dead_code, reason = "a setting that lets every origin in")]
    pub(crate) enum Origins {
        Any,
        Listed(Vec<String>),
    }

    impl Config {
        pub(crate) fn scheme(&self) -> &'static str {
            "http"
        }
    }
}

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const LISTED: &str = "https://listed.example";

static CONFIG: LazyLock<Config> = LazyLock::new(|| Config {
    public_url: None,
    origins: Origins::Listed(vec![LISTED.to_owned()]),
    port: 4000,
});

fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(header) {
        headers.append(name, value);
    }
    headers
}

/// The client's address is what the trusted proxy writes in its header. Nothing that the client writes before it or in
/// other headers changes that.
fn addresses(headers: &HeaderMap) {
    let trusted = [IpNet::from(PROXY)];
    let of = |ip, headers: &HeaderMap, header| {
        address::of(address::Peer(SocketAddr::new(ip, 1)), headers, &trusted, header)
    };
    for (header, said) in [
        (ProxyHeader::XForwardedFor, "198.51.100.7"),
        (ProxyHeader::Forwarded, "for=198.51.100.7"),
        (ProxyHeader::XRealIp, "198.51.100.7"),
        (ProxyHeader::CfConnectingIp, "198.51.100.7"),
    ] {
        assert_eq!(of(CLIENT, headers, header), CLIENT);
        let _ = of(PROXY, headers, header);
        let mut passed_on = headers.clone();
        passed_on.append(HeaderName::from_static(header.name()), HeaderValue::from_static(said));
        assert_eq!(of(PROXY, &passed_on, header), CLIENT);
        passed_on.remove(header.name());
        assert_eq!(of(PROXY, &passed_on, header), PROXY);
    }
}

fn origins(headers: &HeaderMap) {
    if origin::allowed_origin(&CONFIG, headers)
        && let Some(origin) = headers.get(ORIGIN)
    {
        let origin = origin.to_str().expect("what is allowed can be read").to_ascii_lowercase();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
        assert!(own || origin == LISTED, "{origin:?} at {host:?}");
    }
    let base = origin::base_url(&CONFIG, headers);
    assert!(base.starts_with("http://") || base.starts_with("https://"));
    assert!(
        !base.contains(['@', ' ', '"', '<', '>', '\r', '\n']) && base.matches('/').count() == 2,
        "{base:?}"
    );
}

fuzz_target!(|head: &[u8]| {
    let mut lines = head.split(|byte| *byte == b'\n');
    let address = lines.next().unwrap_or_default();
    let headers = headers(lines);
    addresses(&headers);
    origins(&headers);
    let _ = credentials::token_in_subprotocol(&headers);
    if let Ok(uri) = Uri::try_from(address) {
        let _ = credentials::Parameters::of(&uri);
    }
});
