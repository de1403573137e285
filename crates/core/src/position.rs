//! A position that is in range and finite by construction.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::POSITION_AHEAD_MAX;
use crate::time::Timestamp;

/// A position and its time. `Debug` shows nothing: coordinates must never reach a log.
#[derive(Clone, PartialEq, Serialize)]
pub struct Position {
    lat: f64,
    lng: f64,
    accuracy: Option<f64>,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    altitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heading: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery: Option<f64>,
}

/// The fields of a position before validation, in the units of a [`Position`].
#[derive(Clone, Copy, PartialEq, Default)]
pub struct Reading {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lng: f64,
    /// Metres.
    pub accuracy: Option<f64>,
    /// When it was taken; `None` for now.
    pub timestamp: Option<Timestamp>,
    /// Metres.
    pub altitude: Option<f64>,
    /// Degrees from north, clockwise.
    pub heading: Option<f64>,
    /// Metres a second.
    pub speed: Option<f64>,
    /// 0 to 1.
    pub battery: Option<f64>,
}

/// Why a position from a client is invalid. Carries no value, on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidPosition {
    /// Not an object, or a field is missing, given twice, or of another type.
    #[error("not a location object")]
    Shape,
    /// The named field is out of its range.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// The time is not RFC 3339.
    #[error("timestamp is not an RFC 3339 time")]
    Timestamp,
    /// The time lies more than [`POSITION_AHEAD_MAX`] ahead of the server's.
    #[error("timestamp lies in the future")]
    Future,
}

#[derive(Deserialize)]
struct Sent<'a> {
    lat: f64,
    lng: f64,
    accuracy: Option<f64>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    altitude: Option<f64>,
    heading: Option<f64>,
    speed: Option<f64>,
    battery: Option<f64>,
}

impl Position {
    /// Reads the payload of a `location_update`; without a `timestamp` of its own the position is of `now`.
    ///
    /// Latitude is −90 to 90 and longitude −180 to 180 in degrees, accuracy 0 or more in metres, altitude in
    /// metres, heading 0 to 360 in degrees, speed 0 or more in metres a second, battery 0 to 1.
    ///
    /// # Errors
    /// When a field is missing, of another type or out of range.
    pub fn parse(json: &str, now: Timestamp) -> Result<Self, InvalidPosition> {
        Self::read(json, Some(now))?.not_after(now)
    }

    /// Validates a reading, by the same rules as [`Self::parse`].
    ///
    /// # Errors
    /// When a field is out of range.
    pub fn of(reading: Reading, now: Timestamp) -> Result<Self, InvalidPosition> {
        Self::checked(reading, Some(now))?.not_after(now)
    }

    fn not_after(self, now: Timestamp) -> Result<Self, InvalidPosition> {
        if self.timestamp > now.plus(POSITION_AHEAD_MAX) {
            return Err(InvalidPosition::Future);
        }
        Ok(self)
    }

    /// Reads a position that another node has accepted, by that node's clock.
    ///
    /// # Errors
    /// When a field is missing, of another type or out of range.
    pub fn restore(json: &str) -> Result<Self, InvalidPosition> {
        Self::read(json, None)
    }

    fn read(json: &str, now: Option<Timestamp>) -> Result<Self, InvalidPosition> {
        if !crate::json::is_object(json) {
            return Err(InvalidPosition::Shape);
        }
        let sent: Sent<'_> = serde_json::from_str(json).map_err(|_| InvalidPosition::Shape)?;
        let timestamp = sent.timestamp.as_deref().map(Timestamp::parse).transpose();
        let reading = Reading {
            lat: sent.lat,
            lng: sent.lng,
            accuracy: sent.accuracy,
            timestamp: timestamp.map_err(|_| InvalidPosition::Timestamp)?,
            altitude: sent.altitude,
            heading: sent.heading,
            speed: sent.speed,
            battery: sent.battery,
        };
        Self::checked(reading, now)
    }

    fn checked(sent: Reading, now: Option<Timestamp>) -> Result<Self, InvalidPosition> {
        let timestamp = sent.timestamp.or(now).ok_or(InvalidPosition::Timestamp)?;
        Ok(Self {
            lat: within("lat", sent.lat, -90.0, 90.0)?,
            lng: within("lng", sent.lng, -180.0, 180.0)?,
            accuracy: maybe_within("accuracy", sent.accuracy, 0.0, f64::MAX)?,
            timestamp,
            altitude: maybe_within("altitude", sent.altitude, f64::MIN, f64::MAX)?,
            heading: maybe_within("heading", sent.heading, 0.0, 360.0)?,
            speed: maybe_within("speed", sent.speed, 0.0, f64::MAX)?,
            battery: maybe_within("battery", sent.battery, 0.0, 1.0)?,
        })
    }

    pub fn reading(&self) -> Reading {
        Reading {
            lat: self.lat,
            lng: self.lng,
            accuracy: self.accuracy,
            timestamp: Some(self.timestamp),
            altitude: self.altitude,
            heading: self.heading,
            speed: self.speed,
            battery: self.battery,
        }
    }

    /// When the position was taken, by the sender's clock.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

fn within(field: &'static str, value: f64, min: f64, max: f64) -> Result<f64, InvalidPosition> {
    // Adding zero turns −0, which some JSON readers reject, into 0.
    if (min..=max).contains(&value) { Ok(value + 0.0) } else { Err(InvalidPosition::Range(field)) }
}

fn maybe_within(
    field: &'static str,
    value: Option<f64>,
    min: f64,
    max: f64,
) -> Result<Option<f64>, InvalidPosition> {
    value.map(|value| within(field, value, min, max)).transpose()
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading(…)")
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn read(json: &str) -> Result<String, InvalidPosition> {
        Position::parse(json, NOW).map(|position| serde_json::to_string(&position).unwrap())
    }

    #[test]
    fn the_least_and_the_most() {
        assert_eq!(
            read(r#"{"lat":52.5,"lng":13}"#).unwrap(),
            format!(r#"{{"lat":52.5,"lng":13.0,"accuracy":null,"timestamp":"{NOW}"}}"#)
        );
        let full = r#"{"lat":-90.0,"lng":180.0,"accuracy":5.0,"timestamp":"2026-01-01T00:00:00.000Z","altitude":-3.5,"heading":360.0,"speed":0.0,"battery":1.0}"#;
        assert_eq!(read(full).unwrap(), full);
    }

    #[test]
    fn unknown_fields_are_ignored_and_null_means_absent() {
        let json = r#"{"lat":1,"lng":2,"accuracy":null,"heading":null,"timestamp":null,"who":{"cares":[1]}}"#;
        assert!(read(json).unwrap().ends_with(&format!(r#""accuracy":null,"timestamp":"{NOW}"}}"#)));
    }

    #[test]
    fn every_refusal() {
        let shape = [
            "",
            "null",
            "[]",
            "3",
            "\"x\"",
            "{}",
            r#"{"lat":1}"#,
            r#"{"lat":"1","lng":2}"#,
            r#"{"lat":1e999,"lng":2}"#,
            r#"{"lat":NaN,"lng":2}"#,
            r#"{"lat":true,"lng":2}"#,
            r#"{"lat":1,"lat":1,"lng":2}"#,
            r#"{"lat":1,"lng":2,"timestamp":5}"#,
            r#"{"lat":1,"lng":2"#,
            "[1,2,null,null,null,null,null,null]",
        ];
        for json in shape {
            assert_eq!(read(json), Err(InvalidPosition::Shape), "{json}");
        }
        let range = [
            ("lat", r#"{"lat":90.0000001,"lng":2}"#),
            ("lat", r#"{"lat":-91,"lng":2}"#),
            ("lng", r#"{"lat":1,"lng":180.1}"#),
            ("lng", r#"{"lat":1,"lng":-1e308}"#),
            ("accuracy", r#"{"lat":1,"lng":2,"accuracy":-1}"#),
            ("heading", r#"{"lat":1,"lng":2,"heading":361}"#),
            ("speed", r#"{"lat":1,"lng":2,"speed":-0.1}"#),
            ("battery", r#"{"lat":1,"lng":2,"battery":55}"#),
        ];
        for (field, json) in range {
            assert_eq!(read(json), Err(InvalidPosition::Range(field)), "{json}");
        }
        let at = |time: Timestamp| format!(r#"{{"lat":1,"lng":2,"timestamp":"{time}"}}"#);
        assert_eq!(read(r#"{"lat":1,"lng":2,"timestamp":"today"}"#), Err(InvalidPosition::Timestamp));
        assert!(read(&at(NOW.plus(POSITION_AHEAD_MAX))).is_ok());
        let late = NOW.plus(POSITION_AHEAD_MAX).plus(std::time::Duration::from_millis(1));
        assert_eq!(read(&at(late)), Err(InvalidPosition::Future));
    }

    #[test]
    fn minus_zero_becomes_zero_and_debug_is_silent() {
        let position = Position::parse(r#"{"lat":-0.0,"lng":-0}"#, NOW).unwrap();
        assert!(serde_json::to_string(&position).unwrap().starts_with(r#"{"lat":0.0,"lng":0.0,"#));
        assert_eq!(format!("{position:?}"), "Position(…)");
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_in_range_and_read_again(lat: f64, lng: f64, accuracy: Option<f64>) {
            let sent = serde_json::json!({"lat": lat, "lng": lng, "accuracy": accuracy}).to_string();
            let in_range = lat.abs() <= 90.0 && lng.abs() <= 180.0 && accuracy.is_none_or(|a| a >= 0.0 || !a.is_finite());
            prop_assert_eq!(read(&sent).is_ok(), in_range && lat.is_finite() && lng.is_finite());
            if let Ok(written) = read(&sent) {
                prop_assert_eq!(read(&written).unwrap(), written);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = read(&text);
        }
    }
}
