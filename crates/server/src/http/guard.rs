//! Counts what addresses ask for, before it costs anything, and what they guess wrong.

use std::sync::Arc;

use std::time::Duration;

use axum::extract::{MatchedPath, Request, State as With};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tagalong_core::id::SessionId;
use tagalong_core::problem::Problem;

use super::address::{self, Peer};
use super::api_error::ApiError;
use super::state::Api;
use super::{bearer, origin};
use crate::rates::{Act, Address};
use crate::tokens::Claims;

/// Runs a request if its address may ask for it.
///
/// An address with too many failed lookups has to wait before it asks for a session without a token of that very
/// session. Such a token is never made to wait for that: others may share the address. A token of another session is no
/// leave to guess: anybody can make a session and have one.
pub(super) async fn count(With(api): With<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return ApiError::from(Problem::Internal).into_response();
    };
    let (trusted, header) = (&api.config.trusted_proxies, api.config.trusted_proxy_header);
    let address = Address::from(address::of(peer, request.headers(), trusted, header));
    warn_of_a_proxy(&api, peer, &request);
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let foreign = !origin::allowed_origin(&api.config, request.headers());
    if foreign && counts(request.method(), route) {
        return ApiError::from(Problem::Forbidden)
            .saying("Pages of this origin may not use this server: CORS_ORIGINS does not name it")
            .into_response();
    }
    let claims = bearer::verify(&api, request.headers());
    let allowed = match (request.method(), route) {
        (&Method::POST, "/api/sessions") => api.rates.spend(Act::Create, address),
        (&Method::POST, "/api/sessions/{id}/join" | "/api/sessions/{id}/watch") => {
            api.rates.ask(Act::Miss, address).and_then(|()| api.rates.spend(Act::Join, address))
        }
        (_, route)
            if route.contains("{id}") && !claims.as_ref().is_some_and(|claims| is_for(claims, &request)) =>
        {
            api.rates.ask(Act::Miss, address)
        }
        _ => Ok(()),
    };
    if let Err(wait) = allowed {
        return slow_down(wait);
    }
    request.extensions_mut().insert(address);
    if let Some(claims) = claims {
        request.extensions_mut().insert(claims);
    }
    let response = next.run(request).await;
    // A request that is refused for its origin was no lookup.
    if !foreign
        && is_miss(&response)
        && let Err(wait) = api.rates.spend(Act::Miss, address)
    {
        return slow_down(wait);
    }
    response
}

/// Whether a request counts against its address: a change, a session, or what the admin token opens. A page of another
/// site could make its visitors' browsers ask for that, use their allowance up, and shut everybody out who shares their
/// address. The protocols for WebSockets and long polls look at the origin themselves.
fn counts(method: &Method, route: &str) -> bool {
    let is_of_api = route.starts_with("/api/") && (*method != Method::GET || route.contains("{id}"));
    let is_of_operator = route == "/metrics" || route.starts_with("/dashboard/s");
    (is_of_api || is_of_operator) && *method != Method::OPTIONS
}

/// Whether a token is one of the session that a path names.
fn is_for(claims: &Claims, request: &Request) -> bool {
    let id = request.uri().path().split('/').nth(3);
    id.and_then(|id| SessionId::parse(id).ok()) == Some(claims.session)
}

/// Whether this is what an answer to a guess looks like.
fn is_miss(response: &Response) -> bool {
    let problem = response.extensions().get::<ApiError>().map(ApiError::problem);
    match problem {
        Some(problem) => matches!(problem, Problem::Unauthenticated | Problem::SessionNotFound),
        // The Phoenix protocol refuses without a body.
        None => response.status() == StatusCode::FORBIDDEN,
    }
}

fn slow_down(wait: Duration) -> Response {
    ApiError::from(Problem::RateLimited).after(wait).into_response()
}

/// Behind a proxy that is not trusted, everyone has the proxy's address and shares its allowance.
fn warn_of_a_proxy(api: &Api, peer: Peer, request: &Request) {
    let untrusted = api.config.trusted_proxies.is_empty() && address::is_forwarded(request.headers());
    if untrusted && peer.0.ip().is_loopback() && api.rates.note_proxy() {
        tracing::warn!(
            "requests come through a proxy on this machine, and all count as one address: \
             set TRUSTED_PROXIES=127.0.0.0/8,::1 if that proxy is yours"
        );
    }
}
