//! Warnings that can come many times a second: each kind is said at once, and then now and then, with how many
//! were left out. What is said less often than that goes to the log as it is.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::clock::Clock;

/// A kind of warning is said once in this time.
pub const SAID_EVERY: Duration = Duration::from_secs(10);

/// A kind that was left out and is not said again for this long is told of by itself: its burst may be over.
pub const TOLD_AFTER: Duration = Duration::from_secs(20);

/// What is warned of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The operating system gives us no connection, for example because no file is free.
    CannotAccept,
    /// Somebody opens more connections than one address may have.
    TooManyConnections,
    /// There are as many connections as the limit of open files allows.
    NoRoomForConnections,
    /// A request needed the database, and got no answer.
    DatabaseAway,
    /// A request was refused that cost nothing to make and nothing to refuse.
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
    /// What it is called in the log.
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

/// What was said when.
pub struct Warnings {
    clock: Clock,
    kinds: Mutex<[Emitted; KINDS.len()]>,
}

impl Warnings {
    /// Nothing was said yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, kinds: Mutex::default() }
    }

    /// How many of the kind were left out since it was last said, if it is to be said again now.
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

    /// Tells of kinds that were left out and were not said for `quiet`: the next of the kind may never come.
    pub fn tell_left_out(&self, quiet: Duration) {
        for (kind, left_out) in self.take_left_out(quiet) {
            tracing::warn!(kind = kind.name(), left_out, "the same again");
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
    fn each_kind_is_said_at_once_and_then_now_and_then_with_how_many_were_left_out() {
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
    fn what_a_burst_left_out_is_told_once_when_nothing_of_its_kind_follows() {
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
