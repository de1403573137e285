//! Rate limits of addresses, as layers on routes: checked before a request costs anything.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State as With};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tagalong_core::claims::Claims;
use tagalong_core::id::SessionId;
use tagalong_core::problem::Problem;
use tagalong_realtime::rates::{Act, Address, Rates};

use super::address::{self, Peer};
use super::api_error::ApiError;
use super::state::Api;
use super::{bearer, origin};

/// The rate limit of a route. Each described route has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Limit {
    /// Limits the sessions that an address may create.
    Create,
    /// Limits joins and requests to watch of an address, and its failed lookups as [`Self::Lookup`] does.
    Join,
    /// Failed lookups of an address. A request with a token of the very session that it names is let through: others
    /// may share the address. A token of another session is not enough, since anybody can create a session and have
    /// one.
    Lookup,
    /// For requests that cost little and reveal nothing.
    Unlimited,
}

impl Limit {
    fn check(self, rates: &Rates, address: Address, has_token: bool) -> Result<(), Duration> {
        match self {
            Self::Create => rates.spend(Act::Create, address),
            Self::Join => rates.ask(Act::Miss, address).and_then(|()| rates.spend(Act::Join, address)),
            Self::Lookup if !has_token => rates.ask(Act::Miss, address),
            Self::Lookup | Self::Unlimited => Ok(()),
        }
    }
}

/// Runs a request if the limit of its route allows it.
pub(super) async fn limit(
    With((api, limit)): With<(Arc<Api>, Limit)>,
    Extension(address): Extension<Address>,
    request: Request,
    next: Next,
) -> Response {
    let claims = request.extensions().get::<Claims>();
    let has_token = claims.is_some_and(|claims| is_for(claims, &request));
    match limit.check(&api.rates, address, has_token) {
        Ok(()) => next.run(request).await,
        Err(wait) => slow_down(wait),
    }
}

/// Rejects requests from pages of other sites. Such a page could make its visitors' browsers use up the allowance of
/// their address, and so lock out all clients that share it. Wraps every layer that counts against an address; the
/// routes for WebSockets and long polls check the origin themselves. Such a rejection is no failed lookup.
pub(super) async fn same_origin(With(api): With<Arc<Api>>, request: Request, next: Next) -> Response {
    if *request.method() == Method::OPTIONS || origin::allowed_origin(&api.config, request.headers()) {
        return next.run(request).await;
    }
    ApiError::from(Problem::Forbidden)
        .saying("Pages of this origin may not use this server: CORS_ORIGINS does not name it")
        .into_response()
}

/// Finds the client's address and the claims of a valid token. Counts failed lookups.
pub(super) async fn identify(With(api): With<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return ApiError::from(Problem::Internal).into_response();
    };
    let (trusted, header) = (&api.config.trusted_proxies, api.config.trusted_proxy_header);
    let address = Address::from(address::of(peer, request.headers(), trusted, header));
    warn_of_a_proxy(&api, peer, &request);
    let foreign = !origin::allowed_origin(&api.config, request.headers());
    request.extensions_mut().insert(address);
    if let Some(claims) = bearer::verify(&api, request.headers()) {
        request.extensions_mut().insert(claims);
    }
    let response = next.run(request).await;
    if !foreign
        && is_miss(&response)
        && let Err(wait) = api.rates.spend(Act::Miss, address)
    {
        return slow_down(wait);
    }
    response
}

/// Whether a token belongs to the session in the path.
fn is_for(claims: &Claims, request: &Request) -> bool {
    let id = request.uri().path().split('/').nth(3);
    id.and_then(|id| SessionId::parse(id).ok()) == Some(claims.session)
}

/// Whether this answer counts as a failed lookup.
fn is_miss(response: &Response) -> bool {
    let problem = response.extensions().get::<ApiError>().map(ApiError::problem);
    match problem {
        Some(problem) => matches!(problem, Problem::Unauthenticated | Problem::SessionNotFound),
        // The Phoenix protocol rejects without a body.
        None => response.status() == StatusCode::FORBIDDEN,
    }
}

fn slow_down(wait: Duration) -> Response {
    ApiError::from(Problem::RateLimited).after(wait).into_response()
}

/// Behind an untrusted proxy, all clients have the proxy's address and share its allowance.
fn warn_of_a_proxy(api: &Api, peer: Peer, request: &Request) {
    let untrusted = api.config.trusted_proxies.is_empty() && address::is_forwarded(request.headers());
    if untrusted && peer.0.ip().is_loopback() && api.rates.note_proxy() {
        tracing::warn!(
            "requests come through a proxy on this machine, and all count as one address: \
             set TRUSTED_PROXIES=127.0.0.0/8,::1 if that proxy is yours"
        );
    }
}
