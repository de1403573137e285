//! `/api/config`: the limits and the map, which the page needs at its start.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as With;
use serde::Serialize;
use tagalong_core::time::Timestamp;
use utoipa::ToSchema;

use super::state::Api;
use crate::basemap::Basemap;

/// The server's limits and the source of the map.
#[derive(Serialize, ToSchema)]
pub(super) struct Config {
    /// The server's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The server's clock.
    #[schema(value_type = String, format = DateTime)]
    server_time: Timestamp,
    /// The longest session.
    #[schema(example = 1440)]
    max_session_minutes: u64,
    /// Participants in a session.
    #[schema(example = 50)]
    max_participants: usize,
    /// Life of a position.
    #[schema(example = 30)]
    location_ttl_seconds: u64,
    map: Map,
}

/// With neither tiles nor a style, the page shows only its built-in outline of the world.
#[derive(Serialize, ToSchema)]
struct Map {
    #[schema(required)]
    tiles: Option<Tiles>,
    /// A MapLibre style.
    #[schema(required)]
    style_url: Option<String>,
}

/// Images of the map.
#[derive(Serialize, ToSchema)]
struct Tiles {
    /// With `{z}`, `{x}` and `{y}`.
    #[schema(example = "https://tile.openstreetmap.org/{z}/{x}/{y}.png")]
    url: String,
    /// HTML.
    #[schema(example = "© OpenStreetMap contributors")]
    attribution: String,
    /// The highest zoom level with images.
    #[schema(example = 19)]
    max_zoom: u8,
}

/// The configuration for clients.
#[utoipa::path(
    get,
    path = "/api/config",
    operation_id = "getConfig",
    tag = "server",
    responses((status = 200, body = Config, description = "The server's limits"))
)]
pub(super) async fn show(With(api): With<Arc<Api>>) -> Json<Config> {
    let config = &api.config;
    Json(Config {
        version: env!("CARGO_PKG_VERSION"),
        server_time: api.clock.now(),
        max_session_minutes: config.max_session.as_secs() / 60,
        max_participants: config.max_participants,
        location_ttl_seconds: config.location_ttl.as_secs(),
        map: Map::from(&config.basemap),
    })
}

impl From<&Basemap> for Map {
    fn from(basemap: &Basemap) -> Self {
        match basemap {
            Basemap::Outline => Self { tiles: None, style_url: None },
            Basemap::Tiles(tiles) => {
                let (url, attribution) = (tiles.url.as_str().to_owned(), tiles.attribution.clone());
                Self { tiles: Some(Tiles { url, attribution, max_zoom: tiles.max_zoom }), style_url: None }
            }
            Basemap::Style { url, .. } => Self { tiles: None, style_url: Some(url.as_str().to_owned()) },
        }
    }
}
