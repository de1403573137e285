//! Positions that come without a connection: from a tracker app, one request each.
//!
//! Such an app goes on by itself in a pocket, also when its owner has changed their mind on the page, and sends
//! late what it could not send before. So a report counts for less than what is said through a connection: it
//! lives from when it was taken, gives way to whatever was taken later, and shows nothing of somebody who
//! paused or stopped.

use std::cmp::Ordering;
use std::time::Duration;

use super::publish::PositionSource;
use super::slots::SlotId;
use super::{Now, PublishError, Room, SubscribeError, Wakes};
use crate::event::SharingStatus;
use crate::hlc::Hlc;
use crate::id::UserId;
use crate::position::Position;

/// What became of a report.
#[derive(Debug)]
pub enum Reported {
    /// Everyone is owed it.
    Shown(Wakes),
    /// Nobody is told.
    NotShown(NotShown),
}

/// Why a report is not shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotShown {
    /// Its life was over when it came in.
    TooOld,
    /// A position that was taken later is shown.
    Superseded,
    /// Its sender paused or stopped.
    Withdrawn,
}

impl Room {
    /// Takes a position of a member that a tracker app sends, taken `age` ago. Everyone is owed it, the member's own
    /// connections too: that is how their page knows that the app works.
    ///
    /// # Errors
    /// When the session is not open, or nobody by that id is in it.
    pub fn report(
        &mut self,
        user: &UserId,
        position: Position,
        age: Duration,
        now: Now,
    ) -> Result<Reported, SubscribeError> {
        let location_ttl = self.is_open()?.location_ttl;
        let slot_id = self.slots.of(user).ok_or(SubscribeError::NotAParticipant)?;
        let slot = self.slots.get_mut(slot_id).ok_or(SubscribeError::NotAParticipant)?;
        slot.unsaved = Some(now.wall);
        if slot.status.is_some_and(SharingStatus::withdraws_position) {
            return Ok(Reported::NotShown(NotShown::Withdrawn));
        }
        // An instant before the machine's start cannot be told; the position is too old anyway.
        let Some(mut received) = now.instant.checked_sub(age).filter(|_| age < location_ttl) else {
            return Ok(Reported::NotShown(NotShown::TooOld));
        };
        if let Some(latest) = slot.latest.as_ref().filter(|latest| latest.expires > now.instant) {
            match latest.timestamp().cmp(&Some(position.timestamp())) {
                Ordering::Greater => return Ok(Reported::NotShown(NotShown::Superseded)),
                // The same fix once more, perhaps through another node: it stays as old as it is.
                Ordering::Equal => received = received.min(latest.received),
                Ordering::Less => {}
            }
        }
        let shown = self.store_position(slot_id, position, now, PositionSource::Report { received });
        let mut wakes = shown.map_err(|_: PublishError| SubscribeError::NotAParticipant)?;
        self.resume_sharing(slot_id, now, &mut wakes);
        Ok(Reported::Shown(wakes))
    }

    /// A page in the background said that nothing comes, and now something does.
    fn resume_sharing(&mut self, slot_id: SlotId, now: Now, wakes: &mut Wakes) {
        let (node, shared) = self.hlc_node();
        let Some(slot) = self.slots.get_mut(slot_id) else { return };
        if !matches!(slot.status, Some(SharingStatus::Hidden | SharingStatus::NoGps)) {
            return;
        }
        let status = SharingStatus::Sharing;
        slot.status = Some(status);
        slot.said = Some(Hlc::after(slot.said, now.shared.max(slot.dated_from), node));
        slot.unsent.said = shared;
        self.mark_status_dirty(slot_id, status, None, now, wakes);
    }

    /// How long a position is shown in this session; nothing is, while it is not open.
    pub fn location_ttl(&self) -> Duration {
        self.is_open().map_or(Duration::ZERO, |details| details.location_ttl)
    }
}
