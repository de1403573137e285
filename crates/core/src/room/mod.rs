//! The live side of a session on one node: its participants, its subscriptions, and the updates pending for each.
//!
//! A position is state, not an event: the newest wins. So a room is plain data behind a short lock, which
//! the server never holds while it waits. Five conditions make it right; each has a property test in
//! `tests/it/room_model/`, beside a variant that breaks it:
//!
//! 1. a connection takes control events and positions in **one** critical section ([`Room::poll_updates`]): control
//!    events first, then the newest presence and sharing statuses, then positions;
//! 2. positions keep a pace that adapts, control events ignore it ([`Due`], [`crate::pace::WritePace`]);
//! 3. slow consumers are disconnected (the connection's write deadline; a full control queue);
//! 4. a subscription belongs to a connection, a slot to a participant, so that watchers and second devices cost no
//!    slot;
//! 5. a position is looked up when it is taken, and its slot is emptied when its owner leaves.
//!
//! It knows no channel, no socket and no clock; wake-ups are plain [`Waker`]s, for use after unlocking.
//!
//! | file | behaviour |
//! | --- | --- |
//! | `subscribe` | a subscription begins with a snapshot, and ends |
//! | `publish`, `reports` | a position comes in, over a connection or from a tracker app |
//! | `updates` | updates go out to a connection |
//! | `roster`, `slots` | participants come and go; the state of each |
//! | `statuses`, `presence`, `watchers` | sharing statuses, connected participants, the number of watchers |
//! | `nodes` | updates from and for other nodes |
//! | `subscriptions`, `stats` | the state of each subscription; counts for the operator |

mod nodes;
mod presence;
mod publish;
mod reports;
mod roster;
mod slots;
mod stats;
mod statuses;
mod subscribe;
mod subscriptions;
mod updates;
mod watchers;

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

pub use nodes::{Merged, UnknownMember};
use presence::Attendance;
pub use publish::PublishError;
pub use reports::{NotShown, Reported};
use roster::{Leavers, Meanwhile};
pub use slots::SlotSet;
use slots::Slots;
pub use stats::{Stats, SubscriptionLoad};
pub use subscribe::{Snapshot, SubscribeError, Subscriber};
pub use subscriptions::SubscriptionId;
use subscriptions::Subscriptions;
pub use updates::{DisconnectReason, Due, Sink, Updates};
use watchers::Watching;

use crate::event::{Broadcast, Event};
use crate::hlc::NodeId;
use crate::id::{SessionId, UserId};
use crate::session::{Closed, Details, EndReason};
use crate::time::Timestamp;

/// The present time, by each clock.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For times that people read.
    pub wall: Timestamp,
    /// The clock that all nodes share, so that they agree on order and age.
    pub shared: Timestamp,
    /// For lifetimes.
    pub instant: Instant,
}

/// The result of [`Room::sweep`].
#[derive(Default, Debug)]
pub struct Swept {
    /// Whether updates for other nodes are pending.
    pub untold: bool,
    /// When the passing of time alone next changes something.
    pub next: Option<Instant>,
    pub wakes: Wakes,
}

/// Connections to wake once the room is unlocked.
#[derive(Default, Debug)]
#[must_use = "connections would sleep on"]
pub struct Wakes {
    wakers: Vec<Waker>,
    superseded: usize,
}

impl Wakes {
    /// With capacity for all of them, so that collecting them allocates once.
    fn of_up_to(subscriptions: usize) -> Self {
        Self { wakers: Vec::with_capacity(subscriptions), superseded: 0 }
    }

    fn extend(&mut self, waiting: Option<(Waker, Due)>) {
        self.wakers.extend(waiting.map(|(waker, _)| waker));
    }

    /// Undelivered positions that the new one replaced.
    pub fn superseded(&self) -> usize {
        self.superseded
    }

    pub fn wake(self) {
        for waker in self.wakers {
            waker.wake();
        }
    }
}

enum Phase {
    /// The roster is being read from the database for the first time.
    Loading,
    Open(Details),
    Over(Closed),
    Retired,
}

pub struct Room {
    session: SessionId,
    /// This node's name, in a cluster.
    node: Option<NodeId>,
    phase: Phase,
    /// Changes while the database is being read.
    meanwhile: Option<Meanwhile>,
    leavers: Leavers,
    slots: Slots,
    subscriptions: Subscriptions,
    attendance: Attendance,
    watching: Watching,
    /// The newest `session_updated`, while a connection has yet to take it.
    updated: Option<Arc<Broadcast>>,
    /// Positions received so far.
    published: u64,
}

impl Room {
    /// A room whose roster has yet to be [read](Self::reconcile); `node` is set in a cluster. A participant without a
    /// connection is shown as connected for `presence_grace` more.
    pub fn new(session: SessionId, node: Option<NodeId>, presence_grace: Duration) -> Self {
        Self {
            session,
            node,
            phase: Phase::Loading,
            meanwhile: Some(Meanwhile::default()),
            leavers: Leavers::default(),
            slots: Slots::default(),
            subscriptions: Subscriptions::default(),
            attendance: Attendance::new(presence_grace),
            watching: Watching::default(),
            updated: None,
            published: 0,
        }
    }

    pub fn session(&self) -> SessionId {
        self.session
    }

    fn is_open(&self) -> Result<&Details, SubscribeError> {
        match &self.phase {
            Phase::Open(details) => Ok(details),
            Phase::Over(closed) => Err((*closed).into()),
            Phase::Loading | Phase::Retired => Err(SubscribeError::Retired),
        }
    }

    /// The node for this room's timestamps, and whether there are other nodes.
    fn hlc_node(&self) -> (NodeId, bool) {
        (self.node.unwrap_or_default(), self.node.is_some())
    }

    /// Ends the session: notifies all connections and deletes all positions.
    pub fn end(&mut self, reason: EndReason, now: Now) -> Wakes {
        let mut wakes = Wakes::default();
        if !matches!(self.phase, Phase::Loading | Phase::Open(_)) {
            return wakes;
        }
        self.broadcast(Event::SessionEnded { reason, server_time: now.wall }, &mut wakes);
        for subscription in self.subscriptions.iter_mut() {
            subscription.disconnect_after_queue(DisconnectReason::Ended, &mut wakes);
        }
        self.slots = Slots::default();
        self.attendance.shown.clear();
        self.phase = Phase::Over(match reason {
            EndReason::Expired => Closed::Expired,
            EndReason::EndedByCreator => Closed::Ended,
        });
        wakes
    }

    fn broadcast(&mut self, event: Event, wakes: &mut Wakes) {
        let event = Arc::new(Broadcast::new(self.session, event));
        for subscription in self.subscriptions.iter_mut() {
            subscription.enqueue_control(&event, wakes);
        }
    }

    /// Deletes expired positions (other nodes know their times), ends grace periods, and wakes the connections with
    /// pending presence.
    pub fn sweep(&mut self, now: Instant) -> Swept {
        let mut swept = Swept::default();
        let shared = self.node.is_some();
        for (_, slot) in self.slots.iter_mut() {
            if slot.latest.as_ref().is_some_and(|latest| latest.expires <= now) {
                slot.latest = None;
                slot.unsent.moved = shared;
                swept.untold = true;
            }
        }
        self.sweep_statements();
        if !self.subscriptions.iter().any(|subscription| subscription.details_due) {
            self.updated = None;
        }
        swept.untold |= self.sweep_presence(now, &mut swept.wakes);
        swept.untold |= self.sweep_watching(now, &mut swept.wakes);
        let next = self.slots.iter().filter_map(|(_, slot)| slot.next_change());
        let others = [self.attendance.refresh_at(), self.watching.next_change()];
        swept.next = next.chain(others.into_iter().flatten()).min();
        swept
    }

    /// When the session ends; `None` while that is unknown, or once it has ended.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Open(ref details) => Some(details.ends_at),
            _ => None,
        }
    }

    /// Retires the room if it is unused: no subscription, no live position, no unsaved activity.
    pub fn retire(&mut self) -> bool {
        let missed = |slot: &slots::Slot| slot.latest.is_some() || slot.unsaved.is_some();
        let needed = matches!(self.phase, Phase::Loading)
            || !self.subscriptions.is_empty()
            || self.slots.iter().any(|(_, slot)| missed(slot));
        if !needed {
            self.phase = Phase::Retired;
        }
        !needed
    }

    /// The times of last activity that are not in the database yet: those of all participants who are connected, or
    /// were since the last call.
    pub fn take_seen(&mut self, now: Timestamp, seen: &mut Vec<(SessionId, UserId, Timestamp)>) {
        for (id, slot) in self.slots.iter_mut() {
            let last = if self.subscriptions.any_of(id) { Some(now) } else { slot.unsaved };
            slot.unsaved = None;
            seen.extend(last.map(|last| (self.session, slot.profile.user_id.clone(), last)));
        }
    }

    pub fn is_occupied(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    pub fn watchers(&self) -> usize {
        self.subscriptions.watchers()
    }
}
