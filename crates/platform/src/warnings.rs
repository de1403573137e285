//! Suppression of warnings that can come many times a second: each kind is logged at once, and then at an interval with
//! the number suppressed. Rarer warnings go to the log directly.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::clock::Clock;

/// A kind of warning is logged at most once in this time.
pub const SAID_EVERY: Duration = Duration::from_secs(10);

/// If no further warning of a kind comes for this long, the number suppressed is logged by itself.
pub const TOLD_AFTER: Duration = Duration::from_secs(20);

/// The kinds of warnings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The operating system gives no connection, for example because no file is free.
    CannotAccept,
    /// An address opens more connections than it may have.
    TooManyConnections,
    /// The limit of open files is reached.
    NoRoomForConnections,
    /// A request needed the database, and got no answer.
    DatabaseAway,
    /// A cheap request was rejected.
    Refused,
}

const KINDS: [Kind; 5] = [
    Kind::CannotAccept,
    Kind::TooManyConnections,
    Kind::NoRoomForConnections,
    Kind::DatabaseAway,
    Kind::Refused,
];

impl Kind {
    /// The name in the log.
    fn name(self) -> &'static str {
        match self {
            Self::CannotAccept => "cannot_accept",
            Self::TooManyConnections => "too_many_connections",
            Self::NoRoomForConnections => "no_room_for_connections",
            Self::DatabaseAway => "database_away",
            Self::Refused => "refused",
        }
    }
}

#[derive(Clone, Copy, Default, Debug)]
struct Emitted {
    last: Option<Instant>,
    left_out: u64,
}

/// The warnings logged so far.
pub struct Warnings {
    clock: Clock,
    kinds: Mutex<[Emitted; KINDS.len()]>,
}

impl Warnings {
    pub fn new(clock: Clock) -> Self {
        Self { clock, kinds: Mutex::default() }
    }

    /// The number suppressed since the last warning of this kind; `None` if this one must be suppressed too.
    pub fn due(&self, kind: Kind) -> Option<u64> {
        let now = self.clock.instant();
        let mut kinds = self.kinds.lock();
        let said = &mut kinds[kind as usize];
        if said.last.is_some_and(|last| now.duration_since(last) < SAID_EVERY) {
            said.left_out += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.left_out))
    }

    /// Logs the suppressed number of each kind without a warning for `quiet`, because the next one may never come.
    pub fn tell_left_out(&self, quiet: Duration) {
        for (kind, left_out) in self.take_left_out(quiet) {
            tracing::warn!(kind = kind.name(), left_out, "suppressed repeated warnings");
        }
    }

    fn take_left_out(&self, quiet: Duration) -> Vec<(Kind, u64)> {
        let now = self.clock.instant();
        let mut kinds = self.kinds.lock();
        let take = |kind: Kind| {
            let said = &mut kinds[kind as usize];
            let over = said.left_out > 0 && said.last.is_some_and(|last| now.duration_since(last) >= quiet);
            over.then(|| (kind, std::mem::take(&mut said.left_out)))
        };
        KINDS.into_iter().filter_map(take).collect()
    }
}

#[cfg(test)]
mod tests {
    use tagalong_core::time::Timestamp;

    use super::*;

    #[test]
    fn each_kind_is_logged_at_once_and_then_at_an_interval_with_the_number_suppressed() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let warnings = Warnings::new(clock);
        assert_eq!(warnings.due(Kind::CannotAccept), Some(0));
        for _ in 0..1000 {
            assert_eq!(warnings.due(Kind::CannotAccept), None);
        }
        assert_eq!(warnings.due(Kind::DatabaseAway), Some(0), "another kind");
        hand.advance(SAID_EVERY.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(warnings.due(Kind::CannotAccept), None);
        hand.advance(Duration::from_millis(1));
        assert_eq!(warnings.due(Kind::CannotAccept), Some(1001));
        assert_eq!(warnings.due(Kind::CannotAccept), None);
        hand.advance(SAID_EVERY);
        assert_eq!(warnings.due(Kind::CannotAccept), Some(1));
    }

    #[test]
    fn the_number_suppressed_is_logged_once_after_a_burst() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let warnings = Warnings::new(clock);
        for kind in [Kind::TooManyConnections, Kind::DatabaseAway, Kind::DatabaseAway] {
            warnings.due(kind);
        }
        hand.advance(TOLD_AFTER.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(warnings.take_left_out(TOLD_AFTER), []);
        hand.advance(Duration::from_millis(1));
        assert_eq!(warnings.take_left_out(TOLD_AFTER), [(Kind::DatabaseAway, 1)]);
        assert_eq!(warnings.take_left_out(Duration::ZERO), []);
        assert_eq!(warnings.due(Kind::DatabaseAway), Some(0), "it was told");
    }
}
