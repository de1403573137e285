//! `/api/sessions`: make, show, change and end a session.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State as With};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tagalong_core::id::SessionId;
use tagalong_core::problem::Problem;
use tagalong_core::session::SessionName;

use super::answer::Refusal;
use super::base_url;
use super::body::{BoundedBody, Fields};
use crate::state::State;
use crate::store::{SessionChange, SessionRecord, StoreError};
use crate::tokens::{Pass, Role};

const INVALID: &str = "Invalid session parameters";

pub(super) async fn create(
    With(state): With<State>,
    headers: HeaderMap,
    body: BoundedBody,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let mut fields = Fields::read(&body, INVALID)?;
    let name = name(&mut fields);
    let length = length(&mut fields, state.config.max_session).unwrap_or(state.config.max_session);
    fields.check()?;
    let session = state.sessions.create(name, length).await?;
    let pass = Pass { session: session.id, user: session.creator_id, role: Role::Creator };
    let token = token(&state, &pass, session.expires_at)?;
    let link = format!("{}/join/{}", base_url(&state.config, &headers), session.id);
    let answer = json!({
        "session_id": session.id,
        "join_link": link,
        "expires_at": session.expires_at,
        "name": session.name,
        "creator_token": token,
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn show(With(state): With<State>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let session = state.sessions.get(session_id(&id)?).await?;
    Ok(Json(shown(&state, &session)))
}

pub(super) async fn update(
    With(state): With<State>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: BoundedBody,
) -> Result<Json<Value>, Refusal> {
    let pass = authenticate(&state, &headers)?;
    let id = session_id(&id)?;
    only(pass.session == id && pass.role == Role::Creator)?;
    let mut fields = Fields::read(&body, INVALID)?;
    let name = fields.has("name").then(|| self::name(&mut fields));
    let length = length(&mut fields, state.config.max_session);
    let locked = match fields.sent("locked") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(locked)) => Some(locked),
        Some(_) => {
            fields.wrong("locked", "must be true or false");
            None
        }
    };
    fields.check()?;
    let expires_at = length.map(|length| state.clock.now().plus(length));
    let session = state.sessions.update(id, SessionChange { name, expires_at, locked }).await?;
    Ok(Json(shown(&state, &session)))
}

pub(super) async fn end(
    With(state): With<State>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let pass = authenticate(&state, &headers)?;
    let id = session_id(&id)?;
    only(pass.session == id && pass.role == Role::Creator)?;
    state.sessions.end(id).await.map_err(|error| match error {
        StoreError::Closed(tagalong_core::session::Closed::Ended) => {
            Refusal::from(Problem::SessionEnded).saying("Session already ended")
        }
        error => error.into(),
    })?;
    Ok(Json(json!({"success": true})))
}

fn shown(state: &State, session: &SessionRecord) -> Value {
    json!({
        "id": session.id,
        "name": session.name,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "participant_count": session.participant_count,
        "is_active": true,
        "locked": session.locked,
        "max_participants": state.config.max_participants,
        "server_time": state.clock.now(),
    })
}

fn name(fields: &mut Fields) -> Option<SessionName> {
    let text = fields.text("name")?;
    fields.parsed("name", SessionName::parse(&text)).flatten()
}

/// A whole number of minutes, also written as text.
fn length(fields: &mut Fields, longest: Duration) -> Option<Duration> {
    let sent = fields.sent("expires_in_minutes").filter(|sent| !sent.is_null())?;
    let most = longest.as_secs() / 60;
    let minutes = match &sent {
        Value::String(text) => text.trim().parse::<u64>().ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole and small"
        )]
        Value::Number(number) => {
            number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..1e9).contains(n)).map(|n| n as u64)
        }
        _ => None,
    };
    match minutes {
        Some(minutes) if (1..=most).contains(&minutes) => Some(Duration::from_secs(minutes * 60)),
        _ => {
            fields.wrong("expires_in_minutes", format!("must be a whole number, 1 to {most}"));
            None
        }
    }
}

/// The session that a path names; one that cannot exist is not told from one that does not.
pub(super) fn session_id(text: &str) -> Result<SessionId, Refusal> {
    SessionId::parse(text).map_err(|_| Problem::SessionNotFound.into())
}

/// The pass of the bearer token that came along.
pub(super) fn authenticate(state: &State, headers: &HeaderMap) -> Result<Pass, Refusal> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let pass = token.and_then(|token| state.tokens.verify(token).ok());
    pass.ok_or_else(|| Problem::Unauthenticated.into())
}

/// Goes on only if the token allows it.
pub(super) fn only(allowed: bool) -> Result<(), Refusal> {
    if allowed { Ok(()) } else { Err(Problem::Forbidden.into()) }
}

/// A token for a pass.
pub(super) fn token(
    state: &State,
    pass: &Pass,
    ends_at: tagalong_core::time::Timestamp,
) -> Result<String, Refusal> {
    state.tokens.issue(pass, state.clock.now(), ends_at).map_err(|_| Problem::Internal.into())
}
