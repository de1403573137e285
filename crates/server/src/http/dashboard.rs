//! `/dashboard`: the operator's live view of the server. Counts only, never names or places.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, State as With};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use tagalong_core::id::SessionId;
use tagalong_core::problem::Problem;
use tagalong_core::room::{Stats, SubscriptionLoad};
use tagalong_core::time::Timestamp;
use tagalong_platform::overview::{Failure, Sample};
use utoipa::{OpenApi, ToSchema};

use super::admin::Admin;
use super::api_error::{ApiError, Done};
use super::health::{self, Checked};
use super::pages;
use super::state::{Operator, State};
use crate::config::InForce;
use crate::jobs::Report;

/// Rooms shown, the largest first.
const ROOMS_SHOWN: usize = 20;
/// A connection that takes nothing for this long is slow; paced ones wait for a tenth of a second.
const SLOW: Duration = Duration::from_secs(1);
/// Connections shown, the slowest first.
const CONNECTIONS_SHOWN: usize = 10;

/// The data of the page.
#[derive(Serialize, ToSchema)]
struct DashboardState {
    version: &'static str,
    now: Sample,
    hour: Vec<Sample>,
    health: Checked,
    rooms: Vec<RoomShown>,
    rooms_in_all: usize,
    connections: Vec<ConnectionShown>,
    jobs: Vec<Report>,
    failures: Vec<Failure>,
    settings: Vec<InForce>,
}

#[derive(Serialize, ToSchema)]
struct RoomShown {
    session: String,
    participants: usize,
    connections: usize,
    watchers: usize,
    /// Positions so far.
    positions: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct ConnectionShown {
    session: String,
    watcher: bool,
    queued: usize,
    owed: usize,
    behind_ms: u64,
    superseded: u32,
}

/// No public interface: from it the page's types are generated.
#[derive(OpenApi)]
#[openapi(info(title = "Tagalong's dashboard"), components(schemas(DashboardState)))]
struct DashboardSchema;

/// The schema of `/dashboard/state`, in OpenAPI.
pub fn dashboard_schema() -> utoipa::openapi::OpenApi {
    DashboardSchema::openapi()
}

/// Every client may load the page, which asks for the token, if the server has one.
struct MayKnow;

impl FromRequestParts<State> for MayKnow {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, state: &State) -> Result<Self, ApiError> {
        state.operator.admin_token.as_ref().map(|_| Self).ok_or_else(|| Problem::NotFound.into())
    }
}

/// The state and the actions of the page.
pub(super) fn router() -> Router<State> {
    Router::new().route("/dashboard/state", get(show)).route("/dashboard/sessions/{alias}/end", post(end))
}

/// The page.
pub(super) fn page_router() -> Router<State> {
    let page = pages::page(pages::DASHBOARD);
    Router::new()
        .route("/dashboard", get(async move |_: MayKnow, asked: HeaderMap| page(&asked, StatusCode::OK)))
}

async fn show(_: Admin, With(operator): With<Arc<Operator>>) -> Response {
    let health = health::check(&operator).await;
    let now = operator.sample().await;
    let (rooms, connections) = rooms(&operator);
    let shown = DashboardState {
        version: env!("CARGO_PKG_VERSION"),
        now,
        hour: operator.overview.samples(),
        health,
        rooms_in_all: now.rooms,
        rooms,
        connections,
        jobs: operator.jobs.reports(),
        failures: operator.overview.failures(),
        settings: operator.config.in_force.clone(),
    };
    Json(shown).into_response()
}

fn rooms(operator: &Operator) -> (Vec<RoomShown>, Vec<ConnectionShown>) {
    let mut rooms: Vec<(SessionId, Stats, Option<Timestamp>)> = Vec::new();
    let mut slow: Vec<(SessionId, SubscriptionLoad)> = Vec::new();
    let now = operator.clock.instant();
    operator.hub.visit(|room| {
        rooms.push((room.session(), room.stats(), room.ends_at()));
        let is_slow = |load: &SubscriptionLoad| load.behind >= SLOW || load.queued > 0 || load.superseded > 0;
        let behind = room.loads(now).filter(is_slow);
        slow.extend(behind.map(|load| (room.session(), load)));
    });
    rooms.sort_by_key(|(_, stats, _)| std::cmp::Reverse((stats.connections, stats.published)));
    rooms.truncate(ROOMS_SHOWN);
    // Connections that are stuck now come before those that were slow once.
    let stuck = |load: &SubscriptionLoad| if load.behind >= SLOW { load.behind } else { Duration::ZERO };
    slow.sort_by_key(|(_, load)| std::cmp::Reverse((stuck(load), load.queued, load.superseded)));
    slow.truncate(CONNECTIONS_SHOWN);
    let room = |(session, stats, ends_at): (SessionId, Stats, _)| RoomShown {
        session: operator.overview.alias(session),
        participants: stats.participants,
        connections: stats.connections,
        watchers: stats.watchers,
        positions: stats.published,
        ends_at,
    };
    let connection = |(session, load): (SessionId, SubscriptionLoad)| ConnectionShown {
        session: operator.overview.alias(session),
        watcher: load.watcher,
        queued: load.queued,
        owed: load.owed,
        behind_ms: u64::try_from(load.behind.as_millis()).unwrap_or(u64::MAX),
        superseded: load.superseded,
    };
    (rooms.into_iter().map(room).collect(), slow.into_iter().map(connection).collect())
}

/// Ends a session, as its creator could.
async fn end(
    _: Admin,
    With(operator): With<Arc<Operator>>,
    Path(alias): Path<String>,
) -> Result<Json<Done>, ApiError> {
    let mut wanted = None;
    operator.hub.visit(|room| {
        if operator.overview.alias(room.session()) == alias {
            wanted = Some(room.session());
        }
    });
    operator.sessions.end(wanted.ok_or(Problem::SessionNotFound)?).await?;
    tracing::warn!(session = alias, "a session was ended from the dashboard");
    Ok(Json(Done::new()))
}
