//! Lets a request in through one of the doors, or refuses it before anything is spent on it.

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, Query, State as With};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tagalong_core::phoenix::Version;
use tagalong_core::problem::Problem;

use super::connection::{Connection, Door};
use super::credentials::{Parameters, token_in_subprotocol};
use super::phoenix_door::PhoenixDoor;
use super::socket;
use crate::http::{Refusal, allowed_origin};
use crate::rates::Address;
use crate::state::State;
use crate::tokens::{Pass, Role};

/// The subprotocol that official clients offer, and browsers insist on seeing chosen.
const SUBPROTOCOL: &str = "phoenix";
/// Why a request is not let in at the Phoenix door.
struct Forbidden;

/// `/socket/websocket`.
pub(crate) async fn phoenix(
    With(state): With<State>,
    Extension(address): Extension<Address>,
    method: Method,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if method != Method::GET {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return (StatusCode::BAD_REQUEST, rejection.body_text()).into_response(),
    };
    let admitted = parameters.map_err(|_| Forbidden).and_then(|Query(parameters)| {
        let version = Version::negotiate(parameters.vsn.as_deref()).map_err(|_| Forbidden)?;
        Ok((version, admit(&state, &headers, parameters.token).ok_or(Forbidden)?))
    });
    match admitted {
        Ok((version, pass)) => open(state, address, upgrade, pass, Door::Phoenix(PhoenixDoor::new(version))),
        // No body: browsers hide it, and clients come back every five seconds for ever.
        Err(Forbidden) => StatusCode::FORBIDDEN.into_response(),
    }
}

/// `/ws`.
pub(crate) async fn plain(
    With(state): With<State>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return (StatusCode::BAD_REQUEST, rejection.body_text()).into_response(),
    };
    let admitted = parameters.ok().and_then(|Query(parameters)| admit(&state, &headers, parameters.token));
    match admitted {
        Some(pass) => open(state, address, upgrade, pass, Door::Plain),
        None => Refusal::from(Problem::Unauthenticated).into_response(),
    }
}

/// Who asks, if they may come in: from an origin that is allowed, with a token for sockets.
fn admit(state: &State, headers: &HeaderMap, in_query: Option<String>) -> Option<Pass> {
    if !allowed_origin(&state.config, headers) {
        return None;
    }
    let token = in_query.or_else(|| token_in_subprotocol(headers))?;
    let pass = state.tokens.verify(&token).ok()?;
    (pass.role != Role::Creator).then_some(pass)
}

fn open(state: State, address: Address, upgrade: WebSocketUpgrade, pass: Pass, door: Door) -> Response {
    let Some(connected) = state.rates.connect(address) else {
        return Refusal::from(Problem::RateLimited)
            .saying("Too many connections from this address")
            .into_response();
    };
    let tracked = state.connections.token();
    socket::limited(upgrade).protocols([SUBPROTOCOL]).on_upgrade(move |websocket| async move {
        let role = pass.role;
        // Boxed, or the task has room for the connection once for each function that it is passed through.
        let parting = Box::pin(Connection::new(state, pass, websocket).run(door)).await;
        tracing::debug!(?role, ?parting, "connection over");
        drop((tracked, connected));
    })
}
