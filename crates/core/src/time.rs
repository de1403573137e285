//! Points in time, as on the wire and in the database. Nothing here reads a clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Milliseconds since 1970-01-01T00:00:00Z, within the years 0 to 9999 that RFC 3339 can write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 date and time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an RFC 3339 time")]
pub struct InvalidTimestamp;

impl Timestamp {
    const MIN: i64 = -62_167_219_200_000;
    const MAX: i64 = 253_402_300_799_999;

    /// Milliseconds after 1970, clamped to the years 0 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN {
            Self(Self::MIN)
        } else if millis > Self::MAX {
            Self(Self::MAX)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// For a database. Always in its range: the years 0 to 9999.
    pub fn to_utc(self) -> OffsetDateTime {
        let since_1970 = time::Duration::milliseconds(self.0);
        OffsetDateTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// From a database, cut to milliseconds.
    pub fn from_utc(time: OffsetDateTime) -> Self {
        let millis = time.unix_timestamp_nanos().div_euclid(1_000_000);
        Self::from_millis(i64::try_from(millis).unwrap_or(Self::MAX))
    }

    /// Reads RFC 3339, with any offset, cut to milliseconds.
    ///
    /// # Errors
    /// When the text is not RFC 3339, or names no real date.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp)?;
        let millis = time.unix_timestamp_nanos().div_euclid(1_000_000);
        let millis = i64::try_from(millis).map_err(|_| InvalidTimestamp)?;
        // An offset can move a time of the year 0 or 9999 out of the range.
        if (Self::MIN..=Self::MAX).contains(&millis) { Ok(Self(millis)) } else { Err(InvalidTimestamp) }
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(saturating_millis(duration)))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(saturating_millis(duration)))
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn saturating_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        let nanos = i128::from(self.0) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| fmt::Error)?;
        f.write_str(&time.format(&format).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_offsets_and_writes_utc() {
        let time = Timestamp::parse("2026-11-24T02:30:00.123456+01:30").unwrap();
        assert_eq!(time.to_string(), "2026-11-24T01:00:00.123Z");
    }

    #[test]
    fn refuses_what_is_not_rfc_3339() {
        for text in ["", "now", "2026-11-24", "2026-11-24 01:00", "2026-13-01T00:00:00Z", "1764000000"] {
            assert_eq!(Timestamp::parse(text), Err(InvalidTimestamp), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(millis in Timestamp::MIN..=Timestamp::MAX) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
            prop_assert_eq!(Timestamp::from_utc(time.to_utc()), time);
        }

        #[test]
        fn arithmetic_never_leaves_the_range(millis: i64, seconds: u64) {
            let time = Timestamp::from_millis(millis);
            for moved in [time.plus(Duration::from_secs(seconds)), time.minus(Duration::from_secs(seconds))] {
                prop_assert!(Timestamp::parse(&moved.to_string()).is_ok());
            }
        }
    }
}
