//! REST under `/api`, health, and the way to the WebSocket doors.

mod address;
mod answer;
mod body;
mod guard;
mod health;
pub mod listener;
mod origin;
mod participants;
mod request;
mod sessions;

pub(crate) use answer::Refusal;
use axum::Router;
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
pub(crate) use origin::{allowed_origin, base_url};
use tagalong_core::problem::Problem;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::Origins;
use crate::realtime::upgrade;
use crate::state::State;

/// Every address that the server knows.
pub fn router(state: &State) -> Router {
    Router::new()
        .route("/api/sessions", post(sessions::create))
        .route("/api/sessions/{id}", get(sessions::show).patch(sessions::update).delete(sessions::end))
        .route("/api/sessions/{id}/join", post(participants::join))
        .route("/api/sessions/{id}/watch", post(participants::watch))
        .route("/api/sessions/{id}/participants", get(participants::list))
        .route("/api/sessions/{id}/participants/{user_id}", delete(participants::leave))
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/health/detailed", get(health::detailed))
        .route("/socket/websocket", axum::routing::any(upgrade::phoenix))
        .route("/ws", get(upgrade::plain))
        .fallback(|| async { Refusal::from(Problem::NotFound) })
        .method_not_allowed_fallback(|| async { Refusal::from(Problem::MethodNotAllowed) })
        .layer(cors(&state.config.origins))
        .layer(from_fn_with_state(state.clone(), guard::count))
        .layer(from_fn_with_state(state.clone(), request::observe))
        .with_state(state.clone())
}

fn cors(origins: &Origins) -> CorsLayer {
    let allowed = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::Listed(listed) => AllowOrigin::list(listed.iter().filter_map(|origin| origin.parse().ok())),
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
}
