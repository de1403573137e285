//! Health, for load balancers and people.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use serde::Serialize;
use tagalong_core::time::Timestamp;
use tagalong_realtime::cluster::BusHealth;
use tokio::sync::Mutex as AsyncMutex;
use utoipa::ToSchema;

use super::state::Operator;

/// A database that takes longer than this counts as unavailable.
const CHECK_DEADLINE: Duration = Duration::from_secs(2);

/// Redis is degraded if it takes longer than this: it delays updates to other nodes.
const REDIS_DEADLINE: Duration = Duration::from_secs(1);

/// The server answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    #[schema(example = "healthy")]
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    #[schema(example = "0.1.0")]
    version: &'static str,
}

impl Health {
    fn new(status: &'static str, operator: &Operator) -> Self {
        Self { status, timestamp: operator.clock.now(), version: env!("CARGO_PKG_VERSION") }
    }
}

/// Whether the server answers.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "health",
    responses((status = 200, body = Health, description = "It answers"))
)]
pub(super) async fn health(With(operator): With<Arc<Operator>>) -> Json<Health> {
    Json(Health::new("healthy", &operator))
}

/// The process runs.
#[derive(Serialize, ToSchema)]
pub(super) struct Liveness {
    #[schema(example = "alive")]
    status: &'static str,
}

/// Whether the process runs.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "healthLive",
    tag = "health",
    responses((status = 200, body = Liveness, description = "The process runs"))
)]
pub(super) async fn live() -> Json<Liveness> {
    Json(Liveness { status: "alive" })
}

/// Whether requests should be sent here.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready` or `not_ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// The reason, if not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'static str>,
}

/// Whether requests should be sent here.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "healthReady",
    tag = "health",
    responses(
        (status = 200, body = Readiness, description = "Send requests here"),
        (status = 503, body = Readiness, description = "Do not send requests here")
    )
)]
pub(super) async fn ready(With(operator): With<Arc<Operator>>) -> (StatusCode, Json<Readiness>) {
    let reason = if operator.leaving.is_cancelled() {
        Some("the server is stopping")
    } else {
        database(&operator).await.err()
    };
    match reason {
        None => (StatusCode::OK, Json(Readiness { status: "ready", reason })),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, Json(Readiness { status: "not_ready", reason })),
    }
}

/// The server and its dependencies.
#[derive(Serialize, ToSchema)]
pub(super) struct DetailedHealth {
    #[serde(flatten)]
    health: Health,
    checks: Checks,
}

/// Each dependency of the server.
#[derive(Serialize, ToSchema)]
struct Checks {
    database: Check,
    redis: Check,
    application: Check,
}

/// The health of one dependency.
#[derive(Serialize, ToSchema)]
struct Check {
    /// `healthy`, `unhealthy` or `not_configured`.
    #[schema(example = "healthy")]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    response_time_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'static str>,
    /// Open WebSockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    connections: Option<usize>,
}

impl Check {
    fn answered(status: &'static str, millis: f64) -> Self {
        Self { status, response_time_ms: Some(millis), error: None, connections: None }
    }

    fn failed(status: &'static str, error: &'static str) -> Self {
        Self { status, response_time_ms: None, error: Some(error), connections: None }
    }
}

/// The health of each dependency.
#[utoipa::path(
    get,
    path = "/health/detailed",
    operation_id = "healthDetailed",
    tag = "health",
    responses(
        (status = 200, body = DetailedHealth, description = "All is well"),
        (status = 503, body = DetailedHealth, description = "Something does not answer")
    )
)]
pub(super) async fn detailed(With(operator): With<Arc<Operator>>) -> (StatusCode, Json<DetailedHealth>) {
    let (status, checked) = probe(&operator).await;
    (status, Json(DetailedHealth { health: Health::new(checked.status, &operator), checks: checked.checks }))
}

/// The health of all dependencies.
#[derive(Serialize, ToSchema)]
pub(super) struct Checked {
    status: &'static str,
    checks: Checks,
}

/// Checks all dependencies, each with its own deadline.
pub(super) async fn check(operator: &Operator) -> Checked {
    probe(operator).await.1
}

async fn probe(operator: &Operator) -> (StatusCode, Checked) {
    let began = operator.clock.instant();
    let (answer, redis) = tokio::join!(database(operator), redis(operator));
    let millis = operator.clock.instant().duration_since(began).as_secs_f64() * 1e3;
    let (status, overall, database) = match (answer, &redis) {
        (Err(error), _) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy", Check::failed("unhealthy", error)),
        (Ok(()), BusHealth::Degraded(_)) => (StatusCode::OK, "degraded", Check::answered("healthy", millis)),
        (Ok(()), _) => (StatusCode::OK, "healthy", Check::answered("healthy", millis)),
    };
    let redis = match redis {
        BusHealth::NotConfigured => Check::answered("not_configured", 0.0),
        BusHealth::Healthy(millis) => Check::answered("healthy", millis),
        BusHealth::Degraded(error) => Check::failed("degraded", error),
    };
    let application =
        Check { connections: Some(operator.connections.len()), ..Check::answered("healthy", 0.0) };
    let checks = Checks { database, redis, application };
    (status, Checked { status: overall, checks })
}

/// Without Redis a node is degraded, not unhealthy, because participants on one node still see each other.
async fn redis(operator: &Operator) -> BusHealth {
    tokio::select! {
        health = operator.bus.health() => health,
        () = operator.clock.sleep(REDIS_DEADLINE) => BusHealth::Degraded("Redis does not answer in time"),
    }
}

async fn database(operator: &Operator) -> Result<(), &'static str> {
    operator.database_probe.answer(|| ask_database(operator)).await
}

async fn ask_database(operator: &Operator) -> Result<(), &'static str> {
    tokio::select! {
        answer = operator.store.ping() => answer.map_err(|_| "the database does not answer as it should"),
        () = operator.clock.sleep(CHECK_DEADLINE) => Err("the database does not answer in time"),
    }
}

/// One check of the database for all health requests at the same time: thousands of requests from any client must not
/// delay those of a load balancer.
#[derive(Default)]
pub struct DatabaseProbe {
    asked: AtomicU64,
    latest: AsyncMutex<Latest>,
}

struct Latest {
    /// The number of requests before the check began.
    covers: u64,
    answer: Result<(), &'static str>,
}

impl Default for Latest {
    fn default() -> Self {
        Self { covers: 0, answer: Ok(()) }
    }
}

impl DatabaseProbe {
    /// The result of a check that begins after this call.
    async fn answer<F: Future<Output = Result<(), &'static str>>>(
        &self,
        ask: impl FnOnce() -> F,
    ) -> Result<(), &'static str> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let mut latest = self.latest.lock().await;
        if latest.covers < number {
            let covers = self.asked.load(Ordering::Relaxed);
            *latest = Latest { covers, answer: ask().await };
        }
        latest.answer
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_thousand_requests_cause_two_checks_of_the_database() {
        let (probe, asked, answered) = (DatabaseProbe::default(), AtomicU64::default(), Notify::new());
        let ask = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            answered.notified().await;
            Err("away")
        };
        let mut all = Box::pin(join_all((0..1_000).map(|_| probe.answer(ask))));
        assert!(all.as_mut().now_or_never().is_none());
        answered.notify_one();
        assert!(all.as_mut().now_or_never().is_none());
        answered.notify_one();
        assert_eq!(all.await, [Err("away"); 1_000]);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        // A result from before the request does not count.
        assert_eq!(probe.answer(async || Ok(())).await, Ok(()));
    }
}
