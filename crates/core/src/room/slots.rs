//! Slots: one for each participant, with the newest position.

use std::sync::Arc;
use std::time::Instant;

use super::presence::Presence;
use super::statuses::Statements;
use crate::event::{Broadcast, Event, InitialLocation, InitialParticipant, SharingStatus};
use crate::hlc::Hlc;
use crate::id::UserId;
use crate::limits::PARTICIPANTS_CEILING;
use crate::pace::Pace;
use crate::participant::Profile;
use crate::position::Position;
use crate::time::Timestamp;

// Some slots are spare, because a leave and a join may reach the room in the opposite order of the database.
const _: () = assert!(PARTICIPANTS_CEILING + 20 <= SlotSet::CAPACITY);

/// The index of a slot in its room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct SlotId(u8);

/// A set of slots, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotSet(u128);

impl SlotSet {
    /// How many slots a room can have.
    pub const CAPACITY: usize = u128::BITS as usize;

    /// Whether it was not there before.
    pub(super) fn insert(&mut self, slot: SlotId) -> bool {
        let before = self.0;
        self.0 |= 1 << slot.0;
        self.0 != before
    }

    pub(super) fn len(&self) -> usize {
        self.0.count_ones() as usize
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn remove(&mut self, slot: SlotId) {
        self.0 &= !(1 << slot.0);
    }

    pub(super) fn clear(&mut self) {
        self.0 = 0;
    }

    pub(super) fn contains(self, slot: SlotId) -> bool {
        self.0 & (1 << slot.0) != 0
    }

    pub(super) fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Empties the set, slot by slot.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = SlotId> {
        let mut rest = std::mem::take(&mut self.0);
        std::iter::from_fn(move || {
            let lowest = u8::try_from(rest.trailing_zeros()).ok()?;
            if rest == 0 {
                return None;
            }
            rest &= rest - 1;
            Some(SlotId(lowest))
        })
    }
}

/// The newest position, and when it expires.
pub(super) struct Latest {
    pub(super) broadcast: Arc<Broadcast>,
    pub(super) received: Instant,
    pub(super) expires: Instant,
    /// Whether it came from a tracker app.
    pub(super) reported: bool,
}

/// Timestamps of the updates that are unsent to other nodes.
#[derive(Clone, Copy, Default)]
pub(super) struct Unsent {
    pub(super) moved: bool,
    pub(super) said: bool,
    pub(super) present: bool,
}

impl Unsent {
    pub(super) fn any(self) -> bool {
        self.moved || self.said || self.present
    }
}

pub(super) struct Slot {
    pub(super) profile: Profile,
    pub(super) latest: Option<Latest>,
    pub(super) status: Option<SharingStatus>,
    pub(super) statements: Statements,
    pub(super) last_position_at: Option<Timestamp>,
    /// Timestamp of the newest position, or of its withdrawal.
    pub(super) moved: Option<Hlc>,
    /// Timestamp of the newest status.
    pub(super) said: Option<Hlc>,
    pub(super) unsent: Unsent,
    pub(super) presence: Presence,
    /// The earliest timestamp for updates through this node.
    pub(super) dated_from: Timestamp,
    /// The rate of messages of all their connections together; `None` until the first one.
    pub(super) messages: Option<Pace>,
    /// The time of last activity, until the database has it.
    pub(super) unsaved: Option<Timestamp>,
    joined: u32,
}

impl Slot {
    /// When the passing of time alone next changes something.
    pub(super) fn next_change(&self) -> Option<Instant> {
        let expires = self.latest.as_ref().map(|latest| latest.expires);
        self.presence.next_change().into_iter().chain(expires).min()
    }

    /// Whether the position shown came from a tracker app and was taken after this one. Otherwise a participant with
    /// two sources would jump back and forth on the map.
    pub(super) fn has_newer_report(&self, position: &Position, now: Instant) -> bool {
        self.latest.as_ref().is_some_and(|latest| latest.reported && latest.is_newer(position, now))
    }
}

impl Latest {
    /// Whether this one has not expired, and was taken after the other.
    pub(super) fn is_newer(&self, other: &Position, now: Instant) -> bool {
        self.expires > now && self.timestamp() > Some(other.timestamp())
    }

    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        match self.broadcast.event() {
            Event::LocationUpdate { position, .. } => Some(position.timestamp()),
            _ => None,
        }
    }
}

/// The slots of one room, allocated on demand, since most sessions have two to six people.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Option<Slot>>,
    joined_so_far: u32,
}

impl Slots {
    pub(super) fn with_capacity(people: usize) -> Self {
        Self { slots: Vec::with_capacity(people.min(SlotSet::CAPACITY)), joined_so_far: 0 }
    }

    pub(super) fn get(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(usize::from(id.0))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(id.0))?.as_mut()
    }

    pub(super) fn of(&self, user: &UserId) -> Option<SlotId> {
        self.iter().find(|(_, slot)| slot.profile.user_id == *user).map(|(id, _)| id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        (0..=u8::MAX).zip(&self.slots).filter_map(|(id, slot)| Some((SlotId(id), slot.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (SlotId, &mut Slot)> {
        (0..=u8::MAX).zip(&mut self.slots).filter_map(|(id, slot)| Some((SlotId(id), slot.as_mut()?)))
    }

    /// Gives a new participant a slot. Without effect if they have one, or if no slot is free.
    pub(super) fn add(&mut self, profile: Profile) -> bool {
        if self.of(&profile.user_id).is_some() {
            return false;
        }
        let slot = Slot {
            profile,
            latest: None,
            status: None,
            statements: Statements::default(),
            last_position_at: None,
            moved: None,
            said: None,
            unsent: Unsent::default(),
            presence: Presence::default(),
            dated_from: Timestamp::from_millis(0),
            messages: None,
            unsaved: None,
            joined: self.joined_so_far,
        };
        self.joined_so_far = self.joined_so_far.wrapping_add(1);
        let free = self.slots.iter().position(Option::is_none);
        match free {
            Some(place) => self.slots[place] = Some(slot),
            None if self.slots.len() < SlotSet::CAPACITY => self.slots.push(Some(slot)),
            None => return false,
        }
        true
    }

    pub(super) fn remove(&mut self, user: &UserId) -> Option<SlotId> {
        let id = self.of(user)?;
        self.slots[usize::from(id.0)] = None;
        Some(id)
    }

    pub(super) fn initial_participants(&self) -> Vec<InitialParticipant> {
        let mut slots: Vec<&Slot> = self.iter().map(|(_, slot)| slot).collect();
        slots.sort_by_key(|slot| slot.joined);
        let shown = |slot: &Slot| InitialParticipant {
            profile: slot.profile.clone(),
            status: slot.status,
            last_position_at: slot.last_position_at,
        };
        slots.into_iter().map(shown).collect()
    }

    /// All live positions at `now`, without that of `own`.
    pub(super) fn initial_locations(&self, own: Option<SlotId>, now: Instant) -> Vec<InitialLocation> {
        let live = |(id, slot): (SlotId, &Slot)| {
            let latest = slot.latest.as_ref().filter(|latest| Some(id) != own && latest.expires > now)?;
            let Event::LocationUpdate { user_id, position } = latest.broadcast.event() else { return None };
            let age = now.saturating_duration_since(latest.received);
            Some(InitialLocation {
                user_id: user_id.clone(),
                position: position.clone(),
                age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            })
        };
        self.iter().filter_map(live).collect()
    }
}
