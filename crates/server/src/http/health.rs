//! Health, for load balancers and people.

use std::time::Duration;

use axum::Json;
use axum::extract::State as With;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::state::State;

/// A database that takes longer than this is as good as gone.
const CHECK_DEADLINE: Duration = Duration::from_secs(2);

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
    let reason = if state.leaving.is_cancelled() {
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
    let answer = database(&state).await;
    let millis = state.clock.instant().duration_since(began).as_secs_f64() * 1e3;
    let (status, overall, database) = match answer {
        Ok(()) => (StatusCode::OK, "healthy", json!({"status": "healthy", "response_time_ms": millis})),
        Err(error) => {
            (StatusCode::SERVICE_UNAVAILABLE, "unhealthy", json!({"status": "unhealthy", "error": error}))
        }
    };
    let body = json!({
        "status": overall,
        "timestamp": state.clock.now(),
        "version": env!("CARGO_PKG_VERSION"),
        "checks": {
            "database": database,
            "redis": {"status": "not_configured", "response_time_ms": 0},
            "application": {"status": "healthy", "response_time_ms": 0, "connections": state.connections.len()},
        },
    });
    (status, Json(body))
}

async fn database(state: &State) -> Result<(), &'static str> {
    tokio::select! {
        answer = state.store.ping() => answer.map_err(|_| "the database does not answer as it should"),
        () = state.clock.sleep(CHECK_DEADLINE) => Err("the database does not answer in time"),
    }
}
