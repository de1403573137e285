//! Tracker apps: phones that go on sharing in a pocket, where a browser cannot.
//!
//! One adapter a file; what they have in common stands in `fields`. Nothing of any app leaks past here: what
//! comes out is a [`Position`], as from a socket, and what the domain has to say becomes what the app expects.

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

/// A request of an app, as far as its adapter looks at it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// After the question mark.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// What an app said.
#[derive(Clone, PartialEq, Debug)]
pub enum Payload {
    /// Where its owner is.
    Position(Position),
    /// Where its owner was, at a time that lies so far ahead: it is acknowledged and never shown.
    Ahead(Duration),
    /// Something to be acknowledged and no more.
    Nothing,
}

/// Why a request cannot be used. Carries no value, on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// Nothing that the app would send.
    #[error("This is not what this app sends")]
    Malformed,
    /// Without a place or a time, or with absurd ones.
    #[error("The position is missing or out of range")]
    NoPosition,
    /// Encrypted with a key that only the app knows.
    #[error("Encrypted payloads are not understood: remove the encryption key in the app")]
    Encrypted,
}

impl App {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 5] =
        [Self::OwnTracks, Self::Traccar, Self::Overland, Self::GpsLogger, Self::OsmAnd];

    /// What it is called in addresses.
    pub fn key(self) -> &'static str {
        match self {
            Self::OwnTracks => "owntracks",
            Self::Traccar => "traccar",
            Self::Overland => "overland",
            Self::GpsLogger => "gpslogger",
            Self::OsmAnd => "osmand",
        }
    }

    /// Reads what an address calls it.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|app| app.key() == key)
    }

    /// Understands a request that came in at `now`.
    ///
    /// # Errors
    /// When it cannot be used, and the app or its owner understands that. An app that would send the same again
    /// for ever is told that all is well instead.
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

    /// All is well, and there is nobody to be shown.
    pub fn yes(self) -> Bytes {
        Bytes::from_static(match self {
            Self::OwnTracks => b"[]",
            Self::Overland => overland::TAKEN.as_bytes(),
            Self::Traccar | Self::GpsLogger | Self::OsmAnd => b"",
        })
    }
}
