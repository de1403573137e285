//! The setup of each app: its address, a setup link, the text of a QR code, and settings to type.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use form_urlencoded::Serializer;
use serde::Serialize;
use serde_json::json;
use tagalong_core::json::to_json;
use utoipa::ToSchema;

use super::{App, gpslogger};

/// Positions within the life of one, so that a lost one leaves no gap.
const POSITIONS_PER_LIFE: u32 = 3;
/// The longest interval between positions.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Metres to move before OwnTracks sends another position within the interval.
const DISTANCE_METRES: u32 = 20;
/// The name of the phone, for apps that require one. It is not read.
const DEVICE: &str = "phone";
/// The template of OsmAnd's address, with numbers in braces.
const OSMAND_TEMPLATE: &str = "lat={0}&lon={1}&timestamp={2}&hdop={3}&altitude={4}&speed={5}&bearing={6}";

/// The setup of one app.
#[derive(Serialize, ToSchema)]
pub struct Setup {
    /// The name in addresses: `owntracks`, `traccar`, `overland`, `gpslogger` or `osmand`.
    #[schema(example = "owntracks")]
    app: &'static str,
    /// The name for people.
    #[schema(example = "OwnTracks")]
    name: &'static str,
    /// The phones that it runs on: `ios`, `android`.
    #[schema(example = json!(["ios", "android"]))]
    platforms: &'static [&'static str],
    /// Where to get it, for each of these phones.
    stores: Vec<Store>,
    /// Whether the app shows the others on a map of its own.
    shows_others: bool,
    /// The address for its positions. A secret: it is enough to send positions, and to see the others.
    #[schema(example = "https://localhost:4000/track/…/owntracks")]
    address: String,
    /// A link that sets the app up when it is opened on the phone; `null` if the app has no such link.
    #[schema(required, example = "owntracks:///config?inline=…")]
    link: Option<String>,
    /// The text of a QR code for the app.
    qr: String,
    /// The body to paste into the app; `null` if the app needs none.
    #[schema(required)]
    body: Option<&'static str>,
    /// The settings to type if neither link nor code works, in the order of the app's own settings.
    settings: Vec<Setting>,
}

/// A source of an app.
#[derive(Serialize, ToSchema)]
pub struct Store {
    /// The phone: `ios` or `android`.
    #[schema(example = "ios")]
    platform: &'static str,
    /// The app's page in a store, or its maker's.
    #[schema(example = "https://apps.apple.com/app/owntracks/id692424691")]
    url: &'static str,
}

/// A setting of an app.
#[derive(Serialize, ToSchema)]
pub struct Setting {
    /// The name: `mode`, `url`, `device_id`, `tracker_id`, `username`, `password`, `monitoring`, `interval_seconds`,
    /// `fastest_interval_seconds`, `distance_metres`, `accuracy`, `stop_detection`, `buffer`, `logging_mode`, `method`,
    /// `body`.
    #[schema(example = "tracker_id")]
    setting: &'static str,
    /// The value; empty if the setting must be left empty.
    #[schema(example = "AL")]
    value: String,
}

/// The interval at which an app should send, for positions of this life.
pub fn interval(location_ttl: Duration) -> Duration {
    (location_ttl / POSITIONS_PER_LIFE).min(INTERVAL_MAX)
}

impl Setup {
    /// The setup of an app that sends to `base`, for a participant with this secret and tracker id.
    pub fn new(app: App, base: &str, secret: &str, tid: &str, location_ttl: Duration) -> Self {
        let address = format!("{base}/track/{secret}/{}", app.key());
        let seconds = interval(location_ttl).as_secs().max(1);
        let (name, stores) = about(app);
        let link = match app {
            App::OwnTracks => Some(owntracks(&address, tid, seconds)),
            App::Overland => Some(with("overland://setup", &[("url", &address), ("device_id", tid)])),
            // These apps accept their link only from a scan within the app.
            App::Traccar | App::GpsLogger | App::OsmAnd => None,
        };
        let qr = match app {
            App::Traccar => traccar(&address, tid, seconds),
            App::OsmAnd => osmand(&address),
            _ => link.clone().unwrap_or_else(|| address.clone()),
        };
        Self {
            app: app.key(),
            name,
            platforms: platforms(app),
            stores: stores.iter().map(|(platform, url)| Store { platform, url }).collect(),
            shows_others: app.shows_others(),
            qr,
            link,
            body: (app == App::GpsLogger).then_some(gpslogger::BODY),
            settings: settings(app, &address, tid, seconds),
            address,
        }
    }
}

fn platforms(app: App) -> &'static [&'static str] {
    match app {
        App::OwnTracks | App::Traccar => &["ios", "android"],
        App::Overland => &["ios"],
        App::GpsLogger | App::OsmAnd => &["android"],
    }
}

/// Its name and sources.
fn about(app: App) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match app {
        App::OwnTracks => (
            "OwnTracks",
            &[
                ("ios", "https://apps.apple.com/app/owntracks/id692424691"),
                ("android", "https://play.google.com/store/apps/details?id=org.owntracks.android"),
            ],
        ),
        App::Traccar => (
            "Traccar Client",
            &[
                ("ios", "https://apps.apple.com/app/traccar-client/id843156974"),
                ("android", "https://play.google.com/store/apps/details?id=org.traccar.client"),
            ],
        ),
        App::Overland => {
            ("Overland", &[("ios", "https://apps.apple.com/app/overland-gps-tracker/id1292426766")])
        }
        App::GpsLogger => ("GPSLogger", &[("android", "https://gpslogger.app/")]),
        App::OsmAnd => ("OsmAnd", &[("android", "https://play.google.com/store/apps/details?id=net.osmand")]),
    }
}

/// The content of link and code, for people.
fn settings(app: App, address: &str, tid: &str, seconds: u64) -> Vec<Setting> {
    let interval = ("interval_seconds", seconds.to_string());
    let url = ("url", address.to_owned());
    let text = |setting, value: &str| (setting, value.to_owned());
    let settings = match app {
        App::OwnTracks => vec![
            text("mode", "HTTP"),
            url,
            text("device_id", DEVICE),
            text("tracker_id", tid),
            text("username", ""),
            text("password", ""),
            text("monitoring", "move"),
            interval,
        ],
        App::Traccar => vec![
            text("device_id", tid),
            url,
            text("accuracy", "highest"),
            text("distance_metres", "0"),
            interval,
            ("fastest_interval_seconds", seconds.to_string()),
            text("buffer", "off"),
            text("stop_detection", "off"),
        ],
        App::Overland => {
            vec![url, text("device_id", tid), text("logging_mode", "All Data"), interval]
        }
        App::GpsLogger => vec![url, text("method", "POST"), text("body", gpslogger::BODY), interval],
        App::OsmAnd => vec![("url", osmand(address)), interval],
    };
    settings.into_iter().map(|(setting, value)| Setting { setting, value }).collect()
}

/// <https://owntracks.org/booklet/features/remoteconfig/>: HTTP mode, and "move", in which it sends by time. The name
/// and the password of a former server are emptied: the app would send them to this one with each report.
fn owntracks(address: &str, tid: &str, seconds: u64) -> String {
    let configuration = to_json(&json!({
        "_type": "configuration",
        "mode": 3,
        "url": address,
        "auth": false,
        "username": "",
        "password": "",
        "deviceId": DEVICE,
        "tid": tid,
        "monitoring": 2,
        "locatorInterval": seconds,
        "moveModeLocatorInterval": seconds,
        "locatorDisplacement": DISTANCE_METRES,
        "ignoreStaleLocations": 1,
    }));
    with("owntracks:///config", &[("inline", &BASE64_STANDARD.encode(configuration))])
}

/// The names that the app reads (`configuration_service.dart`). By time only, also while the phone stands still:
/// otherwise the participant would be off the map after the life of a position. In version 9 the interval counts only
/// for the highest accuracy, and on Android for a distance of 0. Without a buffer, because late positions are not
/// shown.
fn traccar(address: &str, tid: &str, seconds: u64) -> String {
    let seconds = seconds.to_string();
    let parameters = [
        ("id", tid),
        ("interval", &seconds),
        ("fastest_interval", &seconds),
        ("distance", "0"),
        ("accuracy", "highest"),
        ("buffer", "false"),
        ("stop_detection", "false"),
    ];
    with(address, &parameters)
}

fn osmand(address: &str) -> String {
    format!("{address}?{OSMAND_TEMPLATE}")
}

fn with(address: &str, parameters: &[(&str, &str)]) -> String {
    format!("{address}?{}", Serializer::new(String::new()).extend_pairs(parameters).finish())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    const LIFE: Duration = Duration::from_secs(30);

    fn setup(app: App) -> Setup {
        Setup::new(app, "https://x.example", "SECRET", "AL", LIFE)
    }

    fn parameters(link: &str) -> BTreeMap<String, String> {
        let query = link.split_once('?').unwrap().1;
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    #[test]
    fn owntracks_reads_http_mode_and_forgets_a_former_server() {
        let link = setup(App::OwnTracks).link.unwrap();
        let configuration = BASE64_STANDARD.decode(&parameters(&link)["inline"]).unwrap();
        let read: Value = serde_json::from_slice(&configuration).unwrap();
        for (name, value) in [
            ("mode", json!(3)),
            ("url", json!("https://x.example/track/SECRET/owntracks")),
            ("tid", json!("AL")),
            ("username", json!("")),
            ("password", json!("")),
            ("monitoring", json!(2)),
            ("moveModeLocatorInterval", json!(10)),
        ] {
            assert_eq!(read[name], value, "{name}");
        }
    }

    /// Of `lib/configuration_service.dart` and `lib/preferences.dart` of traccar/traccar-client, 9.0 to 10.1.
    #[test]
    fn traccar_client_knows_every_name_and_goes_on_standing_still() {
        const READS: [&str; 10] = [
            "id",
            "accuracy",
            "distance",
            "interval",
            "angle",
            "heartbeat",
            "fastest_interval",
            "buffer",
            "wakelock",
            "stop_detection",
        ];
        let qr = setup(App::Traccar).qr;
        assert!(qr.starts_with("https://x.example/track/SECRET/traccar?"));
        let parameters = parameters(&qr);
        assert!(parameters.keys().all(|name| READS.contains(&name.as_str())), "{parameters:?}");
        for (name, value) in [
            ("stop_detection", "false"),
            ("fastest_interval", "10"),
            ("interval", "10"),
            ("accuracy", "highest"),
            ("distance", "0"),
            ("buffer", "false"),
        ] {
            assert_eq!(parameters[name], value, "{name}");
        }
        let longer = Setup::new(App::Traccar, "https://x.example", "SECRET", "AL", LIFE * 30);
        assert!(longer.qr.contains("&interval=60&fastest_interval=60&"), "{}", longer.qr);
    }

    #[test]
    fn the_content_of_link_and_code_can_be_typed() {
        for app in App::ALL {
            let setup = setup(app);
            let said = |name: &str| {
                let mut settings = setup.settings.iter();
                settings.find(|one| one.setting == name).map(|one| one.value.as_str())
            };
            assert!(said("url").unwrap().starts_with(&setup.address), "{app:?}");
            assert_eq!(said("interval_seconds"), Some("10"), "{app:?}");
            assert_eq!(said("body"), setup.body, "{app:?}");
            let stores: Vec<_> = setup.stores.iter().map(|store| store.platform).collect();
            assert_eq!(stores, setup.platforms, "{app:?}");
        }
        let osmand = setup(App::OsmAnd);
        assert_eq!(osmand.qr, osmand.settings[0].value);
        assert!(
            osmand.qr.contains("speed={5}") && !osmand.qr.contains('\''),
            "it is a pattern of MessageFormat"
        );
    }
}
