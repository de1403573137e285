//! The state of each subscription: the updates that its connection has not taken yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::slots::{SlotId, SlotSet};
use super::{DisconnectReason, Due, Wakes};
use crate::event::{Broadcast, Event};
use crate::id::UserId;
use crate::limits::CONTROL_QUEUE_MAX;

/// The index of a subscription in its room. Valid until the connection unsubscribes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscriptionId(u32);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Occupant {
    Participant(SlotId),
    Watcher {
        /// The watch generation in the watcher's token.
        generation: u32,
    },
    /// Being disconnected: the participant left the session, or the watcher may not watch any more.
    Gone,
}

pub(super) struct Subscription {
    pub(super) occupant: Occupant,
    /// Slots with a newer position than this connection has taken.
    pub(super) dirty: SlotSet,
    /// Slots with a newer status than this connection has taken.
    pub(super) statuses: SlotSet,
    /// Those of them that withdrew a position since.
    pub(super) withdrawn: SlotSet,
    /// Whether the session has changed since this connection took its details.
    pub(super) details_due: bool,
    /// Since when a position has been waiting, while one does.
    pub(super) behind_since: Option<Instant>,
    /// The connected participants, as the client was last told.
    pub(super) notified: SlotSet,
    /// The number of watchers, as the client was last told.
    pub(super) notified_watchers: u32,
    /// Counts up with each subscription of the room, to find the oldest of a participant.
    pub(super) number: u64,
    pub(super) control: VecDeque<Arc<Broadcast>>,
    pub(super) disconnecting: Option<DisconnectReason>,
    /// Positions dropped before delivery because a newer one of the same participant replaced them.
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
            disconnecting: None,
            superseded: 0,
            waiting: None,
        }
    }

    pub(super) fn is_watcher(&self) -> bool {
        matches!(self.occupant, Occupant::Watcher { .. })
    }

    /// Stores the waker, and the updates worth a wake-up.
    pub(super) fn wait(&mut self, waker: &Waker, due: Due) {
        match &mut self.waiting {
            Some((known, for_what)) if known.will_wake(waker) => *for_what = due,
            waiting => *waiting = Some((waker.clone(), due)),
        }
    }

    /// Wakes the connection: an update waits.
    pub(super) fn wake(&mut self, wakes: &mut Wakes) {
        wakes.extend(self.waiting.take());
    }

    /// A newer position of `slot` waits for this connection.
    pub(super) fn mark_position_dirty(&mut self, slot: SlotId, now: Instant, wakes: &mut Wakes) {
        if self.disconnecting.is_some() {
            return;
        }
        if self.dirty.is_empty() {
            self.behind_since = Some(now);
        }
        if !self.dirty.insert(slot) {
            self.superseded = self.superseded.saturating_add(1);
            wakes.superseded += 1;
        }
        // A paced connection has its own timer for its next positions.
        if matches!(self.waiting, Some((_, Due::Everything))) {
            wakes.extend(self.waiting.take());
        }
    }

    /// A newer status of `slot` waits for this connection; a withdrawal of the position is delivered before it.
    pub(super) fn mark_status_dirty(&mut self, slot: SlotId, withdraws: bool, wakes: &mut Wakes) {
        if self.disconnecting.is_some() {
            return;
        }
        self.statuses.insert(slot);
        if withdraws {
            self.withdrawn.insert(slot);
        }
        self.wake(wakes);
    }

    /// Changed details of the session wait for this connection.
    pub(super) fn mark_details_dirty(&mut self, wakes: &mut Wakes) {
        if self.disconnecting.is_none() {
            self.details_due = true;
            self.wake(wakes);
        }
    }

    /// Drops all that waits of a participant who leaves. Returns whether this client knows them: where
    /// `participant_joined` has not been taken yet, it is dropped, and no `participant_left` is needed.
    pub(super) fn forget(&mut self, slot: SlotId, user: &UserId) -> bool {
        self.dirty.remove(slot);
        self.statuses.remove(slot);
        self.withdrawn.remove(slot);
        let joining = |event: &Arc<Broadcast>| matches!(event.event(), Event::ParticipantJoined(profile) if profile.user_id == *user);
        let untold = self.control.iter().position(joining);
        untold.map(|place| self.control.remove(place)).is_none()
    }

    /// Queues a control event; none is ever dropped. State is not queued, so no more can wait than participants have
    /// joined and left: the limit only bounds memory. A slow consumer that reaches it is disconnected.
    pub(super) fn enqueue_control(&mut self, event: &Arc<Broadcast>, wakes: &mut Wakes) {
        if self.disconnecting.is_some() {
            return;
        }
        if self.control.len() >= CONTROL_QUEUE_MAX {
            self.control = VecDeque::new();
            self.disconnect_after_queue(DisconnectReason::Overflowed, wakes);
            return;
        }
        self.control.push_back(Arc::clone(event));
        self.wake(wakes);
    }

    /// Disconnects with an event that says why.
    pub(super) fn dismiss(&mut self, why: &Arc<Broadcast>, disconnect: DisconnectReason, wakes: &mut Wakes) {
        self.enqueue_control(why, wakes);
        self.occupant = Occupant::Gone;
        self.details_due = false;
        self.disconnect_after_queue(disconnect, wakes);
    }

    /// Disconnects once the queued events are taken. Nothing more is queued.
    pub(super) fn disconnect_after_queue(&mut self, disconnect: DisconnectReason, wakes: &mut Wakes) {
        self.disconnecting.get_or_insert(disconnect);
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
            // Most sessions have two participants: grow from two, not from four.
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
            // A room that was full once gives its memory back.
            *self = Self::default();
        }
        subscription
    }

    pub(super) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(id.0 as usize)?.as_mut()
    }

    /// Entries, in use or free.
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

    /// Slots with a status that some connection has not taken.
    pub(super) fn pending_statuses(&self) -> SlotSet {
        self.iter().fold(SlotSet::default(), |owed, subscription| owed.with(subscription.statuses))
    }

    /// The oldest subscription of a participant who has at least so many.
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
