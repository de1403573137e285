//! The rooms of the same sessions on other nodes: merges their updates, and reads again after possible losses.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use parking_lot::Mutex;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::room::Room;
use tagalong_core::session::{EndReason, Rejection};
use tagalong_core::share::Share;
use tagalong_store::TransactionError;
use tokio::sync::Notify;

use super::hub::{Hub, RoomCell, details, now};
use crate::cluster::{Bus, Heard, Hint, Rooms};

/// The interval at which occupied rooms are compared with the database while the bus is down.
const LOOK_INTERVAL_AWAY: Duration = Duration::from_secs(5);
/// The interval otherwise, because a hint may be lost.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Rooms that are compared at the same time.
const ROOMS_AT_ONCE: usize = 16;

/// Sessions whose room may be behind the database.
#[derive(Default)]
pub(super) struct Stale {
    sessions: Mutex<BTreeSet<SessionId>>,
    some: Notify,
}

impl Stale {
    fn add(&self, session: SessionId) {
        self.sessions.lock().insert(session);
        self.some.notify_one();
    }
}

impl Rooms for Hub {
    fn take_unsent(&self, session: SessionId, unsent: &mut Vec<Share>) -> Duration {
        let Some(cell) = self.find(session) else { return Duration::ZERO };
        cell.with(|room| {
            room.take_unsent(now(&self.clock), unsent);
            room.location_ttl()
        })
    }

    fn is_in(&self, session: SessionId, user: &UserId) -> bool {
        self.find(session).is_some_and(|cell| cell.read(|room| room.is_member(user)))
    }

    fn take_watching(&self, session: SessionId) -> Option<u32> {
        self.find(session).and_then(|cell| cell.with(Room::take_watching))
    }

    fn heard(&self, heard: Heard) {
        match heard {
            Heard::Watching(session, node, count) => {
                if let Some(cell) = self.find(session) {
                    cell.with(|room| room.hear_watching(node, count, self.clock.instant()));
                }
            }
            Heard::Share(session, share) => {
                if let Some(cell) = self.find(session) {
                    self.merge(&cell, session, [share]);
                }
            }
            Heard::Hint(session, Hint::Changed) => self.suspect(session),
            Heard::Hint(session, Hint::Ended(reason)) => self.end(session, reason),
            Heard::Restored => self.restore(),
        }
    }
}

impl Hub {
    /// The room of a session may be behind the database: it is compared soon.
    pub fn suspect(&self, session: SessionId) {
        if matches!(self.bus, Bus::Redis(_)) && self.find(session).is_some() {
            self.stale.add(session);
        }
    }

    /// A session has expired, as far as this node knows. Another node may know a later end.
    pub(super) fn expire(&self, session: SessionId) {
        match self.bus {
            Bus::Local => self.end(session, EndReason::Expired),
            Bus::Redis(_) => self.stale.add(session),
        }
    }

    /// Merges the shares in Redis into a room.
    pub(super) async fn read_shares(&self, cell: &RoomCell, session: SessionId) {
        if matches!(self.bus, Bus::Redis(_)) {
            let members = cell.with(|room| room.members());
            let shares = self.bus.read(session, &members).await;
            self.merge(cell, session, shares);
        }
    }

    fn merge(&self, cell: &RoomCell, session: SessionId, shares: impl IntoIterator<Item = Share>) {
        let now = now(&self.clock);
        for share in shares {
            match cell.with(|room| room.merge(share, now)) {
                Ok(merged) => {
                    self.wake(merged.wakes);
                    if merged.contradicted {
                        self.bus.publish(session);
                    }
                }
                // They joined or left at another node, and the hint is still on its way.
                Err(_) => self.suspect(session),
            }
        }
    }

    /// Redis is back, perhaps empty: sends it the live state of this node again, and compares all rooms.
    fn restore(&self) {
        for (session, cell) in self.all() {
            if cell.with(Room::restate) {
                self.bus.publish(session);
            }
            self.stale.add(session);
        }
    }

    /// Compares rooms with the database: suspected ones at once, all others at an interval.
    pub async fn keep_fresh(&self) {
        let mut looked = self.clock.instant();
        loop {
            let mut tick = self.clock.sleep(self.entropy.jittered(LOOK_INTERVAL_AWAY));
            loop {
                tokio::select! {
                    () = self.stale.some.notified() => self.compare_stale().await,
                    () = &mut tick => break,
                }
            }
            let now = self.clock.instant();
            if self.bus.is_away() || now >= looked + LOOK_INTERVAL {
                looked = now;
                self.suspect_all();
            }
        }
    }

    fn suspect_all(&self) {
        for (session, cell) in self.all() {
            if cell.with(|room| room.is_occupied()) {
                self.stale.add(session);
            }
        }
    }

    async fn compare_stale(&self) {
        let sessions = std::mem::take(&mut *self.stale.sessions.lock());
        stream::iter(sessions).for_each_concurrent(ROOMS_AT_ONCE, |session| self.compare(session)).await;
    }

    async fn compare(&self, session: SessionId) {
        let Some(cell) = self.find(session) else { return };
        if self.load(&cell, session).await.is_err() {
            return;
        }
        cell.with(Room::start_reading);
        match self.store.roster(session, self.clock.now()).await {
            Ok((record, roster)) => {
                let (before, wakes) = cell.with(|room| {
                    let before = room.members();
                    (before, room.reconcile(details(&record), roster, now(&self.clock)))
                });
                wakes.wake();
                // This node may have written their state after another node deleted it.
                let gone = |user: &UserId| !self.is_in(session, user);
                self.bus.forget(session, before.into_iter().filter(gone));
                self.read_shares(&cell, session).await;
            }
            Err(TransactionError::Rejected(Rejection::Closed(closed))) => self.end(session, closed.into()),
            // Without the database no session can have been extended.
            Err(_) => {
                cell.with(Room::stop_reading);
                let up = cell.with(|room| room.ends_at().is_some_and(|end| end <= self.clock.now()));
                if up {
                    self.end(session, EndReason::Expired);
                }
            }
        }
    }
}
