//! How each app is told where to send: its address, a link that sets it up, and the text of a QR code.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use form_urlencoded::Serializer;
use serde::Serialize;
use serde_json::json;
use tagalong_core::event::to_json;
use utoipa::ToSchema;

use super::{App, gpslogger};

/// Positions that should come within the life of one, so that one that is lost does not show.
const POSITIONS_PER_LIFE: u32 = 3;
/// The longest time between two positions that an app is asked for.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Metres to move before another position is sent within the interval.
const DISTANCE_METRES: u32 = 20;

/// How one app is set up.
#[derive(Serialize, ToSchema)]
pub struct Setup {
    /// What addresses call it: `owntracks`, `traccar`, `overland` or `gpslogger`.
    #[schema(example = "owntracks")]
    app: &'static str,
    /// What people call it.
    #[schema(example = "OwnTracks")]
    name: &'static str,
    /// For which phones there is one: `ios`, `android`.
    #[schema(example = json!(["ios", "android"]))]
    platforms: &'static [&'static str],
    /// Whether the app shows the others on a map of its own.
    shows_others: bool,
    /// Where it sends positions. Whoever has it can send, and see what the app is shown.
    #[schema(example = "https://localhost:4000/track/…/owntracks")]
    address: String,
    /// Sets the app up when it is opened on the phone; none where the app has no such link.
    #[schema(required, example = "owntracks:///config?inline=…")]
    link: Option<String>,
    /// What a QR code for the app has to say.
    qr: String,
    /// What is to be pasted as the body of its requests, where the app asks for that.
    #[schema(required)]
    body: Option<&'static str>,
}

/// How often an app should send, for positions of that life.
pub fn interval(location_ttl: Duration) -> Duration {
    (location_ttl / POSITIONS_PER_LIFE).min(INTERVAL_MAX)
}

impl Setup {
    /// How an app is set up to send to `base`, with a secret, for a participant of that tracker id.
    pub fn new(app: App, base: &str, secret: &str, tid: &str, location_ttl: Duration) -> Self {
        let address = format!("{base}/track/{secret}/{}", app.key());
        let seconds = interval(location_ttl).as_secs().max(1);
        let (name, platforms): (_, &[&str]) = match app {
            App::OwnTracks => ("OwnTracks", &["ios", "android"]),
            App::Traccar => ("Traccar Client", &["ios", "android"]),
            App::Overland => ("Overland", &["ios"]),
            App::GpsLogger => ("GPSLogger", &["android"]),
        };
        let (link, qr) = match app {
            App::OwnTracks => (Some(owntracks(&address, tid, seconds)), None),
            App::Overland => (Some(with("overland://setup", &[("url", &address), ("device_id", tid)])), None),
            // Nothing but a scan in the app itself takes it for its own.
            App::Traccar => (None, Some(traccar(&address, tid, seconds))),
            App::GpsLogger => (None, None),
        };
        let qr = qr.or_else(|| link.clone()).unwrap_or_else(|| address.clone());
        let body = (app == App::GpsLogger).then_some(gpslogger::BODY);
        let (key, shows_others) = (app.key(), app.shows_others());
        Self { app: key, name, platforms, shows_others, qr, address, link, body }
    }
}

/// <https://owntracks.org/booklet/features/remoteconfig/>: HTTP mode, and "move", in which it sends by time.
fn owntracks(address: &str, tid: &str, seconds: u64) -> String {
    let configuration = to_json(&json!({
        "_type": "configuration",
        "mode": 3,
        "url": address,
        "auth": false,
        "tid": tid,
        "monitoring": 2,
        "locatorInterval": seconds,
        "moveModeLocatorInterval": seconds,
        "locatorDisplacement": DISTANCE_METRES,
        "ignoreStaleLocations": 1,
    }));
    with("owntracks:///config", &[("inline", &BASE64_STANDARD.encode(configuration))])
}

/// Without a buffer: what could not be sent in time would come too late to be shown.
fn traccar(address: &str, tid: &str, seconds: u64) -> String {
    let (seconds, distance) = (seconds.to_string(), DISTANCE_METRES.to_string());
    let parameters = [
        ("id", tid),
        ("interval", &seconds),
        ("fastestInterval", &seconds),
        ("distance", &distance),
        ("accuracy", "high"),
        ("buffer", "false"),
        ("stopDetection", "false"),
    ];
    with(address, &parameters)
}

fn with(address: &str, parameters: &[(&str, &str)]) -> String {
    format!("{address}?{}", Serializer::new(String::new()).extend_pairs(parameters).finish())
}
