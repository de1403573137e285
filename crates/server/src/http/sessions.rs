//! `/api/sessions`: create, show, change and end a session.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State as With};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tagalong_core::claims::{Claims, Role};
use tagalong_core::id::SessionId;
use tagalong_core::limits::{LOCATION_TTL_MAX, LOCATION_TTL_MIN};
use tagalong_core::problem::Problem;
use tagalong_core::session::{Closed, Rejection, SessionName};
use tagalong_core::time::Timestamp;
use tagalong_store::{NewEnd, SessionChange, SessionRecord};
use utoipa::ToSchema;

use super::api_error::{ApiError, Done};
use super::bearer::{Bearer, is_in};
use super::body::{BoundedBody, Field, Invalid, WholeNumber};
use super::openapi::{ANY_BODY, ANY_SESSION, ANY_TOKEN, refusals};
use super::origin::base_url;
use super::path::InPath;
use super::state::Api;
use crate::sessions::SessionError;

const INVALID: &str = "Invalid session parameters";

/// A request to create a session.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"name": "Walk", "expires_in_minutes": 120}))]
struct NewSession {
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 255)]
    name: Field<Option<SessionName>>,
    /// From 1 up to the longest session, also as a string; by default the longest.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1)]
    expires_in_minutes: Field<WholeNumber>,
    /// How long a position is shown after it was taken, in seconds; by default the server's setting, 30.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 30, maximum = 900)]
    location_ttl_seconds: Field<WholeNumber>,
}

/// A new session.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedSession {
    #[schema(value_type = String, format = "uuid", example = "7df233e5-e71b-4e86-915d-5ac8e5216298")]
    session_id: SessionId,
    /// The join link.
    #[schema(example = "http://localhost:4000/join/7df233e5-e71b-4e86-915d-5ac8e5216298")]
    join_link: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<String>, required, example = "Walk")]
    name: Option<SessionName>,
    /// How long a position is shown.
    #[schema(example = 30)]
    location_ttl_seconds: u64,
    /// Changes and ends the session, removes people; opens no WebSocket.
    #[schema(example = "eyJ0eXAi…")]
    creator_token: String,
}

refusals!(NotCreated: ANY_BODY);

/// Start a session.
#[utoipa::path(
    post,
    path = "/api/sessions",
    operation_id = "createSession",
    tag = "sessions",
    request_body = Option<NewSession>,
    responses((status = 201, body = CreatedSession, description = "Made"), NotCreated)
)]
pub(super) async fn create(
    With(api): With<Arc<Api>>,
    headers: HeaderMap,
    body: BoundedBody,
) -> Result<(StatusCode, Json<CreatedSession>), ApiError> {
    let (new, mut invalid) = body.read::<NewSession>(INVALID)?;
    let longest = api.config.max_session;
    let name = invalid.take("name", new.name).flatten();
    let length = length(&mut invalid, new.expires_in_minutes, longest).unwrap_or(longest);
    let location_ttl = location_ttl(&mut invalid, new.location_ttl_seconds);
    invalid.check()?;
    let location_ttl = location_ttl.unwrap_or(api.config.location_ttl);
    let session = api.sessions.create(name, length, location_ttl).await?;
    let claims = Claims { session: session.id, user: session.creator_id, role: Role::Creator };
    let created = CreatedSession {
        session_id: session.id,
        join_link: format!("{}/join/{}", base_url(&api.config, &headers), session.id),
        expires_at: session.expires_at,
        name: session.name,
        location_ttl_seconds: session.location_ttl.as_secs(),
        creator_token: token(&api, &claims, session.expires_at)?,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// The present state of a session.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    #[schema(value_type = String, format = "uuid", example = "7df233e5-e71b-4e86-915d-5ac8e5216298")]
    id: SessionId,
    /// Also `null` if the session is locked and the client is not in it.
    #[schema(value_type = Option<String>, required, example = "Walk")]
    name: Option<SessionName>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// 0 if the session is locked and the client is not in it.
    participant_count: u32,
    /// The number of watchers on all connected nodes; only for clients in the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    watcher_count: Option<u32>,
    /// Always true: a session that has ended is answered with an error.
    is_active: bool,
    /// Whether the session is locked against new participants and watchers.
    locked: bool,
    /// How long a position is shown.
    #[schema(example = 30)]
    location_ttl_seconds: u64,
    #[schema(example = 50)]
    max_participants: usize,
    /// The server's clock.
    #[schema(value_type = String, format = DateTime)]
    server_time: Timestamp,
}

impl Session {
    /// The view of a client in the session.
    fn inside(api: &Api, session: SessionRecord) -> Self {
        let watcher_count = Some(api.hub.watcher_count(session.id));
        Self { watcher_count, ..Self::shown(api, session) }
    }

    /// The view of a client with only the link. A locked session shows only that it is locked.
    fn outside(api: &Api, session: SessionRecord) -> Self {
        let session = if session.locked {
            SessionRecord { name: None, participant_count: 0, ..session }
        } else {
            session
        };
        Self::shown(api, session)
    }

    fn shown(api: &Api, session: SessionRecord) -> Self {
        Self {
            id: session.id,
            name: session.name,
            created_at: session.created_at,
            expires_at: session.expires_at,
            participant_count: session.participant_count,
            watcher_count: None,
            is_active: true,
            locked: session.locked,
            location_ttl_seconds: session.location_ttl.as_secs(),
            max_participants: api.config.max_participants,
            server_time: api.clock.now(),
        }
    }
}

refusals!(NotShown: ANY_SESSION);

/// Show a session.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}",
    operation_id = "getSession",
    tag = "sessions",
    params(("id" = String, Path, description = "The session's id")),
    security((), ("participant" = []), ("watcher" = []), ("creator" = [])),
    responses((status = 200, body = Session, description = "The session"), NotShown)
)]
pub(super) async fn show(
    With(api): With<Arc<Api>>,
    InPath(id): InPath<String>,
    claims: Option<Extension<Claims>>,
) -> Result<Json<Session>, ApiError> {
    let id = session_id(&id)?;
    let Some(Extension(claims)) = claims else {
        return Ok(Json(Session::outside(&api, api.sessions.get(id).await?)));
    };
    let (session, people) = api.sessions.participants(id).await?;
    let shown = if is_in(&claims, &session, &people) { Session::inside } else { Session::outside };
    Ok(Json(shown(&api, session)))
}

/// Changes; fields that are left out stay the same.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"expires_in_minutes": 240, "locked": true}))]
struct SessionUpdate {
    /// A new name; `null` or blank for none.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 255)]
    name: Field<Option<SessionName>>,
    /// A new end, counted from now, but never later than the longest session allows from the start: the answer has the
    /// resulting end.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1)]
    expires_in_minutes: Field<WholeNumber>,
    /// `true` stops new joins and disconnects watchers; participants stay.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    locked: Field<bool>,
}

refusals!(NotUpdated: ANY_BODY, ANY_TOKEN, ANY_SESSION);

/// Change a session: its name, its end, or whether it is locked.
#[utoipa::path(
    patch,
    path = "/api/sessions/{id}",
    operation_id = "updateSession",
    tag = "sessions",
    params(("id" = String, Path, description = "The session's id")),
    request_body = Option<SessionUpdate>,
    security(("creator" = [])),
    responses((status = 200, body = Session, description = "The changed session"), NotUpdated)
)]
pub(super) async fn update(
    With(api): With<Arc<Api>>,
    InPath(id): InPath<String>,
    bearer: Bearer,
    body: BoundedBody,
) -> Result<Json<Session>, ApiError> {
    let id = session_id(&id)?;
    bearer.creator(&api, id)?;
    let (change, mut invalid) = body.read::<SessionUpdate>(INVALID)?;
    let name = match change.name {
        Field::Missing => None,
        sent => Some(invalid.take("name", sent).flatten()),
    };
    let longest = api.config.max_session;
    let length = length(&mut invalid, change.expires_in_minutes, longest);
    let locked = invalid.take("locked", change.locked);
    invalid.check()?;
    let expires_at = length.map(|length| NewEnd { at: api.clock.now().plus(length), longest });
    let session = api.sessions.update(id, SessionChange { name, expires_at, locked }).await?;
    Ok(Json(Session::inside(&api, session)))
}

refusals!(NotEnded: ANY_TOKEN, ANY_SESSION);

/// End a session for everyone.
#[utoipa::path(
    delete,
    path = "/api/sessions/{id}",
    operation_id = "endSession",
    tag = "sessions",
    params(("id" = String, Path, description = "The session's id")),
    security(("creator" = [])),
    responses((status = 200, body = Done, description = "Ended for everyone"), NotEnded)
)]
pub(super) async fn end(
    With(api): With<Arc<Api>>,
    InPath(id): InPath<String>,
    bearer: Bearer,
) -> Result<Json<Done>, ApiError> {
    let id = session_id(&id)?;
    bearer.creator(&api, id)?;
    api.sessions.end(id).await.map_err(|error| match error {
        SessionError::Rejected(Rejection::Closed(Closed::Ended)) => {
            ApiError::from(Problem::SessionEnded).saying("Session already ended")
        }
        error => error.into(),
    })?;
    Ok(Json(Done::new()))
}

fn length(invalid: &mut Invalid, minutes: Field<WholeNumber>, longest: Duration) -> Option<Duration> {
    let minutes = whole_number(invalid, "expires_in_minutes", minutes, 1..=longest.as_secs() / 60)?;
    Some(Duration::from_secs(minutes * 60))
}

fn location_ttl(invalid: &mut Invalid, seconds: Field<WholeNumber>) -> Option<Duration> {
    let allowed = LOCATION_TTL_MIN.as_secs()..=LOCATION_TTL_MAX.as_secs();
    whole_number(invalid, "location_ttl_seconds", seconds, allowed).map(Duration::from_secs)
}

fn whole_number(
    invalid: &mut Invalid,
    name: &'static str,
    field: Field<WholeNumber>,
    allowed: RangeInclusive<u64>,
) -> Option<u64> {
    let number = invalid.take(name, field)?.0.filter(|number| allowed.contains(number));
    if number.is_none() {
        invalid.note(name, format!("must be a whole number, {} to {}", allowed.start(), allowed.end()));
    }
    number
}

/// The session in a path; an invalid id is answered like an unknown one.
pub(super) fn session_id(text: &str) -> Result<SessionId, ApiError> {
    SessionId::parse(text).map_err(|_| Problem::SessionNotFound.into())
}

/// A token with these claims.
pub(super) fn token(api: &Api, claims: &Claims, ends_at: Timestamp) -> Result<String, ApiError> {
    api.tokens.issue(claims, api.clock.now(), ends_at).map_err(|_| Problem::Internal.into())
}
