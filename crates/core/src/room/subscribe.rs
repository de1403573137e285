//! Subscribing: who may, the snapshot that a new subscription begins with, and its end.

use std::sync::Arc;
use std::time::Duration;

use super::presence::presences;
use super::slots::SlotId;
use super::subscriptions::{Occupant, SubscriptionId};
use super::{DisconnectReason, Now, Room, Wakes};
use crate::event::{Broadcast, DismissReason, Event, InitialLocations, InitialParticipants};
use crate::id::UserId;
use crate::limits::{CONNECTIONS_PER_PARTICIPANT_MAX, NEWCOMER_HEAD_START};
use crate::presence::Presences;
use crate::session::Closed;
use crate::time::Timestamp;

/// Who subscribes.
#[derive(Clone, Copy, Debug)]
pub enum Subscriber<'a> {
    /// A participant; each of their connections has a subscription of its own.
    Participant(&'a UserId),
    /// A watcher, unless there are already `max`, or watching was revoked since their token was issued.
    Watcher {
        /// The most watchers of the room.
        max: usize,
        /// The session's watch generation in their token.
        generation: u32,
    },
}

/// Why a subscription is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The session is over.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// Not a participant, or no longer.
    #[error("not a participant")]
    NotAParticipant,
    /// The room has the most watchers it may have.
    #[error("too many watchers")]
    Full,
    /// Watching was revoked after the token was issued.
    #[error("watching was revoked")]
    WatchingRevoked,
    /// This room was retired; there is, or will be, another one for the session.
    #[error("the room was given up")]
    Retired,
}

/// The state of the room at the moment of subscribing: every later change is an update.
#[derive(Debug)]
pub struct Snapshot {
    /// All participants.
    pub participants: InitialParticipants,
    /// The others' positions.
    pub locations: InitialLocations,
    /// Who is connected, the new subscriber included.
    pub presence: Presences,
    /// When the session ends.
    pub ends_at: Timestamp,
    /// How long a position is shown.
    pub location_ttl: Duration,
    /// Connections to wake: one that is disconnected because there are too many.
    pub wakes: Wakes,
}

impl Snapshot {
    /// The snapshot without one participant.
    #[must_use]
    pub fn without(mut self, user: &UserId) -> Self {
        self.participants.participants.retain(|person| person.profile.user_id != *user);
        self.locations.locations.retain(|location| location.user_id != *user);
        self
    }
}

impl Room {
    /// Subscribes: a snapshot of the room at this moment, and every change from then on.
    ///
    /// # Errors
    /// When the session is over, the subscriber is no participant, or there are too many watchers.
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
            self.drop_oldest_connection(slot, now, &mut wakes);
        }
        let subscription = self.add_subscription(occupant, now);
        Ok((subscription, Snapshot { wakes, ..self.snapshot(own, now)? }))
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

    /// Adds the subscription; a participant counts as connected from now on.
    fn add_subscription(&mut self, occupant: Occupant, now: Now) -> SubscriptionId {
        if let Occupant::Participant(slot) = occupant {
            let first = !self.subscriptions.any_of(slot);
            self.connected(slot, first, now);
        }
        self.subscriptions.take(occupant, self.attendance.shown, self.watching.count)
    }

    /// Disconnects the oldest connection of a participant who has too many.
    fn drop_oldest_connection(&mut self, slot: SlotId, now: Now, wakes: &mut Wakes) {
        let Some(oldest) = self.subscriptions.oldest_of(slot, CONNECTIONS_PER_PARTICIPANT_MAX) else {
            return;
        };
        let event = Event::Dismissed { reason: DismissReason::TooManyConnections, server_time: now.wall };
        let event = Arc::new(Broadcast::new(self.session, event));
        oldest.dismiss(&event, DisconnectReason::TooManyConnections, wakes);
    }

    /// The state of the room without the position of `own`.
    fn snapshot(&self, own: Option<SlotId>, now: Now) -> Result<Snapshot, SubscribeError> {
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

    /// A snapshot for a participant without a connection: all participants, and the others' live positions.
    ///
    /// # Errors
    /// When the session is not open, or nobody by that id is in it.
    pub fn snapshot_for(&self, user: &UserId, now: Now) -> Result<Snapshot, SubscribeError> {
        self.is_open()?;
        let own = self.slots.of(user).ok_or(SubscribeError::NotAParticipant)?;
        self.snapshot(Some(own), now)
    }

    /// Ends a subscription. The participant stays in the session: phones lose their network.
    pub fn unsubscribe(&mut self, subscription: SubscriptionId, now: Now) {
        let Some(subscription) = self.subscriptions.unsubscribe(subscription) else { return };
        if let Occupant::Participant(slot) = subscription.occupant
            && let Some(known) = self.slots.get_mut(slot)
        {
            known.unsaved = Some(now.wall);
            if !self.subscriptions.any_of(slot) {
                self.disconnected(slot, now);
            }
        }
    }
}
