//! The outbox: pending work of the writer, without duplicates.
//!
//! For a position it holds only the session; the writer sends the room's state at that moment. So the outbox stays
//! small during an outage, and nothing waits for space in it.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::time::Timestamp;
use tokio::sync::Notify;

use crate::cluster::Hint;

/// Most hints and deletions that wait during an outage of Redis. Beyond, the other nodes' own comparison with the
/// database replaces hints, and keys expire.
const WAITING_MAX: usize = 10_000;
/// Times of last activity in one write: positions wait meanwhile.
const SEEN_AT_ONCE: usize = 200;

#[derive(Default)]
pub(crate) struct Outbox {
    work: Mutex<Work>,
    wanted: Mutex<BTreeSet<SessionId>>,
    ready: Notify,
}

#[derive(Default)]
pub(super) struct Work {
    /// Sessions whose room has unsent updates.
    pub(super) unsent: BTreeSet<SessionId>,
    pub(super) hints: BTreeMap<SessionId, Hint>,
    pub(super) forgotten: BTreeSet<(SessionId, UserId)>,
    /// Sessions that are over.
    pub(super) over: BTreeSet<SessionId>,
    pub(super) seen: Vec<(SessionId, UserId, Timestamp)>,
    /// Sessions whose subscription may have to change.
    pub(super) subscriptions: BTreeSet<SessionId>,
}

impl Outbox {
    pub(crate) fn publish(&self, session: SessionId) {
        if self.work.lock().unsent.insert(session) {
            self.ready.notify_one();
        }
    }

    pub(crate) fn hint(&self, session: SessionId, hint: Hint) {
        self.work.lock().hint(session, hint);
        self.ready.notify_one();
    }

    pub(crate) fn subscribe(&self, session: SessionId) {
        self.wanted.lock().insert(session);
        self.check(session);
    }

    pub(crate) fn unsubscribe(&self, session: SessionId) {
        self.wanted.lock().remove(&session);
        self.check(session);
    }

    fn check(&self, session: SessionId) {
        self.work.lock().subscriptions.insert(session);
        self.ready.notify_one();
    }

    pub(crate) fn forget(&self, session: SessionId, users: impl IntoIterator<Item = UserId>) {
        self.work.lock().forget(users.into_iter().map(|user| (session, user)));
        self.ready.notify_one();
    }

    pub(crate) fn clear(&self, session: SessionId, users: impl IntoIterator<Item = UserId>) {
        self.work.lock().clear([session]);
        self.forget(session, users);
    }

    /// New times replace those that still wait, which are one interval old.
    pub(crate) fn seen(&self, seen: Vec<(SessionId, UserId, Timestamp)>) {
        self.work.lock().seen = seen;
        self.ready.notify_one();
    }

    /// Waits until there is work.
    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Takes all work, but only some of many times of last activity.
    pub(super) fn take(&self) -> Work {
        let mut waiting = self.work.lock();
        let mut work = std::mem::take(&mut *waiting);
        if work.seen.len() > SEEN_AT_ONCE {
            waiting.seen = work.seen.split_off(SEEN_AT_ONCE);
            self.ready.notify_one();
        }
        work
    }

    /// Drops the work that is created again after the outage, when all rooms are restated.
    pub(super) fn forget_rooms(&self) {
        let mut work = self.work.lock();
        work.unsent = BTreeSet::new();
        work.subscriptions = BTreeSet::new();
        work.seen = Vec::new();
    }

    /// Puts back failed work. All other work is created again after the outage.
    pub(super) fn put_back(&self, undone: Work) {
        let mut work = self.work.lock();
        for (session, hint) in undone.hints {
            work.hint(session, hint);
        }
        work.clear(undone.over);
        work.forget(undone.forgotten);
    }

    pub(super) fn is_wanted(&self, session: SessionId) -> bool {
        self.wanted.lock().contains(&session)
    }

    pub(super) fn wanted(&self) -> Vec<SessionId> {
        self.wanted.lock().iter().copied().collect()
    }
}

impl Work {
    fn forget(&mut self, people: impl IntoIterator<Item = (SessionId, UserId)>) {
        let room = WAITING_MAX.saturating_sub(self.forgotten.len());
        self.forgotten.extend(people.into_iter().take(room));
    }

    fn clear(&mut self, sessions: impl IntoIterator<Item = SessionId>) {
        let room = WAITING_MAX.saturating_sub(self.over.len());
        self.over.extend(sessions.into_iter().take(room));
    }

    fn hint(&mut self, session: SessionId, hint: Hint) {
        if self.hints.len() >= WAITING_MAX && !self.hints.contains_key(&session) {
            return;
        }
        let known = self.hints.entry(session).or_insert(hint);
        // Nothing comes after an end.
        if *known == Hint::Changed {
            *known = hint;
        }
    }
}

#[cfg(test)]
mod tests {
    use tagalong_core::session::EndReason;

    use super::*;

    fn session(number: u128) -> SessionId {
        SessionId::from_random(number.to_be_bytes())
    }

    #[test]
    fn everything_stands_here_once_and_an_end_is_not_taken_back() {
        let outbox = Outbox::default();
        let ended = Hint::Ended(EndReason::Expired);
        for _ in 0..1_000_000 {
            outbox.publish(session(1));
        }
        outbox.hint(session(1), Hint::Changed);
        outbox.hint(session(1), ended);
        outbox.hint(session(1), Hint::Changed);
        let work = outbox.take();
        assert_eq!(work.unsent.len(), 1);
        assert_eq!(work.hints, BTreeMap::from([(session(1), ended)]));
        outbox.hint(session(2), Hint::Changed);
        outbox.put_back(work);
        assert_eq!(outbox.take().hints.len(), 2);
    }

    #[test]
    fn what_waits_is_bounded() {
        let outbox = Outbox::default();
        for number in 0..WAITING_MAX as u128 + 10 {
            outbox.hint(session(number), Hint::Changed);
            outbox.clear(session(number), [UserId::from_random([1; 16])]);
        }
        let work = outbox.take();
        assert_eq!(
            (work.hints.len(), work.forgotten.len(), work.over.len()),
            (WAITING_MAX, WAITING_MAX, WAITING_MAX)
        );
    }

    #[test]
    fn what_is_to_be_forgotten_is_not_lost_with_the_connection() {
        let outbox = Outbox::default();
        let user = UserId::from_random([1; 16]);
        outbox.clear(session(1), [user.clone()]);
        let undone = outbox.take();
        assert!(outbox.take().over.is_empty());
        outbox.put_back(undone);
        outbox.forget_rooms();
        let work = outbox.take();
        assert_eq!(work.over, BTreeSet::from([session(1)]));
        assert_eq!(work.forgotten, BTreeSet::from([(session(1), user)]));
    }

    #[test]
    fn many_signs_of_life_are_written_a_few_at_a_time() {
        let outbox = Outbox::default();
        let seen = |number: u128| (session(number), UserId::from_random([1; 16]), Timestamp::from_millis(0));
        outbox.seen((0..2 * SEEN_AT_ONCE as u128 + 1).map(seen).collect());
        let batches = std::iter::repeat_with(|| outbox.take().seen.len()).take(4).collect::<Vec<_>>();
        assert_eq!(batches, [SEEN_AT_ONCE, SEEN_AT_ONCE, 1, 0]);
    }

    #[test]
    fn what_rooms_know_themselves_does_not_wait() {
        let outbox = Outbox::default();
        outbox.publish(session(1));
        outbox.subscribe(session(1));
        outbox.hint(session(1), Hint::Changed);
        outbox.forget_rooms();
        let work = outbox.take();
        assert_eq!((work.unsent.len(), work.subscriptions.len(), work.hints.len()), (0, 0, 1));
        assert_eq!(outbox.wanted(), [session(1)]);
    }

    #[test]
    fn a_subscription_is_decided_when_it_is_looked_at() {
        let outbox = Outbox::default();
        outbox.subscribe(session(1));
        outbox.unsubscribe(session(1));
        outbox.subscribe(session(1));
        assert_eq!(outbox.take().subscriptions.len(), 1);
        assert!(outbox.is_wanted(session(1)));
    }
}
