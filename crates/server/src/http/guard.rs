//! Counts what addresses ask for, before it costs anything, and what they guess wrong.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State as With};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tagalong_core::problem::Problem;

use super::address::{self, Peer};
use super::answer::Refusal;
use super::{bearer, origin};
use crate::rates::{Act, Address};
use crate::state::State;

/// Runs a request if its address may ask for it.
///
/// An address with too many failed lookups has to wait before it asks for sessions without a token. A valid token is
/// never made to wait for that: others may share the address.
pub(super) async fn count(With(state): With<State>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return Refusal::from(Problem::Internal).into_response();
    };
    let (trusted, header) = (&state.config.trusted_proxies, state.config.trusted_proxy_header);
    let address = Address::from(address::of(peer, request.headers(), trusted, header));
    warn_of_a_proxy(&state, peer, &request);
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if is_of_another_site(&state, request.method(), route, request.headers()) {
        return Refusal::from(Problem::Forbidden)
            .saying("Pages of this origin may not use this server: CORS_ORIGINS does not name it")
            .into_response();
    }
    let pass = bearer::verify(&state, request.headers());
    let allowed = match (request.method(), route) {
        (&Method::POST, "/api/sessions") => state.rates.spend(Act::Create, address),
        (&Method::POST, "/api/sessions/{id}/join" | "/api/sessions/{id}/watch") => {
            state.rates.ask(Act::Miss, address).and_then(|()| state.rates.spend(Act::Join, address))
        }
        (_, route) if route.contains("{id}") && pass.is_none() => state.rates.ask(Act::Miss, address),
        _ => Ok(()),
    };
    if let Err(wait) = allowed {
        return slow_down(wait);
    }
    request.extensions_mut().insert(address);
    if let Some(pass) = pass {
        request.extensions_mut().insert(pass);
    }
    let response = next.run(request).await;
    if is_miss(&response)
        && let Err(wait) = state.rates.spend(Act::Miss, address)
    {
        return slow_down(wait);
    }
    response
}

/// Whether a page of another site makes its visitor's browser ask for what counts against the visitor's address: a
/// change, or a session. That page could use the allowance up, and shut everybody out who shares the address.
///
/// Browsers say where a request comes from (Fetch Metadata, section 2.3), older ones at least the origin of a change.
/// Apps say neither.
fn is_of_another_site(state: &State, method: &Method, route: &str, headers: &HeaderMap) -> bool {
    let counts = route.starts_with("/api/") && (*method != Method::GET || route.contains("{id}"));
    if !counts || *method == Method::OPTIONS {
        return false;
    }
    let foreign = |site: &_| site == "cross-site" || site == "same-site";
    match headers.get(ORIGIN) {
        Some(_) => !origin::allowed_origin(&state.config, headers),
        // Without CORS, of which there would be an origin.
        None => headers.get("sec-fetch-site").is_some_and(foreign),
    }
}

/// Whether this is what an answer to a guess looks like.
fn is_miss(response: &Response) -> bool {
    let problem = response.extensions().get::<Refusal>().map(Refusal::problem);
    match problem {
        Some(problem) => matches!(problem, Problem::Unauthenticated | Problem::SessionNotFound),
        // The Phoenix door refuses without a body.
        None => response.status() == StatusCode::FORBIDDEN,
    }
}

fn slow_down(wait: Duration) -> Response {
    Refusal::from(Problem::RateLimited).after(wait).into_response()
}

/// Behind a proxy that is not trusted, everyone has the proxy's address and shares its allowance.
fn warn_of_a_proxy(state: &State, peer: Peer, request: &Request) {
    let untrusted = state.config.trusted_proxies.is_empty() && address::is_forwarded(request.headers());
    if untrusted && peer.0.ip().is_loopback() && state.rates.note_proxy() {
        tracing::warn!(
            "requests come through a proxy on this machine, and all count as one address: \
             set TRUSTED_PROXIES=127.0.0.0/8,::1 if that proxy is yours"
        );
    }
}
