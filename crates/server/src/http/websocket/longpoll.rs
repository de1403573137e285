//! `/socket/longpoll`: Phoenix Channels over requests, for networks that block WebSockets.
//!
//! Every answer is HTTP 200, as in Phoenix; the body has the status for the client. A poll without a session opens one,
//! with the status 410.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State as With};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tagalong_core::claims::Claims;
use tagalong_core::event::topic;
use tagalong_core::limits::{MESSAGE_BYTES_MAX, POLL_WINDOW, POST_LINES_MAX};
use tagalong_core::phoenix::{self, Version};
use tagalong_core::poll_token::PollToken;
use tagalong_platform::traces::{Span, SpanKind};
use tagalong_realtime::body_limit::BodySender;
use tagalong_realtime::rates::{Act, Address};
use tagalong_realtime::{Gone, Inbound, Live, Mailbox, PhoenixProtocol, PollAnswer, Protocol, Transport};

use super::admit;
use super::credentials::{Parameters, poll_token, token_in_header};
use crate::http::body::LargeBody;
use crate::http::origin::allowed_origin;
use crate::http::state::Api;

/// `/socket/longpoll`.
pub(crate) async fn longpoll(
    With(api): With<Arc<Api>>,
    With(live): With<Arc<Live>>,
    Extension(address): Extension<Address>,
    request: Request,
) -> Response {
    if !allowed_origin(&api.config, request.headers()) {
        return answer(StatusCode::FORBIDDEN);
    }
    let parameters = Parameters::of(request.uri());
    let token = poll_token(request.headers()).or(parameters.poll);
    match *request.method() {
        Method::GET => match live.poll_sessions.find(token) {
            Some((token, mailbox)) => {
                let poll = mailbox.poll();
                let answer = tokio::select! {
                    answer = poll.answer() => Some(answer),
                    () = live.clock.sleep(POLL_WINDOW) => None,
                };
                answer_poll(token, answer)
            }
            None => open(&api, live, address, request.headers(), parameters, token),
        },
        Method::POST => post(&api, &live, token, address, request).await,
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn answer_poll(token: PollToken, polled: Option<PollAnswer>) -> Response {
    match polled {
        Some(PollAnswer::Messages(messages)) => answer_with(StatusCode::OK, Some(token), &messages),
        Some(PollAnswer::Replaced) | None => answer_with(StatusCode::NO_CONTENT, Some(token), &[]),
        // Clients before 1.8 read 410 as a new session, and would not join again.
        Some(PollAnswer::Over) => answer(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Opens a session for a client with a valid token. `gone` is the expired session in its request.
fn open(
    api: &Api,
    live: Arc<Live>,
    address: Address,
    headers: &HeaderMap,
    parameters: Parameters,
    gone: Option<PollToken>,
) -> Response {
    let version = Version::negotiate(parameters.vsn.as_deref()).ok();
    let token = parameters.token.or_else(|| token_in_header(headers));
    let Some((version, claims)) = version.zip(admit(api, headers, token)) else {
        return match api.rates.spend(Act::Miss, address) {
            Ok(()) => answer(StatusCode::FORBIDDEN),
            Err(wait) => later(wait.as_secs() + 1),
        };
    };
    let Some(connected) = api.rates.connect(address) else { return later(1) };
    let Ok((token, poll)) = live.poll_sessions.open() else { return later(1) };
    let tracked = live.connections.token();
    let span = Span::child(SpanKind::Server, || "connection".to_owned());
    let mut transport = Transport::LongPoll(poll);
    if gone.is_some() {
        transport.feed(channel_failed(version, &claims));
    }
    tokio::spawn(async move {
        live.serve(claims, transport, Protocol::Phoenix(PhoenixProtocol::new(version)), &span).await;
        drop((span, tracked, connected));
    });
    answer_with(StatusCode::GONE, Some(token), &[])
}

/// Makes a client before 1.8 join again after its session expired; it would go on in the new session as if it had
/// joined. Since 1.8 clients join again by themselves, and never receive this.
fn channel_failed(version: Version, claims: &Claims) -> String {
    phoenix::error(version, "null", &tagalong_core::json::to_json(&topic(claims.session)))
}

/// Passes the messages of a request to its session.
async fn post(
    api: &Api,
    live: &Live,
    token: Option<PollToken>,
    address: Address,
    request: Request,
) -> Response {
    let Some((token, mailbox)) = live.poll_sessions.find(token) else { return answer(StatusCode::GONE) };
    let in_lines = request.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        kind.to_str().is_ok_and(|kind| kind.split(';').next().map(str::trim) == Some("application/x-ndjson"))
    });
    let sender = (BodySender::Poll(token.number()), address);
    let posted = deliver(api, live, &mailbox, sender, request, in_lines).await;
    answer(posted.err().unwrap_or(StatusCode::OK))
}

async fn deliver(
    api: &Api,
    live: &Live,
    mailbox: &Mailbox,
    (sender, address): (BodySender, Address),
    request: Request,
    in_lines: bool,
) -> Result<(), StatusCode> {
    let mut overdue = live.clock.sleep(POLL_WINDOW);
    let gone = |Gone| StatusCode::GONE;
    let _posting = tokio::select! {
        lock = mailbox.lock() => lock.map_err(gone)?,
        () = &mut overdue => return Err(StatusCode::REQUEST_TIMEOUT),
    };
    let body =
        LargeBody::read(request, (&api.bodies, &live.clock), &sender, address).await.map_err(|refusal| {
            StatusCode::from_u16(refusal.problem().status()).unwrap_or(StatusCode::BAD_REQUEST)
        })?;
    let LargeBody::Read(body, permit) = body else { return Err(StatusCode::PAYLOAD_TOO_LARGE) };
    mailbox.post(messages(&body, in_lines)?, permit).map_err(gone)?;
    tokio::select! {
        taken = mailbox.taken() => taken.map_err(gone),
        () = overdue => {
            mailbox.take_back();
            Err(StatusCode::REQUEST_TIMEOUT)
        }
    }
}

/// The messages of a body: one, or one on each line; binary frames in base64.
fn messages(body: &[u8], in_lines: bool) -> Result<VecDeque<Inbound>, StatusCode> {
    let body = std::str::from_utf8(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    if !in_lines {
        return Ok([message(body, true)?].into());
    }
    let lines: Vec<_> = body.lines().filter(|line| !line.is_empty()).take(POST_LINES_MAX + 1).collect();
    if lines.len() > POST_LINES_MAX {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    lines.into_iter().map(|line| message(line, line.starts_with(['[', '{']))).collect()
}

fn message(text: &str, is_text: bool) -> Result<Inbound, StatusCode> {
    if text.len() > MESSAGE_BYTES_MAX {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    if is_text {
        return Ok(Inbound::Text(text.to_owned()));
    }
    STANDARD.decode(text).map(Inbound::Binary).map_err(|_| StatusCode::BAD_REQUEST)
}

/// Asks the client to retry: clients retry after 500, and stop after an unknown status.
fn later(seconds: u64) -> Response {
    let mut response = answer(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn answer(status: StatusCode) -> Response {
    answer_with(status, None, &[])
}

/// The body of an answer. `messages` are JSON strings with commas between them.
fn answer_with(status: StatusCode, token: Option<PollToken>, messages: &[u8]) -> Response {
    let mut body = format!(r#"{{"status":{}"#, status.as_u16()).into_bytes();
    if let Some(token) = token {
        body.extend_from_slice(format!(r#","token":"{}","messages":["#, token.to_text()).as_bytes());
        body.extend_from_slice(messages);
        body.push(b']');
    }
    body.push(b'}');
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from(body)).into_response()
}
