//! Positions that come without a connection: from a tracker app, one request each.
//!
//! Such an app goes on by itself in a pocket, also when its owner has changed their mind on the page, and sends
//! late what it could not send before. So a report counts for less than what is said through a connection: it
//! lives from when it was taken, gives way to whatever was taken later, and shows nothing of somebody who
//! paused or stopped.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::slots::{Latest, SlotId};
use super::subscriptions::SubscriptionId;
use super::{Now, Phase, PublishError, Room, Snapshot, SubscribeError, Wakes};
use crate::event::{Broadcast, Event, SharingStatus};
use crate::hlc::Hlc;
use crate::id::UserId;
use crate::position::Position;
use crate::session::Details;

/// Where a position came from.
#[derive(Clone, Copy)]
pub(super) enum PositionSource {
    /// A connection.
    Subscription(SubscriptionId),
    /// A tracker app; its life began when it was taken.
    Report { received: Instant },
}

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
        let shown = self.show(slot_id, position, now, PositionSource::Report { received });
        let mut wakes = shown.map_err(|_: PublishError| SubscribeError::NotAParticipant)?;
        self.says_by_itself(slot_id, now, &mut wakes);
        Ok(Reported::Shown(wakes))
    }

    /// Everyone is owed a new position, but for the connection that it came from.
    pub(super) fn show(
        &mut self,
        slot_id: SlotId,
        position: Position,
        now: Now,
        source: PositionSource,
    ) -> Result<Wakes, PublishError> {
        let Phase::Open(Details { location_ttl, .. }) = self.phase else { return Err(PublishError::Gone) };
        let (node, shared) = self.version_by();
        let slot = self.slots.get_mut(slot_id).ok_or(PublishError::Gone)?;
        let received = match source {
            PositionSource::Subscription(_) => now.instant,
            PositionSource::Report { received } => received,
        };
        let event = Event::LocationUpdate { user_id: slot.profile.user_id.clone(), position };
        slot.latest = Some(Latest {
            broadcast: Arc::new(Broadcast::new(self.session, event).received_at(now.instant)),
            received,
            expires: received + location_ttl,
            reported: matches!(source, PositionSource::Report { .. }),
        });
        slot.last_position_at = Some(now.wall);
        slot.moved = Some(Hlc::after(slot.moved, now.shared.max(slot.dated_from), node));
        slot.unsent.moved = shared;
        slot.unsaved = Some(now.wall);
        self.published += 1;
        let mut wakes = Wakes::of_up_to(self.subscriptions.len());
        match source {
            PositionSource::Subscription(own) => {
                let others = self.subscriptions.all_but(own);
                others.for_each(|subscription| {
                    subscription.mark_position_dirty(slot_id, now.instant, &mut wakes);
                });
            }
            PositionSource::Report { .. } => {
                let all = self.subscriptions.iter_mut();
                all.for_each(|subscription| {
                    subscription.mark_position_dirty(slot_id, now.instant, &mut wakes);
                });
            }
        }
        Ok(wakes)
    }

    /// A page in the background said that nothing comes, and now something does.
    fn says_by_itself(&mut self, slot_id: SlotId, now: Now, wakes: &mut Wakes) {
        let (node, shared) = self.version_by();
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

    /// What a member is shown who has no connection: everyone, and the others' live positions.
    ///
    /// # Errors
    /// When the session is not open, or nobody by that id is in it.
    pub fn snapshot_for(&self, user: &UserId, now: Now) -> Result<Snapshot, SubscribeError> {
        self.is_open()?;
        let own = self.slots.of(user).ok_or(SubscribeError::NotAParticipant)?;
        self.snapshot(Some(own), now)
    }

    /// How long a position is shown in this session; nothing is, while it is not open.
    pub fn location_ttl(&self) -> Duration {
        self.is_open().map_or(Duration::ZERO, |details| details.location_ttl)
    }
}

impl Snapshot {
    /// The same without one person.
    #[must_use]
    pub fn without(mut self, user: &UserId) -> Self {
        self.participants.participants.retain(|person| person.profile.user_id != *user);
        self.locations.locations.retain(|location| location.user_id != *user);
        self
    }
}
