//! Who may see what is for the operator alone: metrics and the dashboard.
//!
//! With `ADMIN_TOKEN`, whoever has it. Without, whoever sits at this machine, and that is less than whoever
//! connects from it: a proxy does so for everyone, and a browser for every site that knows how to ask it
//! (DNS rebinding: a name of theirs that suddenly leads here).

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, FORWARDED, HOST, ORIGIN, VIA};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use subtle::ConstantTimeEq;
use tagalong_core::problem::Problem;

use super::address::Peer;
use super::answer::Refusal;
use crate::config::{Config, Secret};
use crate::state::State;

/// What proxies add to what they pass on.
const ADDED_BY_PROXIES: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-forwarded-server"];

/// Proof that the operator asks.
pub(super) struct Operator;

impl FromRequestParts<State> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Refusal> {
        let peer = parts.extensions.get::<Peer>().copied();
        match &state.config.admin_token {
            Some(token) if has(token, &parts.headers) => Ok(Self),
            Some(_) => Err(Problem::Unauthenticated.into()),
            None if peer.is_some_and(|peer| sits_here(&state.config, peer, &parts.headers)) => Ok(Self),
            // What there is not for others, they need not know of.
            None => Err(Problem::NotFound.into()),
        }
    }
}

fn has(token: &Secret, headers: &HeaderMap) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.split_once(' '));
    sent.is_some_and(|(scheme, sent)| {
        scheme.eq_ignore_ascii_case("bearer")
            && bool::from(sent.trim().as_bytes().ct_eq(token.expose().as_bytes()))
    })
}

/// Whether a request comes from this machine, for it, and through nobody.
///
/// A server that has a public address or proxies that it trusts stands behind one, and not every proxy says so
/// in what it passes on.
fn sits_here(config: &Config, peer: Peer, headers: &HeaderMap) -> bool {
    let alone = config.public_url.is_none() && config.trusted_proxies.is_empty();
    let forwarded = headers.contains_key(FORWARDED)
        || headers.contains_key(VIA)
        || ADDED_BY_PROXIES.iter().any(|name| headers.contains_key(*name));
    alone
        && peer.0.ip().to_canonical().is_loopback()
        && !forwarded
        && host(headers).is_some_and(|host| is_this_machine(host.host()))
        && asked_by_own_page(headers)
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    headers.get(HOST)?.to_str().ok()?.parse().ok()
}

fn is_this_machine(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Whether no other site has made a browser ask. Those say of every request where it comes from (Fetch Metadata,
/// section 2.3); programs say nothing.
fn asked_by_own_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    let origin = headers.get(ORIGIN).is_none_or(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        let authority = authority.and_then(|(_, authority)| authority.parse::<Authority>().ok());
        authority.is_some() && authority == host(headers)
    });
    site && origin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Raw;

    fn config(settings: &[(&str, &str)]) -> Config {
        let mut raw = Raw::default();
        raw.read_environment(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Config::parse(&raw).unwrap()
    }

    fn sits(settings: &[(&str, &str)], peer: &str, headers: &[(&'static str, &str)]) -> bool {
        let peer = Peer(std::net::SocketAddr::new(peer.parse().unwrap(), 1));
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        sits_here(&config(settings), peer, &headers.collect())
    }

    #[test]
    fn whoever_sits_at_the_machine_sees() {
        for (peer, host) in
            [("127.0.0.1", "localhost:4000"), ("127.0.0.1", "127.0.0.1:4000"), ("::1", "[::1]:4000")]
        {
            assert!(sits(&[], peer, &[("host", host)]), "{peer} {host}");
        }
        let own = [
            ("host", "localhost:4000"),
            ("origin", "http://localhost:4000"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert!(sits(&[], "::ffff:127.0.0.1", &own));
    }

    #[test]
    fn nobody_else_does() {
        let here = ("host", "localhost:4000");
        assert!(!sits(&[], "192.0.2.1", &[here]));
        assert!(!sits(&[], "127.0.0.1", &[]), "no host");
        assert!(!sits(&[], "127.0.0.1", &[("host", "rebound.example:4000")]));
        assert!(!sits(&[], "127.0.0.1", &[("host", "localhost.example")]));
        for name in ADDED_BY_PROXIES.into_iter().chain(["forwarded", "via"]) {
            assert!(!sits(&[], "127.0.0.1", &[here, (name, "127.0.0.1")]), "{name}");
        }
        for other in ["cross-site", "same-site"] {
            assert!(!sits(&[], "127.0.0.1", &[here, ("sec-fetch-site", other)]), "{other}");
        }
        for other in ["http://evil.example", "null", "http://localhost:3000"] {
            assert!(!sits(&[], "127.0.0.1", &[here, ("origin", other)]), "{other}");
        }
    }

    #[test]
    fn behind_a_proxy_that_says_nothing_nobody_sits_at_the_machine() {
        let here = [("host", "127.0.0.1:4000")];
        assert!(!sits(&[("PUBLIC_URL", "https://trips.example")], "127.0.0.1", &here));
        assert!(!sits(&[("TRUSTED_PROXIES", "10.0.0.1")], "127.0.0.1", &here));
    }
}
