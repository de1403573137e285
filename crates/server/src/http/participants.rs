//! `/api/sessions/{id}/…`: join, watch, list, leave.

use axum::Json;
use axum::extract::{Path, State as With};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tagalong_core::id::UserId;
use tagalong_core::participant::{AvatarColor, DisplayName};
use tagalong_core::problem::Problem;

use super::answer::Refusal;
use super::base_url;
use super::body::{BoundedBody, Fields};
use super::sessions::{authenticate, only, session_id, token};
use crate::state::State;
use crate::store::StoreError;
use crate::tokens::{Pass, Role};

const INVALID: &str = "Invalid participant parameters";

pub(super) async fn join(
    With(state): With<State>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: BoundedBody,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let id = session_id(&id)?;
    let mut fields = Fields::read(&body, INVALID)?;
    let name = fields.text("display_name").unwrap_or_default();
    let name = if fields.check().is_ok() {
        let parsed = DisplayName::parse(&name);
        fields.parsed("display_name", parsed)
    } else {
        None
    };
    let color = fields.text("avatar_color");
    let color = color.and_then(|color| fields.parsed("avatar_color", AvatarColor::parse(&color)));
    let invalid = fields.check();
    let Some(name) = name.filter(|_| invalid.is_ok()) else {
        // A session that is over is over, whatever else was wrong.
        state.sessions.get(id).await?;
        return Err(invalid.err().unwrap_or_else(|| Problem::InvalidParameters.into()));
    };
    let joined = state.sessions.join(id, name, color).await;
    let (session, profile) = joined.map_err(|error| full(&state, error))?;
    let user_id = profile.user_id;
    let pass = Pass { session: id, user: user_id.clone(), role: Role::Participant };
    let token = token(&state, &pass, session.expires_at)?;
    let answer = json!({
        "user_id": user_id,
        "websocket_token": token,
        "websocket_url": websocket_url(&state, &headers),
        "display_name": profile.display_name,
        "avatar_color": profile.avatar_color,
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn watch(
    With(state): With<State>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let id = session_id(&id)?;
    let (session, user) = state.sessions.watch(id).await.map_err(|error| match error {
        StoreError::Full => Refusal::from(Problem::SessionFull)
            .saying(format!("Session is full (maximum {} watchers)", state.config.max_watchers)),
        error => error.into(),
    })?;
    let token = token(&state, &Pass { session: id, user, role: Role::Watcher }, session.expires_at)?;
    let answer = json!({"websocket_token": token, "websocket_url": websocket_url(&state, &headers)});
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn list(With(state): With<State>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let participants = state.sessions.participants(session_id(&id)?).await?;
    let shown = participants.iter().map(|participant| {
        json!({
            "user_id": participant.profile.user_id,
            "display_name": participant.profile.display_name,
            "avatar_color": participant.profile.avatar_color,
            "last_seen": participant.last_seen,
            "is_active": true,
        })
    });
    Ok(Json(json!({"participants": shown.collect::<Vec<_>>()})))
}

pub(super) async fn leave(
    With(state): With<State>,
    Path((id, user)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let pass = authenticate(&state, &headers)?;
    let id = session_id(&id)?;
    let user = UserId::parse(&user).map_err(|_| Refusal::from(Problem::ParticipantNotFound));
    let own = pass.role == Role::Participant && user.as_ref().is_ok_and(|user| *user == pass.user);
    only(pass.session == id && (own || pass.role == Role::Creator))?;
    state.sessions.leave(id, user?).await?;
    Ok(Json(json!({"success": true})))
}

fn full(state: &State, error: StoreError) -> Refusal {
    match error {
        StoreError::Full => Refusal::from(Problem::SessionFull)
            .saying(format!("Session is full (maximum {} participants)", state.config.max_participants)),
        error => error.into(),
    }
}

fn websocket_url(state: &State, headers: &HeaderMap) -> String {
    // http becomes ws, https becomes wss.
    format!("{}/socket/websocket", base_url(&state.config, headers).replacen("http", "ws", 1))
}
