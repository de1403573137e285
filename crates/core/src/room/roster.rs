//! The roster and details of the session: changed event by event, or read from the database and compared.
//!
//! A user id joins once and leaves once, but the two may be heard of in either order. So it is enough to remember the
//! participants who left, and those who joined while the database was being read, and to apply both to the roster that
//! was read.

use std::collections::VecDeque;
use std::sync::Arc;

use super::slots::Slots;
use super::subscriptions::Occupant;
use super::{DisconnectReason, Now, Phase, Room, Wakes};
use crate::event::{Broadcast, Event};
use crate::id::UserId;
use crate::limits::LEAVERS_KEPT_MAX;
use crate::participant::Profile;
use crate::session::Details;

/// Changes while the database was being read.
#[derive(Default)]
pub(super) struct Meanwhile {
    joined: Vec<Profile>,
    details: Option<Details>,
    watch_generation: u32,
}

/// The participants who left last. A late message that they joined is ignored.
#[derive(Default)]
pub(super) struct Leavers(VecDeque<UserId>);

impl Leavers {
    fn add(&mut self, user: UserId) {
        if self.contains(&user) {
            return;
        }
        if self.0.len() >= LEAVERS_KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(user);
    }

    fn contains(&self, user: &UserId) -> bool {
        self.0.contains(user)
    }
}

impl Room {
    /// Starts to record changes, before the database is read. A new room begins like this.
    pub fn start_reading(&mut self) {
        self.meanwhile = Some(Meanwhile::default());
    }

    /// Stops recording after a failed read.
    pub fn stop_reading(&mut self) {
        self.meanwhile = None;
    }

    /// Applies the database's state and the changes since [`Self::start_reading`], and sends every connection the
    /// difference. Opens a new room, which has no connection yet.
    pub fn reconcile(&mut self, read: Details, roster: Vec<Profile>, now: Now) -> Wakes {
        let mut wakes = Wakes::default();
        let meanwhile = self.meanwhile.take().unwrap_or_default();
        match &self.phase {
            Phase::Over(_) | Phase::Retired => return wakes,
            Phase::Loading => {
                self.phase = Phase::Open(meanwhile.details.unwrap_or(read));
                self.slots = Slots::with_capacity(roster.len());
            }
            Phase::Open(known) => {
                let generation = read.watch_generation;
                if meanwhile.details.is_none() && !known.look_like(&read) {
                    self.change(read, now, &mut wakes);
                }
                self.raise_watch_generation(generation, now, &mut wakes);
            }
        }
        self.raise_watch_generation(meanwhile.watch_generation, now, &mut wakes);
        let stays =
            |user: &UserId| roster.iter().chain(&meanwhile.joined).any(|profile| profile.user_id == *user);
        let users = self.slots.iter().map(|(_, slot)| &slot.profile.user_id);
        let gone: Vec<UserId> = users.filter(|user| !stays(user)).cloned().collect();
        for user in gone {
            self.remove(user, &mut wakes);
        }
        // In a new room, the participants who joined meanwhile have not been added yet: they come after the others.
        for profile in roster.into_iter().chain(meanwhile.joined) {
            self.add(profile, &mut wakes);
        }
        wakes
    }

    /// A participant joined the session.
    pub fn member_joined(&mut self, profile: Profile) -> Wakes {
        let mut wakes = Wakes::default();
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile.joined.push(profile.clone());
        }
        if matches!(self.phase, Phase::Open(_)) {
            self.add(profile, &mut wakes);
        }
        wakes
    }

    /// A participant left the session or was removed: deletes their position, and closes their connections.
    pub fn member_left(&mut self, user_id: UserId) -> Wakes {
        let mut wakes = Wakes::default();
        self.leavers.add(user_id.clone());
        if matches!(self.phase, Phase::Open(_)) {
            self.remove(user_id, &mut wakes);
        }
        wakes
    }

    /// The creator changed the session.
    pub fn updated(&mut self, details: Details, now: Now) -> Wakes {
        let mut wakes = Wakes::default();
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile.details = Some(details.clone());
            meanwhile.watch_generation = meanwhile.watch_generation.max(details.watch_generation);
        }
        if matches!(self.phase, Phase::Open(_)) {
            self.change(details, now, &mut wakes);
        }
        wakes
    }

    /// Watching was revoked: disconnects the watchers whose tokens are from before `generation`.
    pub fn watching_revoked(&mut self, generation: u32, now: Now) -> Wakes {
        let mut wakes = Wakes::default();
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile.watch_generation = meanwhile.watch_generation.max(generation);
        }
        self.raise_watch_generation(generation, now, &mut wakes);
        wakes
    }

    /// The generation never goes back, also when a message arrives late.
    fn raise_watch_generation(&mut self, generation: u32, now: Now, wakes: &mut Wakes) {
        let Phase::Open(details) = &mut self.phase else { return };
        if details.watch_generation < generation {
            details.watch_generation = generation;
            self.dismiss_watchers(generation, now, wakes);
        }
    }

    /// All participants, as far as this node knows.
    pub fn members(&self) -> Vec<UserId> {
        self.slots.iter().map(|(_, slot)| slot.profile.user_id.clone()).collect()
    }

    /// Whether the user is a participant, as far as this node knows.
    pub fn is_member(&self, user: &UserId) -> bool {
        self.slots.of(user).is_some()
    }

    fn add(&mut self, profile: Profile, wakes: &mut Wakes) {
        if !self.leavers.contains(&profile.user_id) && self.slots.add(profile.clone()) {
            self.broadcast(Event::ParticipantJoined(profile), wakes);
        }
    }

    fn remove(&mut self, user_id: UserId, wakes: &mut Wakes) {
        let Some(slot) = self.slots.remove(&user_id) else { return };
        self.leavers.add(user_id.clone());
        self.forget_presence(slot, user_id.clone(), wakes);
        let left = Event::ParticipantLeft { user_id: user_id.clone() };
        let left = Arc::new(Broadcast::new(self.session, left));
        for subscription in self.subscriptions.iter_mut() {
            if subscription.forget(slot, &user_id) {
                subscription.enqueue_control(&left, wakes);
            }
            if subscription.occupant == Occupant::Participant(slot) {
                subscription.occupant = Occupant::Gone;
                subscription.disconnect_after_queue(DisconnectReason::Left, wakes);
            }
        }
    }

    /// Details are state, like presence: a connection receives the newest, however often they change.
    fn change(&mut self, details: Details, now: Now, wakes: &mut Wakes) {
        let Phase::Open(known) = &mut self.phase else { return };
        let generation = details.watch_generation;
        let Details { name, ends_at, locked, .. } = details.clone();
        *known = Details { watch_generation: known.watch_generation, ..details };
        let event = Event::SessionUpdated { name, expires_at: ends_at, locked, server_time: now.wall };
        self.updated = Some(Arc::new(Broadcast::new(self.session, event)));
        self.subscriptions.iter_mut().for_each(|subscription| subscription.mark_details_dirty(wakes));
        self.raise_watch_generation(generation, now, wakes);
    }
}
