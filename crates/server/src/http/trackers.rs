//! `/api/sessions/{id}/participants/{user_id}/trackers`: links for tracker apps, which share from a pocket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as With;
use axum::http::HeaderMap;
use serde::Serialize;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::problem::Problem;
use utoipa::ToSchema;

use super::api_error::{ApiError, Done};
use super::bearer::Bearer;
use super::openapi::{ANY_SESSION, ANY_TOKEN, refusals};
use super::origin::base_url;
use super::path::InPath;
use super::sessions::session_id;
use super::state::Api;
use crate::trackers::App;
use crate::trackers::outcome::Reported;
use crate::trackers::setup::{Setup, interval};

/// The tracker apps, with the setup of each for one participant.
#[derive(Serialize, ToSchema)]
pub(super) struct Trackers {
    trackers: Vec<Setup>,
    /// The interval at which the apps should send.
    #[schema(example = 10)]
    interval_seconds: u64,
    /// How long a position is shown in this session.
    #[schema(example = 30)]
    location_ttl_seconds: u64,
    /// The outcome of the last report to the node that answers; `null` if none came lately. Other nodes may have later
    /// ones.
    #[schema(required)]
    last_report: Option<Reported>,
}

refusals!(NoTrackers: ANY_TOKEN, ANY_SESSION, [Problem::ParticipantNotFound, Problem::ParticipantLeft]);

/// Show the setup of tracker apps.
#[utoipa::path(
    get,
    path = "/api/sessions/{id}/participants/{user_id}/trackers",
    operation_id = "getTrackers",
    tag = "people",
    params(
        ("id" = String, Path, description = "The session's id"),
        ("user_id" = String, Path, description = "The owner of the phone")
    ),
    security(("participant" = [])),
    responses((status = 200, body = Trackers, description = "The setup of each app"), NoTrackers)
)]
pub(super) async fn show(
    With(api): With<Arc<Api>>,
    InPath((id, user)): InPath<(String, String)>,
    bearer: Bearer,
    headers: HeaderMap,
) -> Result<Json<Trackers>, ApiError> {
    let (id, user) = own(&api, bearer, &id, &user)?;
    let (link, record) = api.sessions.tracker_link(id, user).await?;
    let secret = link.secret(&api.tokens).ok_or(Problem::ParticipantNotFound)?;
    let (_, participants) = api.sessions.participants(id).await?;
    let present: Vec<_> = participants.into_iter().map(|one| one.profile).collect();
    let location_ttl = record.location_ttl;
    let ids = api.sessions.tracker_ids(record, &present).await?;
    let tid = ids.of(link.user.as_str()).unwrap_or("me");
    let base = base_url(&api.config, &headers);
    let setup = |app| Setup::new(app, &base, &secret, tid, location_ttl);
    Ok(Json(Trackers {
        trackers: App::ALL.into_iter().map(setup).collect(),
        interval_seconds: interval(location_ttl).as_secs(),
        location_ttl_seconds: location_ttl.as_secs(),
        last_report: api.link_cache.last(&link).map(Reported::from),
    }))
}

/// Revoke the links of tracker apps.
#[utoipa::path(
    delete,
    path = "/api/sessions/{id}/participants/{user_id}/trackers",
    operation_id = "revokeTrackers",
    tag = "people",
    params(
        ("id" = String, Path, description = "The session's id"),
        ("user_id" = String, Path, description = "The owner of the phone")
    ),
    security(("participant" = [])),
    responses((status = 200, body = Done, description = "All tracker links so far are revoked"), NoTrackers)
)]
pub(super) async fn revoke(
    With(api): With<Arc<Api>>,
    InPath((id, user)): InPath<(String, String)>,
    bearer: Bearer,
) -> Result<Json<Done>, ApiError> {
    let (id, user) = own(&api, bearer, &id, &user)?;
    api.sessions.revoke_trackers(id, user).await?;
    Ok(Json(Done::new()))
}

/// Requires the participant's own token. Other clients may not see the links, not even the creator: with a link one can
/// send in the participant's name.
fn own(api: &Api, bearer: Bearer, id: &str, user: &str) -> Result<(SessionId, UserId), ApiError> {
    let id = session_id(id)?;
    Ok((id, bearer.participant(api, id, user)?))
}
