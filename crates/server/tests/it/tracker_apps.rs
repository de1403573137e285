//! The shapes in which tracker apps say where they are, good and bad, each at a clean adapter.

use serde_json::{Value, json};
use tagalong::trackers::{App, Request, Said, Unusable};
use tagalong_core::time::Timestamp;

const NOW: i64 = 1_795_521_600_000;

fn read(app: App, query: &str, body: &str) -> Result<Said, Unusable> {
    app.read(Request { query, body: body.as_bytes() }, Timestamp::from_millis(NOW))
}

/// The position as everyone would see it; numbers rounded, so that units can be compared.
fn position(app: App, query: &str, body: &str) -> Value {
    let Ok(Said::Position(position)) = read(app, query, body) else {
        panic!("no position in {query} {body}")
    };
    let mut shown = serde_json::to_value(position).unwrap();
    for field in ["speed", "battery"] {
        if let Some(number) = shown[field].as_f64() {
            shown[field] = json!((number * 100.0).round() / 100.0);
        }
    }
    shown
}

const FULL: &str = r#"{"lat":52.5,"lng":13.25,"accuracy":12.0,"timestamp":"2026-11-24T11:59:50.000Z","altitude":34.0,"heading":90.0,"speed":10.0,"battery":0.75}"#;
const LEAST: &str = r#"{"lat":52.5,"lng":13.25,"accuracy":null,"timestamp":"2026-11-24T11:59:50.000Z"}"#;
const JUST_NOW: &str = r#"{"lat":52.5,"lng":13.25,"accuracy":null,"timestamp":"2026-11-24T12:00:00.000Z"}"#;

#[test]
fn every_documented_shape_is_understood_in_its_own_units() {
    let osmand = "id=me&lat=52.5&lon=13.25&timestamp=1795521590&speed=19.4384&bearing=90&altitude=34&accuracy=12&batt=75";
    let overland = |properties: &str| {
        format!(
            r#"{{"locations":[{{"type":"Feature","geometry":{{"type":"Point","coordinates":[13.25,52.5]}},"properties":{properties}}}]}}"#
        )
    };
    let traccar = |timestamp: &str| {
        format!(
            r#"{{"location":{{"timestamp":"{timestamp}","coords":{{"latitude":52.5,"longitude":13.25,"accuracy":12,"speed":10,"heading":90,"altitude":34}},"is_moving":true,"odometer":3.5,"event":"motionchange","battery":{{"level":0.75,"is_charging":false}},"activity":{{"type":"walking"}},"extras":{{}}}},"device_id":"me"}}"#
        )
    };
    let shapes: &[(App, &str, &str, &str)] = &[
        // iOS and Android, then the least that the documentation requires.
        (
            App::OwnTracks,
            "",
            r#"{"_type":"location","lat":52.5,"lon":13.25,"tst":1795521590,"acc":12,"alt":34,"batt":75,"bs":1,"cog":90,"vel":36,"vac":4,"tid":"me","t":"u","topic":"owntracks/u/d","created_at":1795521591,"conn":"w","m":1,"inregions":["home"],"p":100.1}"#,
            FULL,
        ),
        (
            App::OwnTracks,
            "u=x&d=y",
            r#"{"_type":"location","lat":52.5,"lon":13.25,"tst":1795521590,"tid":"me"}"#,
            LEAST,
        ),
        (
            App::OwnTracks,
            "",
            r#"{"_type":"location","lat":52.5,"lon":13.25,"tst":1795521590,"vel":-1,"cog":-1,"batt":-1,"acc":-1}"#,
            LEAST,
        ),
        // The OsmAnd protocol by GET, by POST, and with each of its ways to write the time and the place.
        (App::Traccar, osmand, "", FULL),
        (App::Traccar, "", osmand, FULL),
        (App::Traccar, "id=me&location=52.5,13.25&timestamp=2026-11-24T11%3A59%3A50Z", "", LEAST),
        (App::Traccar, "deviceid=me&lat=52.5&lon=13.25&timestamp=2026-11-24+11%3A59%3A50", "", LEAST),
        (
            App::Traccar,
            "id=me&lat=52.5&lon=13.25&timestamp=1795521590000&heading=&speed=-1&hdop=3&valid=true",
            "",
            LEAST,
        ),
        (App::Traccar, "id=me&lat=52.5&lon=13.25", "", JUST_NOW),
        // Traccar Client from 9.0 on.
        (App::Traccar, "", &traccar("2026-11-24T11:59:50.000Z"), FULL),
        (
            App::Traccar,
            "",
            r#"{"location":{"timestamp":"2026-11-24T11:59:50Z","coords":{"latitude":52.5,"longitude":13.25,"accuracy":-1,"speed":-1,"heading":-1},"battery":{"level":-1}},"device_id":"me"}"#,
            LEAST,
        ),
        (
            App::Overland,
            "",
            &overland(
                r#"{"timestamp":"2026-11-24T11:59:50Z","speed":10,"course":90,"altitude":34,"horizontal_accuracy":12,"vertical_accuracy":4,"battery_level":0.75,"battery_state":"charging","motion":["driving"],"wifi":"home","device_id":"me"}"#,
            ),
            FULL,
        ),
        (
            App::Overland,
            "",
            &overland(
                r#"{"timestamp":"2026-11-24T04:59:50-0700","speed":-1,"course":-1,"battery_level":-1}"#,
            ),
            LEAST,
        ),
        (
            App::GpsLogger,
            "",
            "lat=52.5&lon=13.25&timestamp=1795521590&acc=12&alt=34&spd=10&dir=90&batt=75.0",
            FULL,
        ),
        (
            App::GpsLogger,
            "lat=52.5&lon=13.25&sat=7&desc=&alt=34&acc=12&dir=90&prov=gps&spd_kph=36&spd=10&timestamp=1795521590&time=2026-11-24T11:59:50.000Z&batt=75",
            "",
            FULL,
        ),
        (App::GpsLogger, "", "lat=52.5&lon=13.25&timestamp=1795521590&acc=&alt=&spd=&dir=&batt=", LEAST),
        (App::GpsLogger, "", "lat=52.5&lon=13.25&time=2026-11-24T11%3A59%3A50.000Z", LEAST),
    ];
    for (app, query, body, expected) in shapes {
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(position(*app, query, body), expected, "{app:?} {query} {body}");
    }
}

#[test]
fn of_a_batch_the_newest_that_makes_sense_counts() {
    let feature = |lat: &str, time: &str| {
        format!(r#"{{"geometry":{{"coordinates":[13.25,{lat}]}},"properties":{{"timestamp":{time}}}}}"#)
    };
    let mut features: Vec<String> =
        (0..997).map(|n| feature("1", &format!("\"2026-11-24T11:{:02}:00Z\"", n % 59))).collect();
    features.push(feature("52.5", "\"2026-11-24T11:59:50Z\""));
    // Newer, and no positions: out of range, in the future, of another type.
    for (lat, time) in [("91", "\"2026-11-24T11:59:55Z\""), ("2", "\"2026-11-24T13:00:00Z\""), ("3", "[]")] {
        features.push(feature(lat, time));
    }
    features.push("7".to_owned());
    let batch = format!(r#"{{"locations":[{}],"current":{{}},"trip":null}}"#, features.join(","));
    assert_eq!(position(App::Overland, "", &batch)["lat"], 52.5);
    assert_eq!(read(App::Overland, "", r#"{"locations":[]}"#), Ok(Said::Nothing));
    assert_eq!(read(App::Overland, "", r#"{"locations":[{"a":1},null,"x"]}"#), Ok(Said::Nothing));
}

#[test]
fn what_else_owntracks_sends_is_acknowledged() {
    for kind in ["lwt", "waypoint", "waypoints", "transition", "status", "card", "cmd", "steps", "new"] {
        let body = format!(r#"{{"_type":"{kind}","lat":1,"lon":2,"tst":1795521590}}"#);
        assert_eq!(read(App::OwnTracks, "", &body), Ok(Said::Nothing), "{kind}");
    }
    for body in ["", " \n"] {
        assert_eq!(read(App::OwnTracks, "", body), Ok(Said::Nothing));
    }
    let encrypted = r#"{"_type":"encrypted","data":"c2VjcmV0"}"#;
    assert_eq!(read(App::OwnTracks, "", encrypted), Err(Unusable::Encrypted));
}

/// Values that no place or time can have, as JSON.
const ABSURD: [&str; 10] =
    ["null", "true", "[]", "{}", "\"x\"", "\"NaN\"", "\"inf\"", "1e300", "-1e300", "\"\""];

#[test]
fn no_place_or_time_that_is_absurd_comes_through() {
    for absurd in ABSURD {
        for field in ["lat", "lon", "tst"] {
            let mut fields = json!({"_type": "location", "lat": 1, "lon": 2, "tst": 1_795_521_590});
            fields[field] = serde_json::from_str(absurd).unwrap();
            let body = fields.to_string();
            assert_eq!(read(App::OwnTracks, "", &body), Ok(Said::Nothing), "{body}");
            let mut coords = json!({"latitude": 1, "longitude": 2});
            let mut time = json!("2026-11-24T11:59:50Z");
            match field {
                "lat" => coords["latitude"] = fields["lat"].clone(),
                "lon" => coords["longitude"] = fields["lon"].clone(),
                _ => time = fields["tst"].clone(),
            }
            let body = json!({"location": {"timestamp": time, "coords": coords}}).to_string();
            assert_eq!(read(App::Traccar, "", &body), Err(Unusable::NoPosition), "{body}");
        }
    }
    for query in [
        "",
        "id=me",
        "lat=1",
        "lon=2",
        "lat=&lon=2",
        "lat=x&lon=2",
        "lat=91&lon=2",
        "lat=1&lon=181",
        "lat=NaN&lon=2",
        "lat=inf&lon=2",
        "lat=1e999&lon=2",
        "lat=1&lon=2&timestamp=soon",
        "lat=1&lon=2&timestamp=1795525200",
        "location=1",
        "location=1,2,3",
        "location=,",
        "%ff=%fe&lat=%00",
    ] {
        for (app, body) in [(App::Traccar, ""), (App::GpsLogger, "")] {
            assert_eq!(read(app, query, body), Err(Unusable::NoPosition), "{app:?} {query}");
            assert_eq!(read(app, "", query), Err(Unusable::NoPosition), "{app:?} {query}");
        }
    }
    for body in ["{", "[]", "7", "null", "\"x\"", "{}", r#"{"_type":7}"#, "\u{fffd}", "lat=1&lon=2"] {
        assert_eq!(read(App::OwnTracks, "", body), Err(Unusable::Malformed), "{body}");
        assert_eq!(read(App::Overland, "", body), Err(Unusable::Malformed), "{body}");
    }
    assert_eq!(read(App::Traccar, "", "{"), Err(Unusable::Malformed));
    assert_eq!(read(App::Traccar, "", "{}"), Err(Unusable::NoPosition));
}

#[test]
fn one_can_do_without_everything_else_that_is_absurd() {
    let least: Value = serde_json::from_str(LEAST).unwrap();
    for absurd in ABSURD.into_iter().chain(["-1"]) {
        for field in ["acc", "cog", "vel", "batt"] {
            if absurd == "1e300" && (field == "acc" || field == "vel") {
                continue;
            }
            let body = format!(
                r#"{{"_type":"location","lat":52.5,"lon":13.25,"tst":1795521590,"{field}":{absurd}}}"#
            );
            assert_eq!(position(App::OwnTracks, "", &body), least, "{body}");
        }
    }
}
