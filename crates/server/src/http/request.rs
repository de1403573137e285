//! The outermost layer of every request: its id, its log line, the body of its error.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State as With};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tagalong_platform::entropy::Entropy;
use tagalong_platform::metrics::labels::{Answered, Route};
use tagalong_platform::overview::Failure;
use tagalong_platform::traces::{Span, SpanKind};
use tagalong_platform::warnings::Kind;
use tracing::Instrument;

use super::address::{self, Peer};
use super::api_error::{ApiError, Cause};
use super::state::Api;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_BYTES_MAX: usize = 64;
const LONGPOLL: &str = "/socket/longpoll";

/// Gives the request an id, runs it, and logs it.
///
/// The line has the route, never the address: a session's id is enough to join it, and a query may hold a token.
pub(super) async fn observe(With(api): With<Arc<Api>>, request: Request, next: Next) -> Response {
    let id = request_id(&request, &api.entropy);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let span = tracing::error_span!("request", request_id = %id);
    let traced = trace(&api, &request, &route, &id);
    let began = api.clock.instant();

    let mut response = traced.around(next.run(request).instrument(span.clone())).await;

    let refusal = response.extensions_mut().remove::<ApiError>();
    if let Some(refusal) = &refusal {
        if refusal.cause().is_some() {
            let (what, why) = (template(&route).into(), refusal.problem().code().to_owned());
            api.overview.note(Failure { at: api.clock.now(), request_id: Some(id.clone()), what, why });
        }
        *response.body_mut() = Body::from(refusal.body(&id));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let took = api.clock.instant().duration_since(began);
    let status = response.status().as_u16();
    count(&api, &method, &route, status, took);
    traced.set("http.response.status_code", i64::from(status));
    if response.status().is_server_error() {
        traced.fail(refusal.as_ref().map_or("other", |refusal| refusal.problem().code()));
    }
    drop(traced);
    let _entered = span.enter();
    let method = known_method(&method);
    let millis = took.as_secs_f64() * 1e3;
    if route == LONGPOLL {
        // Polls come without end, so only the end of a session is logged.
        tracing::debug!(method, route, status, millis, "answered");
        return response;
    }
    if let Some((code, cause, left_out)) = refusal.as_ref().and_then(|refusal| worth_a_cause(&api, refusal)) {
        tracing::error!(method, route, status, millis, code, cause, left_out, "failed");
    } else if !costs_nothing(&route, status) {
        tracing::info!(method, route, status, millis, "answered");
    } else if let Some(left_out) = api.warnings.due(Kind::Refused) {
        tracing::info!(method, route, status, millis, left_out, "refused");
    }
    response
}

/// Begins a span for REST and for the WebSocket protocols. Not for health, the page and polls, which are too many, and
/// not for reports of tracker apps, which are positions.
///
/// A `traceparent` decides whether a request is recorded, and under which trace. So it is read from trusted proxies
/// only.
fn trace(api: &Api, request: &Request, route: &str, id: &str) -> Span {
    const TRACED: [&str; 3] = ["/api/", "/socket/websocket", "/ws"];
    if !api.traces.are_on() || !TRACED.iter().any(|traced| route.starts_with(traced)) {
        return Span::default();
    }
    let peer = request.extensions().get::<Peer>();
    let trusted = peer.is_some_and(|peer| address::is_trusted(peer.0.ip(), &api.config.trusted_proxies));
    let parent = request.headers().get("traceparent").filter(|_| trusted);
    // Names of the semantic conventions for HTTP servers.
    let (name, method) = match known_method(request.method()) {
        "other" => ("HTTP", "_OTHER"),
        known => (known, known),
    };
    let parent = parent.and_then(|parent| parent.to_str().ok());
    let span = api.traces.begin(SpanKind::Server, || format!("{name} {route}"), parent);
    span.set("http.request.method", method);
    span.set("http.route", route.to_owned());
    span.set("url.scheme", if api.config.is_https() { "https" } else { "http" });
    span.set("tagalong.request_id", id.to_owned());
    span
}

/// Whether clients can send such requests at the full speed of their line, so that one log line each would fill the
/// disk: rate limited, forbidden (pages of other sites), or without a route. Metrics count them all.
fn costs_nothing(route: &str, status: u16) -> bool {
    matches!(status, 403 | 405 | 429) || (route == "-" && (400..500).contains(&status))
}

/// The additional fields of a failed request's line: code, cause, and the number of causes suppressed before. An outage
/// of the database is not logged with each request.
fn worth_a_cause<'a>(api: &Api, refusal: &'a ApiError) -> Option<(&'static str, &'a str, u64)> {
    let cause = refusal.cause()?;
    let left_out = match cause {
        Cause::Database(_) => api.warnings.due(Kind::DatabaseAway)?,
        Cause::Other(_) => 0,
    };
    Some((refusal.problem().code(), cause.text(), left_out))
}

fn count(api: &Api, method: &Method, route: &str, status: u16, took: Duration) {
    let (method, route) = (known_method(method), template(route));
    let metrics = &api.metrics;
    metrics.http_requests.get_or_create(&Answered { method, route: route.clone(), status }).inc();
    metrics.http_request_duration.get_or_create(&Route { method, route }).observe(took.as_secs_f64());
}

/// Clients can invent methods, so all but these count as one.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [Method; 6] =
        [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS];
    const NAMES: [&str; 6] = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.iter().position(|known| known == method).map_or("other", |at| NAMES[at])
}

/// The route; all files of the web client count as one.
fn template(route: &str) -> Cow<'static, str> {
    const OURS: [&str; 7] = ["/api", "/health", "/socket/", "/ws", "/track/", "/metrics", "/dashboard"];
    match route {
        "-" => "other".into(),
        route if OURS.iter().any(|ours| route.starts_with(ours)) => route.to_owned().into(),
        _ => "page".into(),
    }
}

/// The id that came with the request, if it is valid; otherwise a new one.
fn request_id(request: &Request, entropy: &Entropy) -> String {
    let sane = |id: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(plain)
    };
    let sent = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(sane);
    let new = || format!("{:032x}", u128::from_be_bytes(entropy.bytes().unwrap_or_default()));
    sent.map_or_else(new, str::to_owned)
}
