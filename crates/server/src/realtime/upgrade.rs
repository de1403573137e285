//! Lets a request in through one of the protocols, or refuses it before anything is spent on it.

use std::time::Instant;

use axum::extract::{Extension, State as With};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tagalong_core::phoenix::Version;
use tagalong_core::problem::Problem;

use super::close_reason::CloseReason;
use super::connection::{Connection, Protocol};
use super::credentials::{Parameters, token_in_subprotocol};
use super::handshake::{Handshake, Wrong};
use super::phoenix::PhoenixProtocol;
use super::socket::Socket;
use super::transport::Transport;
use crate::http::{ApiError, allowed_origin};
use crate::metrics::labels;
use crate::rates::Address;
use crate::state::State;
use crate::tokens::{Claims, Role};
use crate::traces::{Span, SpanKind};

/// The subprotocol that official clients offer, and browsers insist on seeing chosen.
const SUBPROTOCOL: &str = "phoenix";

/// `/socket/websocket`.
pub(crate) async fn phoenix(
    With(state): With<State>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    asked: Uri,
    handshake: Result<Handshake, Wrong>,
) -> Response {
    let handshake = match handshake {
        Ok(handshake) => handshake.choose(SUBPROTOCOL, &headers),
        Err(wrong) => return wrong.into_response(),
    };
    let parameters = Parameters::of(&asked);
    let version = Version::negotiate(parameters.vsn.as_deref()).ok();
    match version.zip(admit(&state, &headers, parameters.token)) {
        Some((version, claims)) => {
            open(state, address, handshake, claims, Protocol::Phoenix(PhoenixProtocol::new(version)))
        }
        // No body: browsers hide it, and clients come back every five seconds for ever.
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

/// `/ws`.
pub(crate) async fn plain(
    With(state): With<State>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    asked: Uri,
    handshake: Result<Handshake, Wrong>,
) -> Response {
    let handshake = match handshake {
        Ok(handshake) => handshake.choose(SUBPROTOCOL, &headers),
        Err(wrong) => return wrong.into_response(),
    };
    match admit(&state, &headers, Parameters::of(&asked).token) {
        Some(claims) => open(state, address, handshake, claims, Protocol::Plain),
        None => ApiError::from(Problem::Unauthenticated).into_response(),
    }
}

/// Who asks, if they may come in: from an origin that is allowed, with a token for sockets.
pub(super) fn admit(state: &State, headers: &HeaderMap, in_query: Option<String>) -> Option<Claims> {
    if !allowed_origin(&state.config, headers) {
        return None;
    }
    let token = in_query.or_else(|| token_in_subprotocol(headers))?;
    let claims = state.tokens.verify(&token).ok()?;
    (claims.role != Role::Creator).then_some(claims)
}

fn open(
    state: State,
    address: Address,
    handshake: Handshake,
    claims: Claims,
    protocol: Protocol,
) -> Response {
    let Some(connected) = state.rates.connect(address) else {
        return ApiError::from(Problem::RateLimited)
            .saying("Too many connections from this address")
            .into_response();
    };
    let tracked = state.connections.token();
    let answer = handshake.answer();
    let upgrade = handshake.upgrade;
    // Of a connection there is its beginning and its end: what it says meanwhile is nobody's business.
    let span = Span::child(SpanKind::Server, || "connection".to_owned());
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            serve(&state, claims, Transport::WebSocket(Socket::new(upgraded)), protocol, &span).await;
        }
        drop((span, tracked, connected));
    });
    answer
}

/// Serves a connection until it is over, and says so.
pub(super) fn serve<'a>(
    state: &'a State,
    claims: Claims,
    transport: Transport,
    mut protocol: Protocol,
    span: &'a Span,
) -> impl Future<Output = ()> + Send + 'a {
    let (role, labels) = (claims.role, protocol.label(&transport));
    let (began, opened) = (state.clock.instant(), state.metrics.open(labels.clone()));
    // Boxed, or the task has room for it once for each place that it is moved through.
    let mut connection = Box::new(Connection::new(state.clone(), claims, transport));
    async move {
        let close_reason = connection.run(&mut protocol).await;
        drop((opened, connection));
        over(state, &labels, role, close_reason, began, span);
    }
}

/// Counts a connection that is over, and writes its line in the log.
fn over(
    state: &State,
    labels: &labels::Protocol,
    role: Role,
    close_reason: CloseReason,
    began: Instant,
    span: &Span,
) {
    let (reason, code) = (close_reason.name(), close_reason.close_code().unwrap_or(0));
    state.metrics.connections_closed.get_or_create(&labels::Closed { reason, code }).inc();
    let seconds = state.clock.instant().saturating_duration_since(began).as_secs_f64();
    let labels::Protocol { protocol, version } = labels;
    span.set("tagalong.protocol", *protocol);
    span.set("tagalong.version", *version);
    span.set("tagalong.role", role.name());
    span.set("tagalong.reason", reason);
    span.set("tagalong.close_code", i64::from(code));
    tracing::info!(protocol, version, role = role.name(), reason, code, seconds, "connection over");
}
