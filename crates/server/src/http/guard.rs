//! Counts what addresses ask for, before it costs anything, and what they guess wrong.

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State as With};
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tagalong_core::problem::Problem;

use super::address::{self, Peer};
use super::answer::Refusal;
use crate::rates::{Act, Address};
use crate::state::State;

/// Runs a request if its address may ask for it.
///
/// Who guesses wrong too often has to wait before asking for sessions without a token. Whoever has a token that
/// holds never waits: others may share the address.
pub(super) async fn count(With(state): With<State>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return Refusal::from(Problem::Internal).into_response();
    };
    let (trusted, header) = (&state.config.trusted_proxies, state.config.trusted_proxy_header);
    let address = Address::from(address::of(peer, request.headers(), trusted, header));
    warn_of_a_proxy(&state, peer, &request);
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let allowed = match (request.method(), route) {
        (&Method::POST, "/api/sessions") => state.rates.spend(Act::Create, address),
        (&Method::POST, "/api/sessions/{id}/join" | "/api/sessions/{id}/watch") => {
            state.rates.ask(Act::Miss, address).and_then(|()| state.rates.spend(Act::Join, address))
        }
        (_, route) if route.contains("{id}") && !request.headers().contains_key(AUTHORIZATION) => {
            state.rates.ask(Act::Miss, address)
        }
        _ => Ok(()),
    };
    if let Err(wait) = allowed {
        return slow_down(wait);
    }
    request.extensions_mut().insert(address);
    let response = next.run(request).await;
    if is_miss(&response)
        && let Err(wait) = state.rates.spend(Act::Miss, address)
    {
        return slow_down(wait);
    }
    response
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
