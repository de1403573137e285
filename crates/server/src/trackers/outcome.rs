//! The outcome of a report, shown to its owner during the setup of the app.

use std::time::Duration;

use serde::Serialize;
use tagalong_core::room::NotShown;
use tagalong_core::time::Timestamp;
use utoipa::ToSchema;

use super::{App, Unusable};

/// How long the outcome of a report with a position is not replaced by one without.
const WITHOUT_POSITION_AFTER: Duration = Duration::from_secs(60);

/// The outcome of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Shown,
    /// It was this old already.
    TooOld(Duration),
    /// A newer position is shown.
    Superseded,
    /// Its owner paused or stopped.
    Paused,
    /// Its time lies this far ahead.
    Ahead(Duration),
    /// It has no position, which is no error.
    NoPosition,
    /// Too large to be read.
    TooLarge,
    /// Not in the app's format, or with an invalid position.
    NotUnderstood,
    Encrypted,
}

impl Outcome {
    /// The outcome of a position, from the room's decision.
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
    pub app: App,
    pub received_at: Timestamp,
    pub outcome: Outcome,
}

impl LastReport {
    pub(super) fn tells_more_than(&self, last: &Self) -> bool {
        self.outcome != Outcome::NoPosition
            || last.outcome == Outcome::NoPosition
            || self.received_at.since(last.received_at) >= WITHOUT_POSITION_AFTER
    }
}

/// The outcome of the last report to the node that answers.
#[derive(Serialize, ToSchema)]
pub struct Reported {
    /// The app.
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
    /// Its age, or how far its time lies ahead, in seconds; `null` for other outcomes.
    #[schema(required, example = 95)]
    seconds: Option<u64>,
}

impl From<LastReport> for Reported {
    fn from(LastReport { app, received_at, outcome }: LastReport) -> Self {
        Self { app: app.key(), received_at, outcome: outcome.name(), seconds: outcome.seconds() }
    }
}
