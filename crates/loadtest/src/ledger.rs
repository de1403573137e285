//! Who was owed which update, and what became of it.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Highest latency that is told apart, in microseconds: 60 s.
const LATENCY_MAX: u64 = 60_000_000;
/// In [`Ledger::seen`]: what came with the snapshot, which a broadcast on its way may repeat.
const WELCOME: u32 = 1 << 31;

/// A histogram of microseconds, to three digits.
#[expect(clippy::expect_used, reason = "the bounds are constants that are known to be right")]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX, 3).expect("valid bounds")
}

struct Sent {
    due: u64,
    sequence: u32,
    sender: u32,
}

/// What became of the updates of a window.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Counts {
    /// Updates sent.
    pub sent: u64,
    /// Deliveries that these ask for: one for each other connection of the session.
    pub expected: u64,
    /// Arrived.
    pub delivered: u64,
    /// Did not arrive because a newer one of the same person did.
    pub superseded: u64,
    /// Neither arrived nor were replaced by a newer one.
    pub missing: u64,
    /// Arrived once more.
    pub duplicated: u64,
    /// Arrived after a newer one.
    pub reordered: u64,
}

/// Numbers updates and follows them.
pub struct Ledger {
    people_per_session: u32,
    sent: Vec<Sent>,
    /// The window: the number of its first update.
    first: usize,
    /// Each sender's newest sequence, from 1 on.
    newest: Vec<u32>,
    /// The same when the window began: what was sent before, and missed by somebody who did not read then, is not
    /// of this window.
    before: Vec<u32>,
    /// Each receiver's newest sequence of each place in their session.
    seen: Vec<u32>,
    counts: Counts,
    latency: Histogram<u64>,
}

impl Ledger {
    /// For `people` in sessions of `people_per_session`, numbered session by session.
    pub fn new(people: u32, people_per_session: u32) -> Self {
        let cells = people as usize * people_per_session as usize;
        Self {
            people_per_session,
            sent: Vec::new(),
            first: 0,
            newest: vec![0; people as usize],
            before: vec![0; people as usize],
            seen: vec![WELCOME; cells],
            counts: Counts::default(),
            latency: histogram(),
        }
    }

    /// Begins a window: counts and latencies from here on.
    pub fn begin(&mut self) {
        self.first = self.sent.len();
        self.before.clone_from(&self.newest);
        self.counts = Counts::default();
        self.latency.reset();
    }

    /// Somebody is about to send, due at a time in microseconds, to `others`: the update's number.
    pub fn send(&mut self, sender: u32, due: u64, others: u64) -> u32 {
        let number = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        let newest = &mut self.newest[sender as usize];
        *newest += 1;
        self.sent.push(Sent { due, sequence: *newest, sender });
        self.counts.sent += 1;
        self.counts.expected += others;
        number
    }

    fn cell(&self, receiver: u32, sender: u32) -> usize {
        receiver as usize * self.people_per_session as usize + (sender % self.people_per_session) as usize
    }

    /// Somebody came in: what was sent until now came with the snapshot, or is not owed.
    pub fn welcomed(&mut self, receiver: u32) {
        let session = receiver - receiver % self.people_per_session;
        for place in 0..self.people_per_session {
            let sender = session + place;
            let cell = self.cell(receiver, sender);
            self.seen[cell] = self.newest.get(sender as usize).copied().unwrap_or(0) | WELCOME;
        }
    }

    /// An update arrived at a time in microseconds; `timed` unless the receiver is slow on purpose.
    pub fn heard(&mut self, receiver: u32, number: u32, now: u64, timed: bool) {
        let Some(Sent { due, sequence, sender }) = self.sent.get(number as usize) else { return };
        let (due, sequence, sender) = (*due, *sequence, *sender);
        let cell = self.cell(receiver, sender);
        let seen = self.seen[cell];
        let known = seen & !WELCOME;
        if sequence <= known {
            let again = u64::from(seen & WELCOME == 0);
            self.counts.duplicated += if sequence == known { again } else { 0 };
            self.counts.reordered += if sequence == known { 0 } else { again };
            return;
        }
        self.seen[cell] = sequence;
        if (number as usize) < self.first {
            return;
        }
        self.counts.delivered += 1;
        let before = self.before.get(sender as usize).copied().unwrap_or(0);
        self.counts.superseded += u64::from(sequence - known.max(before) - 1);
        if timed {
            self.latency.saturating_record(now.saturating_sub(due).max(1));
        }
    }

    /// Whether everything that was asked for has come, or something newer.
    pub fn settled(&self) -> bool {
        self.counts.delivered + self.counts.superseded >= self.counts.expected
    }

    /// Ends the window: what became of everything, for the receivers that `present` names.
    pub fn finish(&mut self, present: impl Fn(u32) -> bool) -> (Counts, Histogram<u64>) {
        let people = u32::try_from(self.newest.len()).unwrap_or(u32::MAX);
        let mut missing = 0;
        for receiver in (0..people).filter(|receiver| present(*receiver)) {
            let session = receiver - receiver % self.people_per_session;
            for sender in (session..session + self.people_per_session).filter(|sender| *sender != receiver) {
                let newest = self.newest.get(sender as usize).copied().unwrap_or(0);
                let cell = self.cell(receiver, sender);
                let before = self.before.get(sender as usize).copied().unwrap_or(0);
                missing += u64::from(newest.saturating_sub((self.seen[cell] & !WELCOME).max(before)));
                // Told once: the next window does not count it again.
                self.seen[cell] = newest | WELCOME;
            }
        }
        (Counts { missing, ..self.counts }, self.latency.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Ledger {
        let mut ledger = Ledger::new(6, 3);
        (0..6).for_each(|receiver| ledger.welcomed(receiver));
        ledger.begin();
        ledger
    }

    #[test]
    fn every_fate_of_an_update() {
        let mut ledger = three();
        let numbers: Vec<u32> = (0..4).map(|n| ledger.send(3, n * 1_000, 2)).collect();
        ledger.heard(4, numbers[0], 500, true);
        ledger.heard(4, numbers[0], 600, true);
        ledger.heard(4, numbers[2], 2_300, true);
        ledger.heard(4, numbers[1], 2_400, true);
        for number in numbers {
            ledger.heard(5, number, 3_100, false);
        }
        assert!(!ledger.settled());
        let (counts, latency) = ledger.finish(|_| true);
        let expected = Counts {
            sent: 4,
            expected: 8,
            delivered: 6,
            superseded: 1,
            missing: 1,
            duplicated: 1,
            reordered: 1,
        };
        assert_eq!(counts, expected);
        assert_eq!((latency.len(), latency.min(), latency.max()), (2, 300, 500));
    }

    #[test]
    fn who_comes_in_later_is_owed_what_comes_later() {
        let mut ledger = three();
        let before = ledger.send(0, 0, 1);
        ledger.heard(1, before, 10, true);
        ledger.welcomed(2);
        ledger.heard(2, before, 20, true);
        let after = ledger.send(0, 100, 2);
        ledger.heard(1, after, 110, true);
        ledger.heard(2, after, 120, true);
        assert!(ledger.settled());
        let (counts, _) = ledger.finish(|_| true);
        assert_eq!((counts.delivered, counts.missing, counts.duplicated), (3, 0, 0));
    }

    #[test]
    fn what_somebody_missed_before_a_window_is_not_of_it() {
        let mut ledger = three();
        (0..5).for_each(|n| _ = ledger.send(0, n, 1));
        _ = ledger.finish(|receiver| receiver != 2);
        ledger.begin();
        let number = ledger.send(0, 10, 2);
        ledger.heard(2, number, 20, true);
        assert!(!ledger.settled(), "one is still to come");
        assert_eq!(ledger.finish(|_| true).0.superseded, 0);
    }
}
