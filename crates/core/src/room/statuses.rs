//! The sharing status of each participant. It is state, like a position: the newest wins, and each connection keeps one
//! dirty bit per participant. However often a participant changes it, nothing queues for the others.
//!
//! A status that withdraws the position stays pending until it is delivered, even when a newer one has followed: a
//! client that received the position alone would go on showing it.

use std::sync::Arc;

use super::slots::{SlotId, Slots};
use super::subscriptions::{Subscription, SubscriptionId};
use super::{Now, PublishError, Room, Sink, Wakes};
use crate::event::{Broadcast, Event, SharingStatus};
use crate::hlc::Hlc;

/// The status events of one participant, while a connection has yet to take them.
#[derive(Default)]
pub(super) struct Statements {
    newest: Option<Arc<Broadcast>>,
    withdrawal: Option<Arc<Broadcast>>,
}

impl Room {
    /// Sets the sharing status of the subscription's participant, and notifies the other connections if it is new.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub fn set_status(
        &mut self,
        subscription: SubscriptionId,
        status: SharingStatus,
        now: Now,
    ) -> Result<Wakes, PublishError> {
        let slot_id = self.sender(subscription)?;
        let (node, shared) = self.hlc_node();
        let slot = self.slots.get_mut(slot_id).ok_or(PublishError::Gone)?;
        slot.unsaved = Some(now.wall);
        let mut wakes = Wakes::default();
        // A position that was in flight when the same status came before is withdrawn, too.
        let shown = slot.latest.as_ref().is_some_and(|latest| latest.expires > now.instant);
        let withdraws = status.withdraws_position() && shown;
        if slot.status.replace(status) == Some(status) && !withdraws {
            return Ok(wakes);
        }
        slot.said = Some(Hlc::after(slot.said, now.shared.max(slot.dated_from), node));
        slot.unsent.said = shared;
        if status.withdraws_position() {
            slot.latest = None;
            slot.moved = Some(Hlc::after(slot.moved, now.shared.max(slot.dated_from), node));
            slot.unsent.moved = shared;
            self.subscriptions.iter_mut().for_each(|subscription| subscription.dirty.remove(slot_id));
        }
        self.mark_status_dirty(slot_id, status, Some(subscription), now, &mut wakes);
        Ok(wakes)
    }

    /// Marks a participant's status dirty for every connection but the one that sent it.
    pub(super) fn mark_status_dirty(
        &mut self,
        slot_id: SlotId,
        status: SharingStatus,
        said_by: Option<SubscriptionId>,
        now: Now,
        wakes: &mut Wakes,
    ) {
        let Some(slot) = self.slots.get_mut(slot_id) else { return };
        let user_id = slot.profile.user_id.clone();
        let event = Event::ParticipantStatus { user_id, status, server_time: now.wall };
        let event = Arc::new(Broadcast::new(self.session, event));
        if status.withdraws_position() {
            slot.statements.withdrawal = Some(Arc::clone(&event));
        }
        slot.statements.newest = Some(event);
        for (id, subscription) in self.subscriptions.entries_mut() {
            if Some(id) != said_by {
                subscription.mark_status_dirty(slot_id, status.withdraws_position(), wakes);
            }
        }
    }

    /// Drops the events that every connection has taken.
    pub(super) fn sweep_statements(&mut self) {
        let owed = self.subscriptions.pending_statuses();
        for (id, slot) in self.slots.iter_mut() {
            if !owed.contains(id) {
                slot.statements = Statements::default();
            }
        }
    }
}

/// Delivers the pending statuses to a connection. Returns whether there were any.
pub(super) fn give(subscription: &mut Subscription, slots: &Slots, sink: &mut impl Sink) -> bool {
    let withdrawn = std::mem::take(&mut subscription.withdrawn);
    let mut given = false;
    for id in subscription.statuses.drain() {
        let Some(Statements { newest: Some(newest), withdrawal }) =
            slots.get(id).map(|slot| &slot.statements)
        else {
            continue;
        };
        let before =
            withdrawal.as_ref().filter(|before| withdrawn.contains(id) && !Arc::ptr_eq(before, newest));
        before.into_iter().chain([newest]).for_each(|event| sink.control(event));
        given = true;
    }
    given
}
