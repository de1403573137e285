//! The table of names and units of each app's fields.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use tagalong_core::position::{InvalidPosition, Position, Reading};
use tagalong_core::time::Timestamp;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::{Payload, Unusable};

/// Knots in a metre a second.
const KNOTS: f64 = 3600.0 / 1852.0;
/// Kilometres an hour in a metre a second.
const KM_H: f64 = 3.6;
/// Metres a second, and parts of one.
const AS_OURS: f64 = 1.0;
const PERCENT: f64 = 100.0;
/// A number from here on is a time in milliseconds: as seconds it would lie in the year 5138.
const FIRST_MILLIS: f64 = 1e11;
/// The end of the year 9999, in milliseconds.
const LAST_MILLIS: f64 = 253_402_300_800_000.0;

/// The fields of an app's positions (JSON pointers; the first present one counts), and the divisors that convert its
/// units to those of this server.
pub(super) struct Shape {
    lat: &'static [&'static str],
    lng: &'static [&'static str],
    time: &'static [&'static str],
    /// Whether every position must have a time; otherwise one without a time is of now.
    always_timed: bool,
    accuracy: &'static [&'static str],
    altitude: &'static [&'static str],
    heading: &'static [&'static str],
    speed: (&'static [&'static str], f64),
    battery: (&'static [&'static str], f64),
}

/// <https://owntracks.org/booklet/tech/json/#_typelocation>: km/h, percent, seconds.
pub(super) const OWNTRACKS: Shape = Shape {
    lat: &["/lat"],
    lng: &["/lon"],
    time: &["/tst"],
    always_timed: true,
    accuracy: &["/acc"],
    altitude: &["/alt"],
    heading: &["/cog"],
    speed: (&["/vel"], KM_H),
    battery: (&["/batt"], PERCENT),
};

/// <https://www.traccar.org/osmand/>, as form or query: knots, percent.
pub(super) const TRACCAR_FORM: Shape = Shape {
    lat: &["/lat"],
    lng: &["/lon"],
    time: &["/timestamp"],
    always_timed: false,
    accuracy: &["/accuracy"],
    altitude: &["/altitude"],
    heading: &["/bearing", "/heading"],
    speed: (&["/speed"], KNOTS),
    battery: (&["/batt"], PERCENT),
};

/// The same protocol as OsmAnd itself speaks it: metres a second, and `hdop` is the accuracy in metres, for OsmAnd
/// writes `Location.getAccuracy()` there.
pub(super) const OSMAND: Shape =
    Shape { accuracy: &["/accuracy", "/hdop"], speed: (&["/speed"], AS_OURS), ..TRACCAR_FORM };

/// Traccar Client 9: metres a second, 0 to 1, −1 for what is not known.
pub(super) const TRACCAR_JSON: Shape = Shape {
    lat: &["/location/coords/latitude"],
    lng: &["/location/coords/longitude"],
    time: &["/location/timestamp"],
    always_timed: true,
    accuracy: &["/location/coords/accuracy"],
    altitude: &["/location/coords/altitude"],
    heading: &["/location/coords/heading"],
    speed: (&["/location/coords/speed"], AS_OURS),
    battery: (&["/location/battery/level"], AS_OURS),
};

/// One feature of <https://github.com/aaronpk/Overland-iOS#api>: metres a second, 0 to 1, −1 for what is not
/// known, longitude first.
pub(super) const OVERLAND: Shape = Shape {
    lat: &["/geometry/coordinates/1"],
    lng: &["/geometry/coordinates/0"],
    time: &["/properties/timestamp"],
    always_timed: true,
    accuracy: &["/properties/horizontal_accuracy"],
    altitude: &["/properties/altitude"],
    heading: &["/properties/course"],
    speed: (&["/properties/speed"], AS_OURS),
    battery: (&["/properties/battery_level"], AS_OURS),
};

/// <https://gpslogger.app/#usingthecustomurlfeature>, the names of its `%ALL`: metres a second, percent.
pub(super) const GPSLOGGER: Shape = Shape {
    lat: &["/lat"],
    lng: &["/lon"],
    time: &["/timestamp", "/time"],
    always_timed: false,
    accuracy: &["/acc"],
    altitude: &["/alt"],
    heading: &["/dir"],
    speed: (&["/spd"], AS_OURS),
    battery: (&["/batt"], PERCENT),
};

/// Why a value is no usable position. Carries no place, on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unfit {
    /// It has no place, or an invalid one.
    NoPlace,
    /// Its time is missing or cannot be read.
    NoTime,
    /// Its time lies ahead by more than [`POSITION_AHEAD_MAX`](tagalong_core::limits::POSITION_AHEAD_MAX).
    Ahead(Duration),
}

impl Unfit {
    /// The outcome of a request without a usable position. Every adapter acknowledges a position from the future: an
    /// app would send it again until its time has come, when it is old.
    pub(super) fn said(self) -> Result<Payload, Unusable> {
        match self {
            Self::Ahead(by) => Ok(Payload::Ahead(by)),
            Self::NoPlace | Self::NoTime => Err(Unusable::NoPosition),
        }
    }
}

impl Shape {
    /// Reads a position. Optional fields that are unknown or invalid are left out.
    pub(super) fn read(&self, value: &Value, now: Timestamp) -> Result<Position, Unfit> {
        let number = |names: &[&str]| find(value, names).and_then(as_number);
        let within = |names: &[&str], unit: f64, min: f64, max: f64| {
            number(names).map(|number| number / unit).filter(|number| (min..=max).contains(number))
        };
        let place = number(self.lat).zip(number(self.lng)).ok_or(Unfit::NoPlace)?;
        let timestamp = match find(value, self.time) {
            Some(time) => Some(as_time(time).ok_or(Unfit::NoTime)?),
            None if self.always_timed => return Err(Unfit::NoTime),
            None => None,
        };
        let speed = within(self.speed.0, self.speed.1, 0.0, f64::MAX);
        // Android writes 0.0 for unknown values. No fix has an accuracy of 0 metres, and a phone that stands still has
        // no heading.
        let is_known = |number: &f64| *number > 0.0;
        let heading = within(self.heading, 1.0, 0.0, 360.0);
        let reading = Reading {
            lat: place.0,
            lng: place.1,
            accuracy: within(self.accuracy, 1.0, 0.0, f64::MAX).filter(is_known),
            timestamp,
            altitude: within(self.altitude, 1.0, f64::MIN, f64::MAX),
            heading: heading.filter(|heading| is_known(heading) || speed != Some(0.0)),
            speed,
            battery: within(self.battery.0, self.battery.1, 0.0, 1.0),
        };
        Position::of(reading, now).map_err(|invalid| match (invalid, timestamp) {
            (InvalidPosition::Future, Some(timestamp)) => Unfit::Ahead(timestamp.since(now)),
            _ => Unfit::NoPlace,
        })
    }

    /// Whether a value has no place.
    pub(super) fn has_no_place(&self, value: &Value) -> bool {
        find(value, self.lat).is_none() && find(value, self.lng).is_none()
    }
}

/// The first field that is present and not empty: a template leaves unknown values empty.
fn find<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let said = |value: &&Value| !value.is_null() && value.as_str() != Some("");
    names.iter().find_map(|name| value.pointer(name).filter(said))
}

fn as_number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// Seconds or milliseconds since 1970, RFC 3339, the same with an offset without a colon, or
/// `2026-11-24 12:00:00` in UTC.
fn as_time(value: &Value) -> Option<Timestamp> {
    if let Some(number) = as_number(value) {
        let millis = if number.abs() < FIRST_MILLIS { number * 1e3 } else { number };
        #[expect(clippy::cast_possible_truncation, reason = "checked to be small")]
        return (millis.abs() < LAST_MILLIS).then(|| Timestamp::from_millis(millis as i64));
    }
    let text = value.as_str()?.trim();
    if let Ok(time) = Timestamp::parse(text) {
        return Some(time);
    }
    let offset = format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]][offset_hour sign:mandatory][offset_minute]"
    );
    let plain = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let with_offset = OffsetDateTime::parse(text, offset);
    let read =
        with_offset.or_else(|_| PrimitiveDateTime::parse(text, plain).map(PrimitiveDateTime::assume_utc));
    read.ok().map(Timestamp::from_utc)
}

/// The pairs of queries and forms as an object. The first of two with the same name counts.
pub(super) fn pairs<'a>(encoded: impl IntoIterator<Item = &'a [u8]>) -> Value {
    let mut fields = BTreeMap::new();
    for part in encoded {
        for (name, value) in form_urlencoded::parse(part) {
            fields.entry(name.into_owned()).or_insert_with(|| Value::String(value.into_owned()));
        }
    }
    Value::Object(fields.into_iter().collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_521_600_000);

    #[test]
    fn times_in_every_way_of_writing_them() {
        let noon = NOW;
        for value in [
            json!(1_795_521_600),
            json!(1_795_521_600.0),
            json!("1795521600"),
            json!(1_795_521_600_000_i64),
            json!("1795521600000"),
            json!("2026-11-24T12:00:00Z"),
            json!("2026-11-24T12:00:00.000Z"),
            json!("2026-11-24T13:30:00+01:30"),
            json!("2026-11-24T05:00:00-0700"),
            json!("2026-11-24T13:00:00.000+0100"),
            json!("2026-11-24 12:00:00"),
        ] {
            assert_eq!(as_time(&value), Some(noon), "{value}");
        }
        for value in [json!("yesterday"), json!(true), json!([]), json!("2026-13-01 12:00:00"), json!("NaN")]
        {
            assert_eq!(as_time(&value), None, "{value}");
        }
    }

    #[test]
    fn zero_for_an_unknown_value_is_left_out() {
        for (speed, bearing, heading) in [
            (json!(0.0), 0.0, None),
            (json!(0), 213.0, Some(213.0)),
            (json!(1e-5), 0.0, Some(0.0)),
            (json!(null), 0.0, Some(0.0)),
        ] {
            let value = json!({"lat": 1, "lon": 2, "accuracy": 0.0, "speed": speed, "bearing": bearing});
            let reading = TRACCAR_FORM.read(&value, NOW).unwrap().reading();
            assert_eq!((reading.accuracy, reading.heading), (None, heading), "{value}");
        }
    }

    #[test]
    fn percent_come_out_as_they_were_meant() {
        for (sent, battery) in [(json!(41), 0.41), (json!("87.0"), 0.87), (json!(100), 1.0), (json!(0), 0.0)]
        {
            let value = json!({"lat": 1, "lon": 2, "tst": 1_795_521_600, "batt": sent});
            assert_eq!(OWNTRACKS.read(&value, NOW).unwrap().reading().battery, Some(battery));
        }
    }

    #[test]
    fn a_time_too_far_ahead_says_how_far() {
        let at = |seconds: i64| json!({"lat": 1, "lon": 2, "tst": 1_795_521_600 + seconds});
        assert!(OWNTRACKS.read(&at(60), NOW).is_ok());
        assert_eq!(OWNTRACKS.read(&at(95), NOW), Err(Unfit::Ahead(Duration::from_secs(95))));
        assert_eq!(
            OWNTRACKS.read(&json!({"lat": 91, "lon": 2, "tst": 1_795_521_695}), NOW),
            Err(Unfit::NoPlace)
        );
    }

    proptest! {
        #[test]
        fn speeds_come_out_in_metres_a_second(speed in 0.0..500.0_f64) {
            for (shape, sent) in [
                (&OWNTRACKS, speed * 3.6),
                (&TRACCAR_FORM, speed * 3600.0 / 1852.0),
                (&OSMAND, speed),
                (&GPSLOGGER, speed),
            ] {
                let value = json!({"lat": 1, "lon": 2, "tst": 1_795_521_600, "vel": sent, "speed": sent, "spd": sent});
                let read = shape.read(&value, NOW).unwrap().reading().speed.unwrap();
                prop_assert!((read - speed).abs() < 1e-9 * (1.0 + speed));
            }
        }

        #[test]
        fn every_position_read_is_in_range(lat: f64, lon: f64, acc: f64, cog: f64, vel: f64, batt: f64, tst: i64) {
            let value = json!({"lat": lat, "lon": lon, "acc": acc, "cog": cog, "vel": vel, "batt": batt, "tst": tst});
            if let Ok(position) = OWNTRACKS.read(&value, NOW) {
                let json = serde_json::to_string(&position).unwrap();
                prop_assert_eq!(Position::parse(&json, NOW), Ok(position));
            }
        }

        #[test]
        fn seconds_and_milliseconds_are_the_same_time(seconds in 100_000_000_i64..4_000_000_000) {
            prop_assert_eq!(as_time(&json!(seconds)), as_time(&json!(seconds * 1000)));
        }
    }
}
