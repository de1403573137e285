//! What became of a tracker's report, so that its owner can be told while they set the app up.

use std::time::Duration;

use serde::Serialize;
use tagalong_core::room::NotShown;
use tagalong_core::time::Timestamp;
use utoipa::ToSchema;

use super::{App, Unusable};

/// For how long a report without a position tells less than one that had one.
const WITHOUT_POSITION_AFTER: Duration = Duration::from_secs(60);

/// What became of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everyone sees it.
    Shown,
    /// It was so old already.
    TooOld(Duration),
    /// A newer position is shown.
    Superseded,
    /// Its owner paused or stopped.
    Paused,
    /// Its time lies so far ahead.
    Ahead(Duration),
    /// It has no position, which is nothing wrong.
    NoPosition,
    /// It was so large that it was not read.
    TooLarge,
    /// It is not what the app sends, or its position makes no sense.
    NotUnderstood,
    /// It is encrypted.
    Encrypted,
}

impl Outcome {
    /// Of a position of that age, as the room decided.
    pub fn of(shown: Result<(), NotShown>, age: Duration) -> Self {
        match shown {
            Ok(()) => Self::Shown,
            Err(NotShown::TooOld) => Self::TooOld(age),
            Err(NotShown::Superseded) => Self::Superseded,
            Err(NotShown::Withdrawn) => Self::Paused,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::TooOld(_) => "too_old",
            Self::Superseded => "superseded",
            Self::Paused => "paused",
            Self::Ahead(_) => "clock_ahead",
            Self::NoPosition => "no_position",
            Self::TooLarge => "too_large",
            Self::NotUnderstood => "not_understood",
            Self::Encrypted => "encrypted",
        }
    }

    fn seconds(self) -> Option<u64> {
        match self {
            Self::TooOld(by) | Self::Ahead(by) => Some(by.as_secs()),
            _ => None,
        }
    }
}

impl From<Unusable> for Outcome {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Encrypted => Self::Encrypted,
            Unusable::Malformed | Unusable::NoPosition => Self::NotUnderstood,
        }
    }
}

/// The last report that came through a link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastReport {
    /// The app whose address it came to.
    pub app: App,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
}

impl LastReport {
    pub(super) fn tells_more_than(&self, last: &Self) -> bool {
        self.outcome != Outcome::NoPosition
            || last.outcome == Outcome::NoPosition
            || self.received_at.since(last.received_at) >= WITHOUT_POSITION_AFTER
    }
}

/// What became of the last report that the server which answers got from an app.
#[derive(Serialize, ToSchema)]
pub struct Reported {
    /// The app to whose address it came.
    #[schema(example = "owntracks")]
    app: &'static str,
    /// When it came in.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// `shown`; or why it was not: `too_old`, `superseded` (a newer position is shown), `paused` (its owner paused or
    /// stopped), `clock_ahead` (the phone's clock is more than a minute ahead), `no_position` (a heartbeat or the
    /// like), `too_large` (acknowledged and not read), `not_understood`, `encrypted`.
    #[schema(example = "too_old")]
    outcome: &'static str,
    /// How old it was, or how far ahead, in seconds; nothing for other outcomes.
    #[schema(required, example = 95)]
    seconds: Option<u64>,
}

impl From<LastReport> for Reported {
    fn from(LastReport { app, received_at, outcome }: LastReport) -> Self {
        Self { app: app.key(), received_at, outcome: outcome.name(), seconds: outcome.seconds() }
    }
}
