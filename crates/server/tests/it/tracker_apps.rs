//! The shapes in which tracker apps say where they are, good and bad, each at a clean adapter.

use std::time::Duration;

use serde_json::{Value, json};
use tagalong::trackers::{App, Payload, Request, Unusable};
use tagalong_core::time::Timestamp;

const NOW: i64 = 1_795_521_600_000;

fn read(app: App, query: &str, body: &str) -> Result<Payload, Unusable> {
    app.read(Request { query, body: body.as_bytes() }, Timestamp::from_millis(NOW))
}

/// The position as everyone would see it; numbers rounded, so that units can be compared.
fn position(app: App, query: &str, body: &str) -> Value {
    let said = read(app, query, body);
    let Ok(Payload::Position(position)) = said else { panic!("no position in {query} {body}: {said:?}") };
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
#[expect(clippy::too_many_lines, reason = "one table")]
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
    // Where the phone is now, beside a batch of an hour ago or alone.
    let current = feature("48.9", "\"2026-11-24T11:59:58Z\"");
    let batch = format!(r#"{{"locations":[{}],"current":{current}}}"#, features.join(","));
    assert_eq!(position(App::Overland, "", &batch)["lat"], 48.9);
    for body in [format!(r#"{{"locations":[],"current":{current}}}"#), format!(r#"{{"current":{current}}}"#)]
    {
        assert_eq!(position(App::Overland, "", &body)["lat"], 48.9);
    }
    // All from a clock that is ahead.
    let ahead =
        [feature("1", "\"2026-11-24T12:00:50Z\""), feature("2", "\"2026-11-24T12:01:35Z\"")].join(",");
    let ahead = format!(r#"{{"locations":[{ahead}]}}"#);
    assert_eq!(read(App::Overland, "", &ahead), Ok(Payload::Ahead(Duration::from_secs(95))));
    assert_eq!(read(App::Overland, "", r#"{"locations":[]}"#), Ok(Payload::Nothing));
    assert_eq!(read(App::Overland, "", r#"{"locations":[{"a":1},null,"x"]}"#), Ok(Payload::Nothing));
}

#[test]
fn what_overland_writes_of_visits_trips_and_itself_is_passed_over() {
    let features = [
        r#""action":"visit","arrival_date":"2026-11-24T11:00:00Z","departure_date":"2026-11-24T11:56:00Z""#,
        r#""action":"will_terminate""#,
        r#""action":"paused_location_updates","horizontal_accuracy":5"#,
        r#""type":"trip","mode":"walk","start":"2026-11-24T11:00:00Z""#,
    ]
    .map(|properties| {
        format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[11.5,48.1]}},"properties":{{"timestamp":"2026-11-24T11:59:59Z",{properties}}}}}"#
        )
    });
    for feature in &features {
        let body = format!(r#"{{"locations":[{feature}],"current":{feature},"trip":{feature}}}"#);
        assert_eq!(read(App::Overland, "", &body), Ok(Payload::Nothing), "{body}");
    }
    let walking = r#"{"geometry":{"coordinates":[11.504,48.2]},"properties":{"timestamp":"2026-11-24T11:59:50Z","action":""}}"#;
    let body = format!(r#"{{"locations":[{walking},{}]}}"#, features.join(","));
    assert_eq!(position(App::Overland, "", &body)["lat"], 48.2);
}

/// The app sends the first of its queue until it is answered 2xx.
#[test]
fn what_traccar_client_sends_without_a_place_is_acknowledged() {
    for body in [
        "id=AL&timestamp=1795521600&batt=80",
        "id=AL&timestamp=1795521600&batt=80&alarm=sos",
        "id=AL&notificationToken=abc%3Adef",
        "deviceid=AL&timestamp=1795521600",
        "id=123456&timestamp=1795521600&cell=257,02,16,2224&cell=257,02,16,2223,-90&wifi=00-14-22-01-23-45,-80",
        "id=AL",
        "id=AL&lat=&lon=&timestamp=1795521600",
        "id=AL&lat=NaN&lon=NaN&timestamp=1795521600",
        "id=AL&lat=91&lon=2",
        "timestamp=1795521600&batt=80",
        r#"{"location":{"timestamp":"2026-11-24T11:59:50Z","event":"heartbeat","battery":{"level":0.5}},"device_id":"1"}"#,
        r#"{"location":{"timestamp":"2026-11-24T11:59:50Z","coords":null},"device_id":"1"}"#,
        r#"{"location":{"timestamp":"2026-11-24T11:59:50Z","event":"heartbeat"}}"#,
        r#"{"location":{"coords":{"latitude":1,"longitude":2}},"device_id":"1"}"#,
    ] {
        assert_eq!(read(App::Traccar, "", body), Ok(Payload::Nothing), "{body}");
        if !body.starts_with('{') {
            assert_eq!(read(App::Traccar, body, ""), Ok(Payload::Nothing), "{body}");
        }
    }
    // What a person mistyped is said to them: nothing here comes from the app.
    for query in [
        "lat=48.3?lon=11.5?timestamp=1795521600",
        "lat=48,3&lon=11,5",
        "id=1&lat=48&lon=11&timestamp=2026-11-24T12:00:00",
        "id=1&lat=48&lon=11&timestamp=2026-11-24T13:00:00+01:00",
    ] {
        assert_eq!(read(App::Traccar, query, ""), Err(Unusable::NoPosition), "{query}");
    }
}

#[test]
fn a_position_from_the_future_is_acknowledged_whatever_the_app() {
    let ahead = |seconds: i64| Ok(Payload::Ahead(Duration::from_secs(seconds.unsigned_abs())));
    for seconds in [61, 95, 324_478_400] {
        let at = NOW / 1000 + seconds;
        let form = format!("id=AL&lat=48.1&lon=11.5&timestamp={at}");
        for app in [App::Traccar, App::GpsLogger, App::OsmAnd] {
            assert_eq!(read(app, &form, ""), ahead(seconds), "{app:?}");
            assert_eq!(read(app, "", &form), ahead(seconds), "{app:?}");
            assert_eq!(read(app, &form.replace("id=AL&", ""), ""), ahead(seconds), "{app:?}");
        }
        let iso = Timestamp::from_millis(at * 1000);
        for (app, body) in [
            (App::OwnTracks, format!(r#"{{"_type":"location","lat":48.1,"lon":11.5,"tst":{at}}}"#)),
            (
                App::Overland,
                format!(
                    r#"{{"locations":[{{"geometry":{{"coordinates":[11.5,48.1]}},"properties":{{"timestamp":"{iso}"}}}}]}}"#
                ),
            ),
            (
                App::Traccar,
                format!(
                    r#"{{"location":{{"timestamp":"{iso}","coords":{{"latitude":48.1,"longitude":11.5}}}},"device_id":"x"}}"#
                ),
            ),
        ] {
            assert_eq!(read(app, "", &body), ahead(seconds), "{body}");
        }
    }
}

#[test]
fn osmand_sends_metres_a_second_and_its_accuracy_as_hdop() {
    let template =
        "lat=52.5&lon=13.25&timestamp=1795521590000&hdop=12.0&altitude=34.0&speed=13.89&bearing=90.0";
    let shown = position(App::OsmAnd, template, "");
    assert_eq!(
        (&shown["speed"], &shown["accuracy"], &shown["heading"]),
        (&json!(13.89), &json!(12.0), &json!(90.0))
    );
    let blank = position(App::OsmAnd, &template.replace("&bearing", "&%20bearing"), "");
    assert_eq!((&blank["speed"], &blank["lat"]), (&json!(13.89), &json!(52.5)));
    // The protocol itself has knots, and a dilution of precision without a unit.
    let shown = position(App::Traccar, template, "");
    assert_eq!((&shown["speed"], &shown["accuracy"]), (&json!(7.15), &Value::Null));
}

#[test]
fn zero_for_not_known_is_not_known() {
    for (app, query) in [
        (
            App::Traccar,
            "id=1&timestamp=1795521590&lat=48.2&lon=11.5&speed=0.0&bearing=0.0&altitude=0.0&accuracy=0.0",
        ),
        (App::GpsLogger, "timestamp=1795521590&lat=48.2&lon=11.5&spd=0.0&dir=0.0&alt=0.0&acc=0.0"),
        (App::OsmAnd, "timestamp=1795521590000&lat=48.2&lon=11.5&speed=0.0&bearing=0.0&hdop=0.0"),
    ] {
        let shown = position(app, query, "");
        assert_eq!(
            (&shown["accuracy"], shown.get("heading"), &shown["speed"]),
            (&Value::Null, None, &json!(0.0)),
            "{app:?}"
        );
    }
    let body = r#"{"_type":"location","lat":1,"lon":2,"tst":1795521590,"acc":0,"vel":0,"cog":0}"#;
    let shown = position(App::OwnTracks, "", body);
    assert_eq!((&shown["accuracy"], shown.get("heading")), (&Value::Null, None));
}

/// What public bug reports of other servers are about, and what is right here.
#[test]
fn odd_numbers_and_texts_are_read_as_they_are_meant() {
    let owntracks = |fields: &str| format!(r#"{{"_type":"location","tid":"a",{fields}}}"#);
    for (fields, lat, lng) in [
        (r#""lat":4.81e1,"lon":1.15E+01,"tst":1795521590,"p":99.540000000000006"#, 48.1, 11.5),
        (r#""lat":-1.2e-05,"lon":-0.0,"tst":1795521590"#, -1.2e-05, 0.0),
        (r#""lat":48.3,"lon":11.5,"tst":1795521590000"#, 48.3, 11.5),
        (r#""lat":48.4,"lon":11.5,"tst":1795521590.75"#, 48.4, 11.5),
        (r#""lat":"48.1","lon":"11.5","tst":"1795521590","acc":"48","batt":"41""#, 48.1, 11.5),
        (
            r#""lat":48.5,"lon":11.5,"tst":1795521590,"vel":-1,"cog":-1,"batt":-100,"alt":null,"acc":null"#,
            48.5,
            11.5,
        ),
        (r#""lat":0.0,"lon":0.0,"tst":1795521590"#, 0.0, 0.0),
    ] {
        let shown = position(App::OwnTracks, "", &owntracks(fields));
        assert_eq!((&shown["lat"], &shown["lng"]), (&json!(lat), &json!(lng)), "{fields}");
    }
    let pretty = "{\n  \"_type\": \"location\",\n  \"acc\": 0,\n  \"lat\": 48.1,\n  \"lon\": 11.5,\n  \"tst\": 1795521590\n}\n";
    assert_eq!(position(App::OwnTracks, "", pretty)["accuracy"], Value::Null);
    for fields in
        [r#""lat":99.999,"lon":0,"tst":1795521590"#, r#""lat":1,"lon":2,"tst":0.5e400"#, r#""lat":1,"lon":2"#]
    {
        assert!(
            !matches!(read(App::OwnTracks, "", &owntracks(fields)), Ok(Payload::Position(_))),
            "{fields}"
        );
    }
    for (app, query, lat) in [
        (App::Traccar, "id=1&timestamp=1795521590&lat=4.9E-4&lon=-1.15E1&speed=1.0E-5&bearing=0.0", 4.9e-4),
        (
            App::Traccar,
            "id=1&timestamp=1795521590&lat=48.2&lon=11.5&speed=-1.0&bearing=-1.0&batt=-100.0&mock=true",
            48.2,
        ),
        (App::Traccar, "lat=48.4&lon=11.5&speed=0.0&heading=10.0&vacc=0&hacc=0&altitude=0&deviceid=1", 48.4),
        (
            App::GpsLogger,
            "lat=48.1&lon=11.5&timestamp=1795521590&acc=None&alt=NaN&spd=null&dir=unknown&batt=",
            48.1,
        ),
        (App::GpsLogger, "lat=+48.2+&lon=%2B11.5&timestamp=+1795521590+&acc=+4.0", 48.2),
        (App::GpsLogger, "lat=48.3&lon=11.5&timestamp=1795521590&device=%DEVICE_NAME&acc=4.0", 48.3),
        (App::GpsLogger, "lat=48.5&lon=11.5&timestamp=1795521590&acc=1e400&spd=1e308&dir=720&batt=1e9", 48.5),
    ] {
        assert_eq!(position(app, query, "")["lat"], json!(lat), "{query}");
    }
    let lines = "lat=48.5\n&lon=11.5\n&timestamp=1795521590\n&acc=4.0";
    assert_eq!(position(App::GpsLogger, "", lines)["accuracy"], 4.0);
    let beside = r#"{"position":{"lat":48.3},"speed":1.5}"#;
    assert_eq!(position(App::GpsLogger, "lat=48.3&lon=11.5&timestamp=1795521590", beside)["lat"], 48.3);
    for query in ["latitude=48.6&longitude=11.5", "lat=%LAT&lon=%LON&timestamp=%TIMESTAMP"] {
        assert_eq!(read(App::GpsLogger, query, ""), Err(Unusable::NoPosition), "{query}");
    }
}

#[test]
fn what_else_owntracks_sends_is_acknowledged() {
    for kind in ["lwt", "waypoint", "waypoints", "transition", "status", "card", "cmd", "steps", "new"] {
        let body = format!(r#"{{"_type":"{kind}","lat":1,"lon":2,"tst":1795521590}}"#);
        assert_eq!(read(App::OwnTracks, "", &body), Ok(Payload::Nothing), "{kind}");
    }
    for body in ["", " \n"] {
        assert_eq!(read(App::OwnTracks, "", body), Ok(Payload::Nothing));
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
            assert_eq!(read(App::OwnTracks, "", &body), Ok(Payload::Nothing), "{body}");
            let mut coords = json!({"latitude": 1, "longitude": 2});
            let mut time = json!("2026-11-24T11:59:50Z");
            match field {
                "lat" => coords["latitude"] = fields["lat"].clone(),
                "lon" => coords["longitude"] = fields["lon"].clone(),
                _ => time = fields["tst"].clone(),
            }
            let mut message = json!({"location": {"timestamp": time, "coords": coords}});
            assert_eq!(read(App::Traccar, "", &message.to_string()), Err(Unusable::NoPosition), "{message}");
            // With a device it is from the app, which would send it for ever.
            message["device_id"] = json!("x");
            assert_eq!(read(App::Traccar, "", &message.to_string()), Ok(Payload::Nothing), "{message}");
        }
    }
    for query in [
        "",
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
        "location=1",
        "location=1,2,3",
        "location=,",
        "%ff=%fe&lat=%00",
    ] {
        for app in [App::Traccar, App::GpsLogger, App::OsmAnd] {
            assert_eq!(read(app, query, ""), Err(Unusable::NoPosition), "{app:?} {query}");
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
