//! Subscriptions: admission, the snapshot at the beginning, and the end.

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

/// The client that subscribes.
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
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("not a participant")]
    NotAParticipant,
    #[error("too many watchers")]
    Full,
    #[error("watching was revoked")]
    WatchingRevoked,
    /// Another room of the same session replaces this one.
    #[error("the room was retired")]
    Retired,
}

/// The state of the room at the moment of subscribing: every later change is an update.
#[derive(Debug)]
pub struct Snapshot {
    pub participants: InitialParticipants,
    pub locations: InitialLocations,
    /// The connected participants, the new subscriber included.
    pub presence: Presences,
    pub ends_at: Timestamp,
    pub location_ttl: Duration,
    /// The connection to wake, if one is closed because the participant has too many.
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
    /// When the session is not open, or the participant is not in it.
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
