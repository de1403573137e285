//! Who is in the session, and what is known of it: told one by one as it happens here, or read from the
//! database and compared.
//!
//! A user id joins once and leaves once, whichever is heard of first. So it is enough to keep who has left,
//! and who joined while the database was being read: on top of what was read, that is the truth.

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

/// What happened while the database was being read.
#[derive(Default)]
pub(super) struct Meanwhile {
    joined: Vec<Profile>,
    details: Option<Details>,
    watch_generation: u32,
}

/// Who left last: they do not come back, whoever says so late.
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
    /// The database is going to be read: from now on, keeps what happens. A new room begins like this.
    pub fn start_reading(&mut self) {
        self.meanwhile = Some(Meanwhile::default());
    }

    /// Nothing could be read.
    pub fn stop_reading(&mut self) {
        self.meanwhile = None;
    }

    /// Takes what the database knew when it was read, and what happened since [`Self::start_reading`], and
    /// tells everyone the difference from what they know. Opens a new room, where nobody is to be told yet.
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
        // In a new room, those who joined meanwhile have not been added yet: they came after the others.
        for profile in roster.into_iter().chain(meanwhile.joined) {
            self.add(profile, &mut wakes);
        }
        wakes
    }

    /// Somebody joined the session.
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

    /// Somebody left the session, or was removed: their position is gone with them, and their own
    /// connections are let go.
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

    /// Watchers are sent away: those who were let watch before `generation`.
    pub fn watching_revoked(&mut self, generation: u32, now: Now) -> Wakes {
        let mut wakes = Wakes::default();
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile.watch_generation = meanwhile.watch_generation.max(generation);
        }
        self.raise_watch_generation(generation, now, &mut wakes);
        wakes
    }

    /// Whatever is heard late: the generation never goes back.
    fn raise_watch_generation(&mut self, generation: u32, now: Now, wakes: &mut Wakes) {
        let Phase::Open(details) = &mut self.phase else { return };
        if details.watch_generation < generation {
            details.watch_generation = generation;
            self.dismiss_watchers(generation, now, wakes);
        }
    }

    /// Everyone who takes part, as far as is known here.
    pub fn members(&self) -> Vec<UserId> {
        self.slots.iter().map(|(_, slot)| slot.profile.user_id.clone()).collect()
    }

    /// Whether somebody takes part, as far as is known here.
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

    /// State, as who is connected: however often a session is changed, a connection is owed what it is now.
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
