//! Health, for load balancers and people.

use std::time::Duration;

use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::cluster::BusHealth;
use crate::state::State;

/// A database that takes longer than this is as good as gone.
const CHECK_DEADLINE: Duration = Duration::from_secs(2);

/// Redis that takes longer than this delays what other nodes see.
const REDIS_DEADLINE: Duration = Duration::from_secs(1);

pub(super) async fn health(With(state): With<State>) -> Json<Value> {
    Json(json!({
        "status": "healthy",
        "timestamp": state.clock.now(),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "alive"}))
}

pub(super) async fn ready(With(state): With<State>) -> (StatusCode, Json<Value>) {
    let reason = if state.stopping.is_cancelled() {
        Some("the server is stopping")
    } else {
        database(&state).await.err()
    };
    match reason {
        None => (StatusCode::OK, Json(json!({"status": "ready"}))),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not_ready", "reason": reason})))
        }
    }
}

pub(super) async fn detailed(With(state): With<State>) -> (StatusCode, Json<Value>) {
    let began = state.clock.instant();
    let (answer, redis) = tokio::join!(database(&state), redis(&state));
    let millis = state.clock.instant().duration_since(began).as_secs_f64() * 1e3;
    let (status, overall, database) = match (answer, &redis) {
        (Err(error), _) => {
            (StatusCode::SERVICE_UNAVAILABLE, "unhealthy", json!({"status": "unhealthy", "error": error}))
        }
        (Ok(()), redis) => {
            let overall = if matches!(redis, BusHealth::Degraded(_)) { "degraded" } else { "healthy" };
            (StatusCode::OK, overall, json!({"status": "healthy", "response_time_ms": millis}))
        }
    };
    let redis = match redis {
        BusHealth::NotConfigured => json!({"status": "not_configured", "response_time_ms": 0}),
        BusHealth::Healthy(millis) => json!({"status": "healthy", "response_time_ms": millis}),
        BusHealth::Degraded(error) => json!({"status": "degraded", "error": error}),
    };
    let body = json!({
        "status": overall,
        "timestamp": state.clock.now(),
        "version": env!("CARGO_PKG_VERSION"),
        "checks": {
            "database": database,
            "redis": redis,
            "application": {"status": "healthy", "response_time_ms": 0, "connections": state.connections.len()},
        },
    });
    (status, Json(body))
}

/// People on one node see each other without Redis: without it, a node is degraded and not unhealthy.
async fn redis(state: &State) -> BusHealth {
    tokio::select! {
        health = state.bus.health() => health,
        () = state.clock.sleep(REDIS_DEADLINE) => BusHealth::Degraded("Redis does not answer in time"),
    }
}

async fn database(state: &State) -> Result<(), &'static str> {
    tokio::select! {
        answer = state.store.ping() => answer.map_err(|_| "the database does not answer as it should"),
        () = state.clock.sleep(CHECK_DEADLINE) => Err("the database does not answer in time"),
    }
}
