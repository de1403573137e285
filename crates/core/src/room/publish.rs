//! A position comes in: it replaces the sender's last one, and is marked dirty for every other connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::slots::{Latest, SlotId};
use super::subscriptions::{Occupant, SubscriptionId};
use super::{Now, Phase, Room, Wakes};
use crate::event::{Broadcast, Event};
use crate::hlc::Hlc;
use crate::limits::MESSAGE_BURST;
use crate::pace::Pace;
use crate::position::Position;
use crate::session::Details;

/// Why a position or status is rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PublishError {
    #[error("watchers send nothing")]
    Watcher,
    #[error("no longer in the session")]
    Gone,
}

/// The source of a position.
#[derive(Clone, Copy)]
pub(super) enum PositionSource {
    Subscription(SubscriptionId),
    /// A tracker app; the position's life began when it was taken.
    Report {
        received: Instant,
    },
}

impl Room {
    /// Publishes a position of the participant who subscribed, to every other connection.
    ///
    /// # Errors
    /// When the subscription is a watcher's, or its participant has left the session.
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
        self.store_position(slot_id, position, now, PositionSource::Subscription(subscription))
    }

    /// Stores a position in the sender's slot and marks it dirty for every connection but the one it came from.
    pub(super) fn store_position(
        &mut self,
        slot_id: SlotId,
        position: Position,
        now: Now,
        source: PositionSource,
    ) -> Result<Wakes, PublishError> {
        let Phase::Open(Details { location_ttl, .. }) = self.phase else { return Err(PublishError::Gone) };
        let (node, shared) = self.hlc_node();
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

    pub(super) fn sender(&mut self, subscription: SubscriptionId) -> Result<SlotId, PublishError> {
        match self.subscriptions.get_mut(subscription).map(|subscription| subscription.occupant) {
            Some(Occupant::Participant(slot)) if matches!(self.phase, Phase::Open(_)) => Ok(slot),
            Some(Occupant::Watcher { .. }) => Err(PublishError::Watcher),
            _ => Err(PublishError::Gone),
        }
    }

    /// Counts a message against the participant's rate, over all their connections: one for each `step`. `None` for a
    /// watcher.
    pub fn spend_message(
        &mut self,
        subscription: SubscriptionId,
        step: Duration,
        now: Instant,
    ) -> Option<Result<(), Duration>> {
        let Occupant::Participant(slot) = self.subscriptions.get_mut(subscription)?.occupant else {
            return None;
        };
        let slot = self.slots.get_mut(slot)?;
        Some(slot.messages.get_or_insert_with(|| Pace::new(MESSAGE_BURST, now)).try_spend(now, step))
    }
}
