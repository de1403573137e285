//! REST under `/api`, health, the page, and the requests that open live connections.

mod address;
mod admin;
mod api_error;
mod asyncapi;
mod bearer;
mod body;
mod config;
mod dashboard;
mod guard;
mod health;
mod host;
pub mod listener;
mod metrics;
mod negotiation;
mod openapi;
mod origin;
mod pages;
mod participants;
mod path;
mod reports;
mod request;
mod security;
mod sessions;
mod state;
mod trackers;
mod watchers;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use api_error::ApiError;
pub use asyncapi::description as live_description;
use axum::Router;
use axum::body::Bytes;
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get};
pub use dashboard::dashboard_schema;
use guard::Limit;
pub(crate) use health::DatabaseProbe;
pub use state::{Api, Lifecycle, Operator, State};
use tagalong_core::json::to_json;
use tagalong_core::problem::Problem;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Origins;

/// How long a browser may cache a preflight. Chromium's maximum is two hours.
const PREFLIGHT_LIFE: Duration = Duration::from_secs(600);
/// The same for long polls, as in Phoenix: each poll without a cached preflight causes one.
const LONGPOLL_PREFLIGHT_LIFE: Duration = Duration::from_secs(3600);

type Routes = OpenApiRouter<State>;

/// The described routes: REST and health. `limited` puts a limit on routes.
fn described(limited: impl Fn(Routes, Limit) -> Routes) -> Routes {
    let create = Routes::new().routes(routes!(sessions::create));
    let join = Routes::new().routes(routes!(participants::join)).routes(routes!(watchers::watch));
    let lookup = Routes::new()
        .routes(routes!(sessions::show, sessions::update, sessions::end))
        .routes(routes!(participants::list))
        .routes(routes!(participants::leave))
        .routes(routes!(watchers::remove))
        .routes(routes!(trackers::show, trackers::revoke));
    let unlimited = Routes::new()
        .routes(routes!(config::show))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::detailed));
    Routes::with_openapi(openapi::about())
        .merge(limited(create, Limit::Create))
        .merge(limited(join, Limit::Join))
        .merge(limited(lookup, Limit::Lookup))
        .merge(limited(unlimited, Limit::Unlimited))
}

/// The description of REST and health, in OpenAPI 3.1.
pub fn description() -> OpenApi {
    described(|routes, _| routes).into_openapi()
}

/// All routes of the server.
pub fn router(state: &State) -> Router {
    let same_origin = || from_fn_with_state(state.clone(), guard::same_origin);
    let identify = || from_fn_with_state(state.clone(), guard::identify);
    let limited = |routes: Routes, limit| match limit {
        Limit::Unlimited => routes,
        limit => routes
            .route_layer(from_fn_with_state((Arc::clone(&state.api), limit), guard::limit))
            .route_layer(same_origin()),
    };
    let (described, description) = described(limited).split_for_parts();
    let json = |description: String| {
        let description = Bytes::from(description);
        async move || ([(CONTENT_TYPE, "application/json")], description.clone())
    };
    let rest = described
        .route("/api/openapi.json", get(json(to_json(&description))))
        .route("/api/asyncapi.json", get(json(live_description().to_string())))
        .method_not_allowed_fallback(wrong_method)
        .layer(identify())
        // Around the guard, so that a page of another origin can read its errors, and preflights are not counted.
        .layer(cors(&state.api.config.origins));
    Router::new()
        .route("/metrics", get(metrics::show))
        .merge(dashboard::router())
        .route_layer(same_origin())
        .merge(dashboard::page_router())
        .route("/socket/websocket", any(websocket::phoenix))
        .route(
            "/socket/longpoll",
            any(websocket::longpoll::longpoll).layer(longpoll_cors(&state.api.config.origins)),
        )
        .route("/ws", get(websocket::plain))
        .route("/track/{secret}/{app}", any(reports::receive))
        .merge(pages::router())
        .method_not_allowed_fallback(wrong_method)
        .layer(identify())
        .merge(rest)
        .layer(from_fn(host::check))
        .layer(from_fn_with_state(security::headers(&state.api.config), security::protect))
        .layer(from_fn_with_state(state.clone(), request::observe))
        .with_state(state.clone())
}

/// The routes of the port for metrics.
pub fn metrics_router(state: &State) -> Router {
    metrics::router(&state.operator)
}

async fn wrong_method() -> ApiError {
    Problem::MethodNotAllowed.into()
}

fn allow_origin(origins: &Origins) -> AllowOrigin {
    match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::Listed(listed) => AllowOrigin::list(listed.iter().filter_map(|origin| origin.parse().ok())),
    }
}

/// As in Phoenix, whose clients may send any headers.
fn longpoll_cors(origins: &Origins) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(allow_origin(origins))
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(LONGPOLL_PREFLIGHT_LIFE)
}

fn cors(origins: &Origins) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(allow_origin(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([RETRY_AFTER, request::REQUEST_ID])
        .max_age(PREFLIGHT_LIFE)
}
