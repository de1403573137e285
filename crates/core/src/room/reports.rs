//! Reports: positions from a tracker app, without a connection, one request each.
//!
//! Such an app goes on by itself in a pocket, also after its owner paused on the page, and sends positions late. So a
//! report has less weight than a position from a connection: its life begins when it was taken, it never replaces a
//! position that was taken later, and it is not shown after its owner paused or stopped.

use std::cmp::Ordering;
use std::time::Duration;

use super::publish::PositionSource;
use super::slots::SlotId;
use super::{Now, PublishError, Room, SubscribeError, Wakes};
use crate::event::SharingStatus;
use crate::hlc::Hlc;
use crate::id::UserId;
use crate::position::Position;

/// The result of [`Room::report`].
#[derive(Debug)]
pub enum Reported {
    /// All connections receive it.
    Shown(Wakes),
    NotShown(NotShown),
}

/// Why a report is not shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotShown {
    /// It had expired when it came in.
    TooOld,
    Superseded,
    Withdrawn,
}

impl Room {
    /// Publishes a position of a participant's tracker app, taken `age` ago, to all connections. The participant's own
    /// ones included: from it their page learns that the app works.
    ///
    /// # Errors
    /// When the session is not open, or the participant is not in it.
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
        // `Instant` cannot represent a time before the machine's start; such a position is too old anyway.
        let Some(mut received) = now.instant.checked_sub(age).filter(|_| age < location_ttl) else {
            return Ok(Reported::NotShown(NotShown::TooOld));
        };
        if let Some(latest) = slot.latest.as_ref().filter(|latest| latest.expires > now.instant) {
            match latest.timestamp().cmp(&Some(position.timestamp())) {
                Ordering::Greater => return Ok(Reported::NotShown(NotShown::Superseded)),
                // The same fix again, perhaps through another node: its age does not change.
                Ordering::Equal => received = received.min(latest.received),
                Ordering::Less => {}
            }
        }
        let shown = self.store_position(slot_id, position, now, PositionSource::Report { received });
        let mut wakes = shown.map_err(|_: PublishError| SubscribeError::NotAParticipant)?;
        self.resume_sharing(slot_id, now, &mut wakes);
        Ok(Reported::Shown(wakes))
    }

    /// A report ends the status "hidden" or "no GPS" of the participant's page.
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

    /// How long a position is shown in this session; zero while it is not open.
    pub fn location_ttl(&self) -> Duration {
        self.is_open().map_or(Duration::ZERO, |details| details.location_ttl)
    }
}
