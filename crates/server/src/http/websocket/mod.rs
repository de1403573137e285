//! The requests that open a live connection: a WebSocket with either protocol, or long polling. A request without a
//! valid origin, token or handshake is rejected first, at little cost.

mod credentials;
mod handshake;
pub(super) mod longpoll;

use std::sync::Arc;

use axum::extract::{Extension, State as With};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use credentials::{Parameters, token_in_subprotocol};
use handshake::Handshake;
use tagalong_core::claims::{Claims, Role};
use tagalong_core::phoenix::Version;
use tagalong_core::problem::Problem;
use tagalong_platform::traces::{Span, SpanKind};
use tagalong_realtime::rates::Address;
use tagalong_realtime::{Live, PhoenixProtocol, Protocol, Socket, Transport};

use super::api_error::ApiError;
use super::origin::allowed_origin;
use super::state::Api;

/// `/socket/websocket`.
pub(super) async fn phoenix(
    With(api): With<Arc<Api>>,
    With(live): With<Arc<Live>>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    asked: Uri,
    handshake: Handshake,
) -> Response {
    let parameters = Parameters::of(&asked);
    let version = Version::negotiate(parameters.vsn.as_deref()).ok();
    match version.zip(admit(&api, &headers, parameters.token)) {
        Some((version, claims)) => {
            open(&api, live, address, handshake, claims, Protocol::Phoenix(PhoenixProtocol::new(version)))
        }
        // No body: browsers hide it, and clients come back every five seconds for ever.
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

/// `/ws`.
pub(super) async fn plain(
    With(api): With<Arc<Api>>,
    With(live): With<Arc<Live>>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    asked: Uri,
    handshake: Handshake,
) -> Response {
    match admit(&api, &headers, Parameters::of(&asked).token) {
        Some(claims) => open(&api, live, address, handshake, claims, Protocol::Plain),
        None => ApiError::from(Problem::Unauthenticated).into_response(),
    }
}

/// The claims of a valid token for the live side, sent from an allowed origin.
fn admit(api: &Api, headers: &HeaderMap, in_query: Option<String>) -> Option<Claims> {
    if !allowed_origin(&api.config, headers) {
        return None;
    }
    let token = in_query.or_else(|| token_in_subprotocol(headers))?;
    let claims = api.tokens.verify(&token).ok()?;
    (claims.role != Role::Creator).then_some(claims)
}

fn open(
    api: &Api,
    live: Arc<Live>,
    address: Address,
    handshake: Handshake,
    claims: Claims,
    protocol: Protocol,
) -> Response {
    let Some(connected) = api.rates.connect(address) else {
        return ApiError::from(Problem::RateLimited)
            .saying("Too many connections from this address")
            .into_response();
    };
    let tracked = live.connections.token();
    let answer = handshake.answer();
    let upgrade = handshake.upgrade;
    // The span covers the whole connection, not its messages.
    let span = Span::child(SpanKind::Server, || "connection".to_owned());
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            live.serve(claims, Transport::WebSocket(Socket::new(upgraded)), protocol, &span).await;
        }
        drop((span, tracked, connected));
    });
    answer
}
