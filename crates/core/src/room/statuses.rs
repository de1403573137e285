//! The sharing status of each person. It is state, like a position: the newest wins, and a connection is owed one bit
//! for each person. However often somebody changes their mind, nothing queues for the others.
//!
//! A status that withdraws the position is owed until it is given, even when a newer one has followed: a reader who
//! was told of the position alone would go on showing it.

use std::sync::Arc;

use super::seats::{Seat, SeatId};
use super::slots::{SlotId, Slots};
use super::taker::Taker;
use super::{Now, PublishError, Room, Wakes};
use crate::event::{Broadcast, Event, SharingStatus};
use crate::version::Version;

/// The events that tell of somebody's status, for as long as a connection is owed them.
#[derive(Default)]
pub(super) struct Statements {
    newest: Option<Arc<Broadcast>>,
    withdrawal: Option<Arc<Broadcast>>,
}

impl Room {
    /// Takes what the seat's owner says of their sharing, and tells the others if it is new.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub fn set_status(
        &mut self,
        seat: SeatId,
        status: SharingStatus,
        now: Now,
    ) -> Result<Wakes, PublishError> {
        let slot_id = self.sender(seat)?;
        let (node, shared) = self.version_by();
        let slot = self.slots.get_mut(slot_id).ok_or(PublishError::Gone)?;
        slot.unsaved = Some(now.wall);
        let mut wakes = Wakes::default();
        // A position that was on its way when the same was said before is withdrawn, too.
        let shown = slot.latest.as_ref().is_some_and(|latest| latest.expires > now.instant);
        let withdraws = status.withdraws_position() && shown;
        if slot.status.replace(status) == Some(status) && !withdraws {
            return Ok(wakes);
        }
        slot.said = Some(Version::after(slot.said, now.shared.max(slot.dated_from), node));
        slot.unsent.said = shared;
        if status.withdraws_position() {
            slot.latest = None;
            slot.moved = Some(Version::after(slot.moved, now.shared.max(slot.dated_from), node));
            slot.unsent.moved = shared;
            self.seats.iter_mut().for_each(|seat| seat.dirty.remove(slot_id));
        }
        self.owe_status(slot_id, status, Some(seat), now, &mut wakes);
        Ok(wakes)
    }

    /// Every connection is owed what somebody says, but for the one that said it.
    pub(super) fn owe_status(
        &mut self,
        slot_id: SlotId,
        status: SharingStatus,
        said_by: Option<SeatId>,
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
        for (id, seat) in self.seats.entries_mut() {
            if Some(id) != said_by {
                seat.owe_status(slot_id, status.withdraws_position(), wakes);
            }
        }
    }

    /// Forgets the events that every connection was given.
    pub(super) fn sweep_statements(&mut self) {
        let owed = self.seats.owed_statuses();
        for (id, slot) in self.slots.iter_mut() {
            if !owed.contains(id) {
                slot.statements = Statements::default();
            }
        }
    }
}

/// Gives a connection the statuses that it is owed: whether there were any.
pub(super) fn give(seat: &mut Seat, slots: &Slots, taker: &mut impl Taker) -> bool {
    let withdrawn = std::mem::take(&mut seat.withdrawn);
    let mut given = false;
    for id in seat.statuses.drain() {
        let Some(Statements { newest: Some(newest), withdrawal }) =
            slots.get(id).map(|slot| &slot.statements)
        else {
            continue;
        };
        let before =
            withdrawal.as_ref().filter(|before| withdrawn.contains(id) && !Arc::ptr_eq(before, newest));
        before.into_iter().chain([newest]).for_each(|event| taker.control(event));
        given = true;
    }
    given
}
