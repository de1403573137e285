//! Subscriptions belong to connections: what each one is still owed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::slots::{SlotId, SlotSet};
use super::{DisconnectReason, Due, Wakes};
use crate::event::{Broadcast, Event};
use crate::id::UserId;
use crate::limits::CONTROL_QUEUE_MAX;

/// The index of a subscription in its room. Valid until its owner vacates it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscriptionId(u32);

/// Who sits in a subscription.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Occupant {
    Participant(SlotId),
    Watcher {
        /// The session's watch generation when they were let watch.
        generation: u32,
    },
    /// Somebody who is let go: they left the session, or may not watch any more.
    Gone,
}

pub(super) struct Subscription {
    pub(super) occupant: Occupant,
    /// Whose newest position this connection has not been given yet.
    pub(super) dirty: SlotSet,
    /// Whose newest status this connection has not been given yet.
    pub(super) statuses: SlotSet,
    /// Those of them who have withdrawn their position since.
    pub(super) withdrawn: SlotSet,
    /// Whether it has not been given what the session is now.
    pub(super) details_due: bool,
    /// Since when it has not been given a newest position, while there is one.
    pub(super) behind_since: Option<Instant>,
    /// Who this connection believes to be connected.
    pub(super) notified: SlotSet,
    /// How many this connection believes to watch.
    pub(super) notified_watchers: u32,
    /// Counts up with each subscription of the room: which of several is the oldest.
    pub(super) number: u64,
    pub(super) control: VecDeque<Arc<Broadcast>>,
    pub(super) disconnect: Option<DisconnectReason>,
    /// Positions that this connection was owed when newer ones took their place.
    pub(super) superseded: u32,
    waiting: Option<(Waker, Due)>,
}

impl Subscription {
    fn new(occupant: Occupant, number: u64, notified: SlotSet, notified_watchers: u32) -> Self {
        Self {
            occupant,
            dirty: SlotSet::default(),
            statuses: SlotSet::default(),
            withdrawn: SlotSet::default(),
            details_due: false,
            behind_since: None,
            notified,
            notified_watchers,
            number,
            control: VecDeque::new(),
            disconnect: None,
            superseded: 0,
            waiting: None,
        }
    }

    pub(super) fn is_watcher(&self) -> bool {
        matches!(self.occupant, Occupant::Watcher { .. })
    }

    /// Remembers whom to wake, and for what.
    pub(super) fn wait(&mut self, waker: &Waker, due: Due) {
        match &mut self.waiting {
            Some((known, for_what)) if known.will_wake(waker) => *for_what = due,
            waiting => *waiting = Some((waker.clone(), due)),
        }
    }

    /// There is something to take.
    pub(super) fn wake(&mut self, wakes: &mut Wakes) {
        wakes.extend(self.waiting.take());
    }

    /// This connection is owed a newer position of `slot`.
    pub(super) fn mark_position_dirty(&mut self, slot: SlotId, now: Instant, wakes: &mut Wakes) {
        if self.disconnect.is_some() {
            return;
        }
        if self.dirty.is_empty() {
            self.behind_since = Some(now);
        }
        if !self.dirty.insert(slot) {
            self.superseded = self.superseded.saturating_add(1);
            wakes.superseded += 1;
        }
        // One that keeps its pace has set a timer for when it may take positions again.
        if matches!(self.waiting, Some((_, Due::Everything))) {
            wakes.extend(self.waiting.take());
        }
    }

    /// This connection is owed somebody's newest status, and before that their withdrawal of the position.
    pub(super) fn mark_status_dirty(&mut self, slot: SlotId, withdraws: bool, wakes: &mut Wakes) {
        if self.disconnect.is_some() {
            return;
        }
        self.statuses.insert(slot);
        if withdraws {
            self.withdrawn.insert(slot);
        }
        self.wake(wakes);
    }

    /// This connection is owed what the session is now.
    pub(super) fn mark_details_dirty(&mut self, wakes: &mut Wakes) {
        if self.disconnect.is_none() {
            self.details_due = true;
            self.wake(wakes);
        }
    }

    /// Nothing is owed of somebody who leaves the session but that they leave. Whether this connection knows them: one
    /// that has not been given their joining yet is told neither.
    pub(super) fn forget(&mut self, slot: SlotId, user: &UserId) -> bool {
        self.dirty.remove(slot);
        self.statuses.remove(slot);
        self.withdrawn.remove(slot);
        let joining = |event: &Arc<Broadcast>| matches!(event.event(), Event::ParticipantJoined(profile) if profile.user_id == *user);
        let untold = self.control.iter().position(joining);
        untold.map(|place| self.control.remove(place)).is_none()
    }

    /// This connection is owed a control event, which is never dropped. Of these, no more can wait than people who
    /// left and people who are here: the limit is a second lock on the same protocol.
    pub(super) fn enqueue_control(&mut self, event: &Arc<Broadcast>, wakes: &mut Wakes) {
        if self.disconnect.is_some() {
            return;
        }
        if self.control.len() >= CONTROL_QUEUE_MAX {
            self.control = VecDeque::new();
            self.part(DisconnectReason::Overflowed, wakes);
            return;
        }
        self.control.push_back(Arc::clone(event));
        self.wake(wakes);
    }

    /// Lets this connection go, and tells it why.
    pub(super) fn dismiss(&mut self, why: &Arc<Broadcast>, disconnect: DisconnectReason, wakes: &mut Wakes) {
        self.enqueue_control(why, wakes);
        self.occupant = Occupant::Gone;
        self.details_due = false;
        self.part(disconnect, wakes);
    }

    /// Nothing more comes after what is queued.
    pub(super) fn part(&mut self, disconnect: DisconnectReason, wakes: &mut Wakes) {
        self.disconnect.get_or_insert(disconnect);
        self.dirty.clear();
        self.statuses.clear();
        self.withdrawn.clear();
        self.wake(wakes);
    }
}

#[derive(Default)]
pub(super) struct Subscriptions {
    subscriptions: Vec<Option<Subscription>>,
    free: Vec<u32>,
    taken_so_far: u64,
}

impl Subscriptions {
    pub(super) fn take(
        &mut self,
        occupant: Occupant,
        notified: SlotSet,
        notified_watchers: u32,
    ) -> SubscriptionId {
        self.taken_so_far += 1;
        let subscription = Some(Subscription::new(occupant, self.taken_so_far, notified, notified_watchers));
        if let Some(id) = self.free.pop() {
            self.subscriptions[id as usize] = subscription;
            return SubscriptionId(id);
        }
        let id = u32::try_from(self.subscriptions.len()).unwrap_or(u32::MAX);
        if self.subscriptions.len() == self.subscriptions.capacity() {
            // Twice as many, but from two on, not from four: so many are most sessions.
            self.subscriptions.reserve_exact(self.subscriptions.len().max(2));
        }
        self.subscriptions.push(subscription);
        SubscriptionId(id)
    }

    pub(super) fn unsubscribe(&mut self, id: SubscriptionId) -> Option<Subscription> {
        let subscription = self.subscriptions.get_mut(id.0 as usize)?.take();
        if subscription.is_some() {
            self.free.push(id.0);
        }
        if self.is_empty() {
            // A room that was full once need not stay large.
            *self = Self::default();
        }
        subscription
    }

    pub(super) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(id.0 as usize)?.as_mut()
    }

    /// Places for subscriptions, taken or not.
    pub(super) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.subscriptions.len()
    }

    pub(super) fn watchers(&self) -> usize {
        self.subscriptions.iter().flatten().filter(|subscription| subscription.is_watcher()).count()
    }

    pub(super) fn any_of(&self, slot: SlotId) -> bool {
        self.subscriptions
            .iter()
            .flatten()
            .any(|subscription| subscription.occupant == Occupant::Participant(slot))
    }

    /// Those of whose newest status some connection has not been given.
    pub(super) fn pending_statuses(&self) -> SlotSet {
        self.iter().fold(SlotSet::default(), |owed, subscription| owed.with(subscription.statuses))
    }

    /// The connections of somebody, when there are so many or more: the one that has been here for longest.
    pub(super) fn oldest_of(&mut self, slot: SlotId, at_least: usize) -> Option<&mut Subscription> {
        let own = |subscription: &&mut Subscription| subscription.occupant == Occupant::Participant(slot);
        if self.iter_mut().filter(own).count() < at_least {
            return None;
        }
        self.iter_mut().filter(own).min_by_key(|subscription| subscription.number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.subscriptions.iter_mut().flatten()
    }

    /// Every subscription with its id.
    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = (SubscriptionId, &mut Subscription)> {
        (0..)
            .map(SubscriptionId)
            .zip(&mut self.subscriptions)
            .filter_map(|(id, subscription)| Some((id, subscription.as_mut()?)))
    }

    pub(super) fn all_but(&mut self, own: SubscriptionId) -> impl Iterator<Item = &mut Subscription> {
        self.entries_mut().filter(move |(id, _)| *id != own).map(|(_, subscription)| subscription)
    }
}
