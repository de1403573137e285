//! `/api/sessions/{id}/watch` and `…/watchers`: watch a session, revoke watching.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as With;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use tagalong_core::claims::{Claims, Role};
use tagalong_core::problem::Problem;
use tagalong_core::session::Rejection;
use utoipa::ToSchema;

use super::api_error::{ApiError, Done};
use super::bearer::Bearer;
use super::openapi::{ANY_SESSION, ANY_TOKEN, refusals};
use super::participants::websocket_url;
use super::path::InPath;
use super::sessions::{session_id, token};
use super::state::Api;
use crate::sessions::SessionError;

/// A watcher, who only receives.
#[derive(Serialize, ToSchema)]
pub(super) struct Watching {
    #[schema(example = "eyJ0eXAi…")]
    websocket_token: String,
    #[schema(example = "ws://localhost:4000/socket/websocket")]
    websocket_url: String,
}

refusals!(NotWatching: ANY_SESSION, [Problem::SessionFull, Problem::SessionLocked]);

/// Watch a session without taking part.
#[utoipa::path(
    post,
    path = "/api/sessions/{id}/watch",
    operation_id = "watchSession",
    tag = "people",
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 201, body = Watching, description = "May watch"), NotWatching)
)]
pub(super) async fn watch(
    With(api): With<Arc<Api>>,
    InPath(id): InPath<String>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Watching>), ApiError> {
    let id = session_id(&id)?;
    let (session, user) = api.sessions.watch(id).await.map_err(|error| match error {
        SessionError::Rejected(Rejection::Full) => ApiError::from(Problem::SessionFull)
            .saying(format!("Session is full (maximum {} watchers)", api.config.max_watchers)),
        error => error.into(),
    })?;
    let claims = Claims { session: id, user, role: Role::Watcher { generation: session.watch_generation } };
    let watching = Watching {
        websocket_token: token(&api, &claims, session.expires_at)?,
        websocket_url: websocket_url(&api, &headers),
    };
    Ok((StatusCode::CREATED, Json(watching)))
}

refusals!(NotRevoked: ANY_TOKEN, ANY_SESSION);

/// Revoke watching: disconnect all watchers. With the join link they can ask for a new token, unless the session is
/// locked.
#[utoipa::path(
    delete,
    path = "/api/sessions/{id}/watchers",
    operation_id = "removeWatchers",
    tag = "people",
    params(("id" = String, Path, description = "The session's id")),
    security(("creator" = [])),
    responses((status = 200, body = Done, description = "All watchers' tokens so far are revoked"), NotRevoked)
)]
pub(super) async fn remove(
    With(api): With<Arc<Api>>,
    InPath(id): InPath<String>,
    bearer: Bearer,
) -> Result<Json<Done>, ApiError> {
    let id = session_id(&id)?;
    bearer.creator(&api, id)?;
    api.sessions.revoke_watching(id).await?;
    Ok(Json(Done::new()))
}
