//! `/api/sessions/{id}/…`: join, list, leave.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State as With};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tagalong_core::claims::{Claims, Role};
use tagalong_core::id::UserId;
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::problem::Problem;
use tagalong_core::session::Rejection;
use tagalong_core::time::Timestamp;
use tagalong_store::{Departure, ParticipantRecord};
use utoipa::ToSchema;

use super::api_error::{ApiError, Done};
use super::bearer::{Bearer, is_in};
use super::body::{BoundedBody, Field};
use super::openapi::{ANY_BODY, ANY_SESSION, ANY_TOKEN, refusals};
use super::origin::base_url;
use super::path::InPath;
use super::sessions::{session_id, token};
use super::state::Api;
use crate::sessions::SessionError;

const INVALID: &str = "Invalid participant parameters";

/// A request to join.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"display_name": "Ada"}))]
struct NewParticipant {
    /// Trimmed; unique among the session's active participants.
    #[serde(default)]
    #[schema(value_type = String, required, min_length = 1, max_length = 100)]
    display_name: Field<DisplayName>,
    /// By default one that the session does not use yet.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^#[0-9A-Fa-f]{6}$")]
    avatar_color: Field<AvatarColor>,
}

/// The result of a join.
#[derive(Serialize, ToSchema)]
pub(super) struct Joined {
    #[schema(value_type = String, example = "user_ccbb54a3b35aebb7079e09532df9060f")]
    user_id: UserId,
    /// Opens both WebSocket protocols, and lets its owner leave.
    #[schema(example = "eyJ0eXAi…")]
    websocket_token: String,
    #[schema(example = "ws://localhost:4000/socket/websocket")]
    websocket_url: String,
    #[schema(value_type = String, example = "Ada")]
    display_name: DisplayName,
    #[schema(value_type = String, example = "#FF5733")]
    avatar_color: AvatarColor,
}

refusals!(NotJoined:
    ANY_BODY, ANY_SESSION, [Problem::DisplayNameTaken, Problem::SessionFull, Problem::SessionLocked]);

/// Join a session.
#[utoipa::path(
    post,
    path = "/api/sessions/{id}/join",
    operation_id = "joinSession",
    tag = "people",
    params(("id" = String, Path, description = "The session's id")),
    request_body = NewParticipant,
    responses((status = 201, body = Joined, description = "In"), NotJoined)
)]
pub(super) async fn join(
    With(api): With<Arc<Api>>,
    InPath(id): InPath<String>,
    headers: HeaderMap,
    body: BoundedBody,
) -> Result<(StatusCode, Json<Joined>), ApiError> {
    let id = session_id(&id)?;
    let (new, mut invalid) = body.read::<NewParticipant>(INVALID)?;
    let name = invalid.take("display_name", new.display_name.or_empty_text());
    let color = invalid.take("avatar_color", new.avatar_color);
    let invalid = invalid.check();
    let Some(name) = name.filter(|_| invalid.is_ok()) else {
        // The end of the session takes precedence over invalid fields.
        api.sessions.get(id).await?;
        return Err(invalid.err().unwrap_or_else(|| Problem::InvalidParameters.into()));
    };
    let joined = api.sessions.join(id, name, color).await;
    let (session, profile) = joined.map_err(|error| full(&api, error))?;
    let Profile { user_id, display_name, avatar_color } = profile;
    let claims = Claims { session: id, user: user_id.clone(), role: Role::Participant };
    let joined = Joined {
        user_id,
        websocket_token: token(&api, &claims, session.expires_at)?,
        websocket_url: websocket_url(&api, &headers),
        display_name,
        avatar_color,
    };
    Ok((StatusCode::CREATED, Json(joined)))
}

/// The active participants.
#[derive(Serialize, ToSchema)]
pub(super) struct Participants {
    participants: Vec<Participant>,
}

/// An active participant.
#[derive(Serialize, ToSchema)]
struct Participant {
    #[schema(value_type = String, example = "user_ccbb54a3b35aebb7079e09532df9060f")]
    user_id: UserId,
    #[schema(value_type = String, example = "Ada")]
    display_name: DisplayName,
    #[schema(value_type = String, example = "#FF5733")]
    avatar_color: AvatarColor,
    /// Written in batches, so it may be some seconds old.
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
    /// Always true: inactive participants are left out.
    is_active: bool,
}

impl From<ParticipantRecord> for Participant {
    fn from(ParticipantRecord { profile, last_seen }: ParticipantRecord) -> Self {
        let Profile { user_id, display_name, avatar_color } = profile;
        Self { user_id, display_name, avatar_color, last_seen, is_active: true }
    }
}

refusals!(NotListed: ANY_SESSION, [Problem::SessionLocked]);

/// List the participants. The list of a locked session is for its participants, watchers and creator only.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/participants",
    operation_id = "listParticipants",
    tag = "people",
    params(("id" = String, Path, description = "The session's id")),
    security((), ("participant" = []), ("watcher" = []), ("creator" = [])),
    responses((status = 200, body = Participants, description = "In order of joining"), NotListed)
)]
pub(super) async fn list(
    With(api): With<Arc<Api>>,
    InPath(id): InPath<String>,
    claims: Option<Extension<Claims>>,
) -> Result<Json<Participants>, ApiError> {
    let (session, participants) = api.sessions.participants(session_id(&id)?).await?;
    if session.locked && !claims.is_some_and(|Extension(claims)| is_in(&claims, &session, &participants)) {
        return Err(ApiError::from(Problem::SessionLocked)
            .saying("Session is locked: the list needs a token of this session"));
    }
    Ok(Json(Participants { participants: participants.into_iter().map(Participant::from).collect() }))
}

refusals!(NotLeft:
    ANY_TOKEN, ANY_SESSION, [Problem::ParticipantNotFound, Problem::ParticipantLeft]);

/// Leave, or remove a participant.
#[utoipa::path(
    delete,
    path = "/api/sessions/{id}/participants/{user_id}",
    operation_id = "removeParticipant",
    tag = "people",
    params(
        ("id" = String, Path, description = "The session's id"),
        ("user_id" = String, Path, description = "The participant")
    ),
    security(("participant" = []), ("creator" = [])),
    responses((status = 200, body = Done, description = "The participant has left"), NotLeft)
)]
pub(super) async fn leave(
    With(api): With<Arc<Api>>,
    InPath((id, user)): InPath<(String, String)>,
    bearer: Bearer,
) -> Result<Json<Done>, ApiError> {
    let id = session_id(&id)?;
    let user = UserId::parse(&user).map_err(|_| ApiError::from(Problem::ParticipantNotFound));
    let role = bearer.participant_or_creator(&api, id, user.as_ref().ok())?;
    let how = if role == Role::Participant { Departure::Left } else { Departure::Removed };
    api.sessions.leave(id, user?, how).await?;
    Ok(Json(Done::new()))
}

fn full(api: &Api, error: SessionError) -> ApiError {
    match error {
        SessionError::Rejected(Rejection::Full) => ApiError::from(Problem::SessionFull)
            .saying(format!("Session is full (maximum {} participants)", api.config.max_participants)),
        error => error.into(),
    }
}

/// The address of the WebSocket.
pub(super) fn websocket_url(api: &Api, headers: &HeaderMap) -> String {
    // http becomes ws, https becomes wss.
    format!("{}/socket/websocket", base_url(&api.config, headers).replacen("http", "ws", 1))
}
