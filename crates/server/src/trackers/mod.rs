//! Tracker apps: phones that share from a pocket, where a browser cannot.
//!
//! One adapter per file; `fields` has the common parts. Nothing about an app is known outside: an adapter turns its
//! reports into a [`Position`], as from a socket, and the result into the answer that the app expects.

pub mod avatars;
mod fields;
mod gpslogger;
pub mod link;
pub mod link_cache;
pub mod outcome;
pub mod overland;
pub mod owntracks;
mod phone_clock;
pub mod setup;
pub mod traccar;

use std::time::Duration;

use bytes::Bytes;
use tagalong_core::position::Position;
use tagalong_core::time::Timestamp;

pub use self::link::TrackerLink;

/// The apps that are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum App {
    /// OwnTracks in HTTP mode.
    OwnTracks,
    /// Traccar Client, and other programs that speak the OsmAnd protocol with speeds in knots.
    Traccar,
    /// Overland.
    Overland,
    /// GPSLogger with a custom URL.
    GpsLogger,
    /// OsmAnd's online tracking, with speeds in metres a second.
    OsmAnd,
}

/// The parts of a request that an adapter reads.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// After the question mark.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The content of a report.
#[derive(Clone, PartialEq, Debug)]
pub enum Payload {
    /// The owner's position.
    Position(Position),
    /// A position whose time lies this far ahead: acknowledged and never shown.
    Ahead(Duration),
    /// A message without a position: only acknowledged.
    Nothing,
}

/// Why a request cannot be used. Carries no value, on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    #[error("This is not what this app sends")]
    Malformed,
    #[error("The position is missing or out of range")]
    NoPosition,
    #[error("Encrypted payloads are not understood: remove the encryption key in the app")]
    Encrypted,
}

impl App {
    pub const ALL: [Self; 5] =
        [Self::OwnTracks, Self::Traccar, Self::Overland, Self::GpsLogger, Self::OsmAnd];

    /// The name in addresses.
    pub fn key(self) -> &'static str {
        match self {
            Self::OwnTracks => "owntracks",
            Self::Traccar => "traccar",
            Self::Overland => "overland",
            Self::GpsLogger => "gpslogger",
            Self::OsmAnd => "osmand",
        }
    }

    /// Reads the name in an address.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|app| app.key() == key)
    }

    /// Parses a request that came in at `now`.
    ///
    /// # Errors When it is unusable, and the app or its owner can act on that. An app that would send the same again
    /// for ever gets an acknowledgement instead.
    pub fn read(self, request: Request<'_>, now: Timestamp) -> Result<Payload, Unusable> {
        match self {
            Self::OwnTracks => owntracks::read(request, now),
            Self::Traccar => traccar::read(request, now, &fields::TRACCAR_FORM),
            Self::OsmAnd => traccar::read(request, now, &fields::OSMAND),
            Self::Overland => overland::read(request, now),
            Self::GpsLogger => gpslogger::read(request, now),
        }
    }

    /// Whether its answer shows the others.
    pub fn shows_others(self) -> bool {
        self == Self::OwnTracks
    }

    /// An acknowledgement without other participants.
    pub fn yes(self) -> Bytes {
        Bytes::from_static(match self {
            Self::OwnTracks => b"[]",
            Self::Overland => overland::TAKEN.as_bytes(),
            Self::Traccar | Self::GpsLogger | Self::OsmAnd => b"",
        })
    }
}
