//! The live side of a session on one node: who is here, and who is owed what.
//!
//! A position is state, not an event: the newest wins. So a room is plain data behind a short lock, which
//! the server never holds while it waits. Five conditions make it right; each has a property test in
//! `tests/room_model/`, beside a variant that breaks it:
//!
//! 1. control events and positions are taken in **one** critical section, control first ([`Room::poll_updates`]), and
//!    between the two the newest of who is connected and how people share;
//! 2. positions keep a pace that adapts, control events ignore it ([`Due`], [`crate::pace::WritePace`]);
//! 3. whoever takes nothing is closed (the connection's write deadline; a full control queue);
//! 4. what is owed belongs to the subscription of a connection, the slot to the sender, so that watchers and second
//!    devices cost no slot;
//! 5. a position is looked up when it is taken, and its slot is emptied when its owner leaves.
//!
//! It knows no channel, no socket and no clock; wake-ups are plain [`Waker`]s, to be used after unlocking.

mod nodes;
mod presence;
mod reports;
mod roster;
mod sink;
mod slots;
mod stats;
mod statuses;
mod subscriptions;
mod watchers;

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

pub use nodes::{Merged, UnknownMember};
use presence::{Attendance, presences};
use reports::PositionSource;
pub use reports::{NotShown, Reported};
use roster::{Leavers, Meanwhile};
pub use sink::{DisconnectReason, Due, Sink, Updates};
pub use slots::SlotSet;
use slots::Slots;
pub use stats::{Stats, SubscriptionLoad};
pub use subscriptions::SubscriptionId;
use subscriptions::{Occupant, Subscriptions};
use watchers::Watching;

use crate::event::{Broadcast, Event, InitialLocations, InitialParticipants};
use crate::hlc::NodeId;
use crate::id::{SessionId, UserId};
use crate::limits::NEWCOMER_HEAD_START;
use crate::position::Position;
use crate::presence::Presences;
use crate::session::{Closed, Details, EndReason};
use crate::time::Timestamp;

/// Now, by each clock.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// What people read.
    pub wall: Timestamp,
    /// What all nodes share, so that they agree on what is newer and how old it is.
    pub shared: Timestamp,
    /// What lives are measured by.
    pub instant: Instant,
}

/// Who comes in.
#[derive(Clone, Copy, Debug)]
pub enum Subscriber<'a> {
    /// Somebody of the roster; each of their connections has a subscription of its own.
    Participant(&'a UserId),
    /// Somebody who only sees, unless there are already `max` of them, or watchers were sent away since.
    Watcher {
        /// How many the room takes.
        max: usize,
        /// The session's watch generation when they were let watch.
        generation: u32,
    },
}

/// Why somebody cannot come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The session is over.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// Not, or no more, a participant.
    #[error("not a participant")]
    NotAParticipant,
    /// Enough watchers.
    #[error("too many watchers")]
    Full,
    /// Watchers were sent away after this one was let watch.
    #[error("watching was revoked")]
    WatchingRevoked,
    /// This room was given up; there is, or will be, another one for the session.
    #[error("the room was given up")]
    Retired,
}

/// Why a position or status is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PublishError {
    /// Watchers only see.
    #[error("watchers send nothing")]
    Watcher,
    /// The session is over, or the sender has left it.
    #[error("no longer in the session")]
    Gone,
}

/// What somebody who comes in is shown, as of the moment from which they are owed everything.
#[derive(Debug)]
pub struct Snapshot {
    /// Everyone.
    pub participants: InitialParticipants,
    /// The others' positions.
    pub locations: InitialLocations,
    /// Who is connected, with whoever comes in.
    pub presence: Presences,
    /// When the session ends.
    pub ends_at: Timestamp,
    /// How long a position is shown.
    pub location_ttl: Duration,
    /// Connections to wake: those that make room for this one.
    pub wakes: Wakes,
}

/// What a look through a room found.
#[derive(Default, Debug)]
pub struct Swept {
    /// Whether other nodes have to be told something.
    pub untold: bool,
    /// When time alone changes something next.
    pub next: Option<Instant>,
    /// Connections to wake.
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
    /// Room for as many as there may be, so that collecting them allocates once.
    fn of_up_to(subscriptions: usize) -> Self {
        Self { wakers: Vec::with_capacity(subscriptions), superseded: 0 }
    }

    fn extend(&mut self, waiting: Option<(Waker, Due)>) {
        self.wakers.extend(waiting.map(|(waker, _)| waker));
    }

    /// Positions that connections were owed when this one took their place.
    pub fn superseded(&self) -> usize {
        self.superseded
    }

    /// Wakes them.
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

/// See the module's documentation.
pub struct Room {
    session: SessionId,
    /// This node's name, if there are others.
    node: Option<NodeId>,
    phase: Phase,
    /// Kept while the database is being read.
    meanwhile: Option<Meanwhile>,
    leavers: Leavers,
    slots: Slots,
    subscriptions: Subscriptions,
    attendance: Attendance,
    watching: Watching,
    /// The event that tells what the session is now, for as long as a connection is owed it.
    updated: Option<Arc<Broadcast>>,
    /// Positions that came in here so far.
    published: u64,
}

impl Room {
    /// A room whose roster is yet to be [read](Self::reconcile), on a node that has a name if there are others.
    /// Whose last connection is gone is shown as connected for `presence_grace` more.
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

    /// The session whose room this is.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Takes a subscription, and says what there is to see at that moment. From then on the subscription is owed
    /// everything.
    ///
    /// # Errors
    /// When the session is over, the subscriber is no participant, or there are enough watchers.
    pub fn subscribe(
        &mut self,
        subscriber: Subscriber<'_>,
        now: Now,
    ) -> Result<(SubscriptionId, Snapshot), SubscribeError> {
        self.is_open()?;
        let occupant = self.admit(subscriber)?;
        let own = match occupant {
            Occupant::Participant(slot) => Some(slot),
            _ => None,
        };
        if let Some(slot) = own.and_then(|slot| self.slots.get_mut(slot)) {
            slot.unsaved = Some(now.wall);
            slot.dated_from = now.shared.plus(NEWCOMER_HEAD_START);
        }
        let mut wakes = Wakes::default();
        if let Some(slot) = own {
            self.make_room_for(slot, now, &mut wakes);
        }
        let subscription = self.subscription(occupant, now);
        Ok((subscription, Snapshot { wakes, ..self.snapshot(own, now)? }))
    }

    fn is_open(&self) -> Result<&Details, SubscribeError> {
        match &self.phase {
            Phase::Open(details) => Ok(details),
            Phase::Over(closed) => Err((*closed).into()),
            Phase::Loading | Phase::Retired => Err(SubscribeError::Retired),
        }
    }

    /// Who and what there is to see, but for the position of `own`.
    fn snapshot(&self, own: Option<slots::SlotId>, now: Now) -> Result<Snapshot, SubscribeError> {
        let (details, server_time) = (self.is_open()?, now.wall);
        let watcher_count = self.watching.count;
        let participants = InitialParticipants {
            participants: self.slots.initial_participants(),
            watcher_count,
            server_time,
        };
        let locations =
            InitialLocations { locations: self.slots.initial_locations(own, now.instant), server_time };
        let presence = presences(&self.slots, self.attendance.shown);
        let (ends_at, location_ttl) = (details.ends_at, details.location_ttl);
        let wakes = Wakes::default();
        Ok(Snapshot { participants, locations, presence, ends_at, location_ttl, wakes })
    }

    fn admit(&self, subscriber: Subscriber<'_>) -> Result<Occupant, SubscribeError> {
        match subscriber {
            Subscriber::Participant(user) => {
                self.slots.of(user).map(Occupant::Participant).ok_or(SubscribeError::NotAParticipant)
            }
            Subscriber::Watcher { generation, .. } if generation < self.is_open()?.watch_generation => {
                Err(SubscribeError::WatchingRevoked)
            }
            Subscriber::Watcher { max, .. } if self.subscriptions.watchers() >= max => {
                Err(SubscribeError::Full)
            }
            Subscriber::Watcher { generation, .. } => Ok(Occupant::Watcher { generation }),
        }
    }

    /// Gives up a subscription. Its owner stays a participant: phones go through tunnels.
    pub fn unsubscribe(&mut self, subscription: SubscriptionId, now: Now) {
        let Some(subscription) = self.subscriptions.unsubscribe(subscription) else { return };
        if let Occupant::Participant(slot) = subscription.occupant
            && let Some(known) = self.slots.get_mut(slot)
        {
            known.unsaved = Some(now.wall);
            if !self.subscriptions.any_of(slot) {
                self.went(slot, now);
            }
        }
    }

    /// Takes a newer position of the subscription's owner; every other connection is owed it.
    ///
    /// # Errors
    /// When the subscription is a watcher's, or its owner is not in the session any more.
    pub fn publish(
        &mut self,
        subscription: SubscriptionId,
        position: Position,
        now: Now,
    ) -> Result<Wakes, PublishError> {
        let slot_id = self.sender(subscription)?;
        if self.slots.get(slot_id).is_some_and(|slot| slot.has_newer_report(&position, now.instant)) {
            return Ok(Wakes::default());
        }
        self.show(slot_id, position, now, PositionSource::Subscription(subscription))
    }

    fn sender(&mut self, subscription: SubscriptionId) -> Result<slots::SlotId, PublishError> {
        match self.subscriptions.get_mut(subscription).map(|subscription| subscription.occupant) {
            Some(Occupant::Participant(slot)) if matches!(self.phase, Phase::Open(_)) => Ok(slot),
            Some(Occupant::Watcher { .. }) => Err(PublishError::Watcher),
            _ => Err(PublishError::Gone),
        }
    }

    /// Whose versions this room makes, and whether anybody else is to be told of them.
    fn version_by(&self) -> (NodeId, bool) {
        (self.node.unwrap_or_default(), self.node.is_some())
    }

    /// Gives all that a subscription is owed and ready for, control events first, and remembers whom to wake for what
    /// comes next. One critical section: between two, events and positions could change places, and a wake-up be lost.
    pub fn poll_updates(
        &mut self,
        subscription: SubscriptionId,
        due: Due,
        waker: &Waker,
        now: Instant,
        sink: &mut impl Sink,
    ) -> Poll<()> {
        let Some(subscription) = self.subscriptions.get_mut(subscription) else { return Poll::Pending };
        let mut taken = subscription.disconnect.is_some();
        // First, since nothing may come after the session's end.
        if std::mem::take(&mut subscription.details_due)
            && let Some(updated) = &self.updated
        {
            taken = true;
            sink.control(updated);
        }
        if !subscription.control.is_empty() {
            taken = true;
            subscription.control.drain(..).for_each(|event| sink.control(&event));
            if subscription.control.capacity() > 8 {
                subscription.control.shrink_to(0);
            }
        }
        if let Some(presence) = self.attendance.pending(subscription, &self.slots, self.session) {
            taken = true;
            sink.control(&presence);
        }
        if let Some(watchers) = self.watching.pending(subscription, self.session) {
            taken = true;
            sink.control(&watchers);
        }
        taken |= statuses::give(subscription, &self.slots, sink);
        if due == Due::Everything {
            let live = |slot| self.slots.get(slot)?.latest.as_ref().filter(|latest| latest.expires > now);
            for newest in subscription.dirty.drain().filter_map(live) {
                taken = true;
                sink.position(&newest.broadcast);
            }
        }
        if let Some(disconnect) = subscription.disconnect {
            sink.disconnect(disconnect);
        }
        if !taken {
            subscription.wait(waker, due);
            return Poll::Pending;
        }
        subscription.wait(waker, due.min(sink.ready_for()));
        Poll::Ready(())
    }

    /// The session is over: everyone is told, positions are gone.
    pub fn end(&mut self, reason: EndReason, now: Now) -> Wakes {
        let mut wakes = Wakes::default();
        if !matches!(self.phase, Phase::Loading | Phase::Open(_)) {
            return wakes;
        }
        self.broadcast(Event::SessionEnded { reason, server_time: now.wall }, &mut wakes);
        for subscription in self.subscriptions.iter_mut() {
            subscription.part(DisconnectReason::Ended, &mut wakes);
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

    /// Forgets positions whose life is over: what remains of them, their time, is for other nodes to be told.
    /// Shows as gone who is, and wakes whoever is to be told who is connected.
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

    /// When the session ends; nothing while that is not known, or once it is over.
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Open(ref details) => Some(details.ends_at),
            _ => None,
        }
    }

    /// Gives the room up if nobody would miss it: no subscription, no live position, nothing unsaved.
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

    /// Signs of life that the database does not know of, as of `now`: of everyone who is connected, and of
    /// those who were since the last call.
    pub fn take_seen(&mut self, now: Timestamp, seen: &mut Vec<(SessionId, UserId, Timestamp)>) {
        for (id, slot) in self.slots.iter_mut() {
            let last = if self.subscriptions.any_of(id) { Some(now) } else { slot.unsaved };
            slot.unsaved = None;
            seen.extend(last.map(|last| (self.session, slot.profile.user_id.clone(), last)));
        }
    }

    /// Whether any connection is here.
    pub fn is_occupied(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// Watchers that are connected to this node.
    pub fn watchers(&self) -> usize {
        self.subscriptions.watchers()
    }
}
