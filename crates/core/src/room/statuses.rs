//! The sharing status of each person. It is state, like a position: the newest wins, and a connection is owed one bit
//! for each person. However often somebody changes their mind, nothing queues for the others.
//!
//! A status that withdraws the position is owed until it is given, even when a newer one has followed: a reader who
//! was told of the position alone would go on showing it.

use std::sync::Arc;

use super::slots::{SlotId, Slots};
use super::subscriptions::{Subscription, SubscriptionId};
use super::{Now, PublishError, Room, Sink, Wakes};
use crate::event::{Broadcast, Event, SharingStatus};
use crate::hlc::Hlc;

/// The events that tell of somebody's status, for as long as a connection is owed them.
#[derive(Default)]
pub(super) struct Statements {
    newest: Option<Arc<Broadcast>>,
    withdrawal: Option<Arc<Broadcast>>,
}

impl Room {
    /// Takes what the subscription's owner says of their sharing, and tells the others if it is new.
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
        // A position that was on its way when the same was said before is withdrawn, too.
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

    /// Every connection is owed what somebody says, but for the one that said it.
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

    /// Forgets the events that every connection was given.
    pub(super) fn sweep_statements(&mut self) {
        let owed = self.subscriptions.pending_statuses();
        for (id, slot) in self.slots.iter_mut() {
            if !owed.contains(id) {
                slot.statements = Statements::default();
            }
        }
    }
}

/// Gives a connection the statuses that it is owed: whether there were any.
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
