//! Lets a request in through one of the doors, or refuses it before anything is spent on it.

use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, Query, State as With};
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use tagalong_core::phoenix::Version;
use tagalong_core::problem::Problem;

use super::connection::{Connection, Door};
use super::parting::Parting;
use super::phoenix_door::PhoenixDoor;
use super::socket;
use crate::http::{Refusal, allowed_origin};
use crate::metrics::labels;
use crate::rates::Address;
use crate::state::State;
use crate::tokens::{Pass, Role};

/// The subprotocol that official clients offer, and browsers insist on seeing chosen.
const SUBPROTOCOL: &str = "phoenix";
/// What stands before a token in the list of offered subprotocols.
const TOKEN_PREFIX: &str = "base64url.bearer.phx.";
/// The standard alphabet in spite of the prefix's name, padded or not: what the official client sends.
const TOKEN_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a door reads from the query; any other parameter is the client's own.
#[derive(Deserialize)]
pub struct Parameters {
    token: Option<String>,
    vsn: Option<String>,
}

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

fn token_in_subprotocol(headers: &HeaderMap) -> Option<String> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let encoded =
        offered.flat_map(|value| value.split(',')).find_map(|one| one.trim().strip_prefix(TOKEN_PREFIX))?;
    String::from_utf8(TOKEN_ENCODING.decode(encoded).ok()?).ok()
}

fn open(state: State, address: Address, upgrade: WebSocketUpgrade, pass: Pass, door: Door) -> Response {
    let Some(connected) = state.rates.connect(address) else {
        return Refusal::from(Problem::RateLimited)
            .saying("Too many connections from this address")
            .into_response();
    };
    let tracked = state.connections.token();
    socket::limited(upgrade).protocols([SUBPROTOCOL]).on_upgrade(move |websocket| async move {
        let (role, labels) = (pass.role, door.label());
        let (began, opened) = (state.clock.instant(), state.metrics.open(labels.clone()));
        // Boxed, or the task has room for the connection once for each function that it is passed through.
        let parting = Box::pin(Connection::new(state.clone(), pass, websocket).run(door)).await;
        drop(opened);
        over(&state, &labels, role, parting, began);
        drop((tracked, connected));
    })
}

/// Counts a connection that is over, and writes its line in the log.
fn over(state: &State, labels: &labels::Door, role: Role, parting: Parting, began: Instant) {
    let (reason, code) = (parting.name(), parting.close_code().unwrap_or(0));
    state.metrics.connections_closed.get_or_create(&labels::Closed { reason, code }).inc();
    let seconds = state.clock.instant().saturating_duration_since(began).as_secs_f64();
    let labels::Door { door, version } = labels;
    tracing::info!(door, version, ?role, reason, code, seconds, "connection over");
}
