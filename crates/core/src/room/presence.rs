//! Presence: who is connected right now, to this node or another, and what each subscription still has to be told of
//! that.
//!
//! The room keeps the set of connected participants, and each subscription the set that its client was told. An update
//! is the difference of the two. A client that reads slowly costs two sets, and a participant who left and came back in
//! the meantime is not in the difference. A change wakes no connection by itself, [`Room::sweep`] does: when many come
//! back together, each subscription gets one event instead of one for each of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::slots::{SlotId, SlotSet, Slots};
use super::subscriptions::Subscription;
use super::{Now, Room, Wakes};
use crate::event::{Broadcast, Event};
use crate::hlc::NodeId;
use crate::id::SessionId;
use crate::limits::{PRESENCE_LEASE, PRESENCE_REFRESH};
use crate::presence::{PresenceDiff, Presences};
use crate::share::Present;
use crate::time::Timestamp;

/// Who is shown as connected.
pub(super) struct Attendance {
    /// How long somebody whose last connection is gone is still shown: tunnels and reloads.
    grace: Duration,
    pub(super) shown: SlotSet,
    /// Whether there is something that nobody was woken for.
    changed: bool,
    /// Whether there is something that other nodes have not been told, and when they are told again anyway.
    untold: bool,
    refresh_at: Option<Instant>,
    /// What the last subscription was told: most often the next one is owed the same. Not kept by a room where all is
    /// told.
    last: Option<(SlotSet, SlotSet, Arc<Broadcast>)>,
}

/// What is known of one participant's connections, but for the subscriptions here.
#[derive(Default)]
pub(super) struct Presence {
    /// What other nodes say.
    claims: Vec<Claim>,
    /// When they are shown as gone, unless a connection comes before.
    gone_at: Option<Instant>,
    /// The version of what other nodes were last told.
    told_at: Option<Timestamp>,
}

struct Claim {
    node: NodeId,
    said: Present,
    /// It counts until then: a node that was killed takes nothing back.
    expires: Instant,
}

impl Presence {
    fn is_elsewhere(&self) -> bool {
        self.claims.iter().any(|claim| claim.said.connected)
    }

    /// When time alone changes something.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.claims.iter().map(|claim| claim.expires).chain(self.gone_at).min()
    }

    /// Takes what a node says, unless it is out of date or the same node has said something newer.
    fn hear(&mut self, node: NodeId, said: Present, now: Now) {
        let Some(rest) = PRESENCE_LEASE.checked_sub(now.shared.since(said.at)) else { return };
        let claim = Claim { node, said, expires: now.instant + rest };
        match self.claims.iter_mut().find(|known| known.node == node) {
            Some(known) if known.said.at < said.at => *known = claim,
            Some(_) => {}
            None => self.claims.push(claim),
        }
    }

    /// What to tell other nodes; never of the same version twice.
    pub(super) fn tell(&mut self, connected: bool, shared: Timestamp) -> Present {
        let after = |told: Timestamp| Timestamp::from_millis(told.as_millis().saturating_add(1));
        let at = self.told_at.map_or(shared, |told| shared.max(after(told)));
        self.told_at = Some(at);
        Present { at, connected }
    }
}

impl Attendance {
    pub(super) fn new(grace: Duration) -> Self {
        let (shown, changed, untold) = (SlotSet::default(), false, false);
        Self { grace, shown, changed, untold, refresh_at: None, last: None }
    }

    /// When other nodes are told again who is connected here.
    pub(super) fn refresh_at(&self) -> Option<Instant> {
        self.refresh_at
    }

    fn show(&mut self, slot: SlotId) {
        self.changed |= !self.shown.contains(slot);
        self.shown.insert(slot);
    }

    /// What a subscription is owed: it counts as told.
    pub(super) fn pending(
        &mut self,
        subscription: &mut Subscription,
        slots: &Slots,
        session: SessionId,
    ) -> Option<Arc<Broadcast>> {
        if subscription.notified == self.shown || subscription.disconnecting.is_some() {
            return None;
        }
        let (joins, leaves) =
            (self.shown.without(subscription.notified), subscription.notified.without(self.shown));
        subscription.notified = self.shown;
        Some(self.diff(joins, leaves, slots, session))
    }

    fn diff(&mut self, joins: SlotSet, leaves: SlotSet, slots: &Slots, session: SessionId) -> Arc<Broadcast> {
        if let Some((joined, left, known)) = &self.last
            && (*joined, *left) == (joins, leaves)
        {
            return Arc::clone(known);
        }
        let diff = PresenceDiff { joins: presences(slots, joins), leaves: presences(slots, leaves) };
        let broadcast = Arc::new(Broadcast::new(session, Event::PresenceDiff(diff)));
        self.last = Some((joins, leaves, Arc::clone(&broadcast)));
        broadcast
    }
}

/// Those of a set.
pub(super) fn presences(slots: &Slots, mut set: SlotSet) -> Presences {
    let users = set.drain().filter_map(|slot| slots.get(slot)).map(|slot| slot.profile.user_id.clone());
    Presences(users.collect())
}

impl Room {
    /// A connection of somebody is here. `first`: there was no other one.
    pub(super) fn connected(&mut self, id: SlotId, first: bool, now: Now) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.presence.gone_at = None;
        self.attendance.show(id);
        if first && self.node.is_some() {
            slot.unsent.present = true;
            self.attendance.untold = true;
            self.attendance.refresh_at.get_or_insert(now.instant + PRESENCE_REFRESH);
        }
    }

    /// The last connection of somebody to this node is gone.
    pub(super) fn disconnected(&mut self, id: SlotId, now: Now) {
        let grace = self.attendance.grace;
        let Some(slot) = self.slots.get_mut(id) else { return };
        if !slot.presence.is_elsewhere() {
            slot.presence.gone_at = Some(now.instant + grace);
        }
        slot.unsent.present = self.node.is_some();
        self.attendance.untold |= slot.unsent.present;
    }

    /// Takes what another node says of somebody's connections to it: whether this node has to contradict, in
    /// case that the other word is the last that a third one reads.
    pub(super) fn hear_present(&mut self, id: SlotId, node: NodeId, said: Present, now: Now) -> bool {
        if Some(node) == self.node {
            return false;
        }
        let (here, grace) = (self.subscriptions.any_of(id), self.attendance.grace);
        let Some(slot) = self.slots.get_mut(id) else { return false };
        slot.presence.hear(node, said, now);
        if slot.presence.is_elsewhere() {
            slot.presence.gone_at = None;
            self.attendance.show(id);
        } else if !here && self.attendance.shown.contains(id) {
            slot.presence.gone_at.get_or_insert(now.instant + grace);
        }
        let contradicts = here && !said.connected;
        slot.unsent.present |= contradicts;
        contradicts
    }

    /// Whoever is connected to this node: other nodes are to be told again.
    pub(super) fn restate_presence(&mut self) {
        for (id, slot) in self.slots.iter_mut() {
            slot.unsent.present |= self.subscriptions.any_of(id);
        }
    }

    /// Shows as gone whose time is up, and wakes whom there is something to tell. Whether other nodes have to
    /// be told something, too.
    pub(super) fn sweep_presence(&mut self, now: Instant, wakes: &mut Wakes) -> bool {
        let Self { slots, subscriptions, attendance, .. } = self;
        for (id, slot) in slots.iter_mut() {
            let presence = &mut slot.presence;
            let before = presence.claims.len();
            presence.claims.retain(|claim| claim.expires > now);
            let lapsed = presence.claims.len() < before && attendance.shown.contains(id);
            if lapsed && !presence.is_elsewhere() && !subscriptions.any_of(id) {
                presence.gone_at.get_or_insert(now + attendance.grace);
            }
            if presence.gone_at.take_if(|at| *at <= now).is_some() {
                attendance.shown.remove(id);
                attendance.changed = true;
            }
        }
        if attendance.refresh_at.take_if(|at| *at <= now).is_some() && !subscriptions.is_empty() {
            attendance.refresh_at = Some(now + PRESENCE_REFRESH);
            attendance.untold = true;
            self.restate_presence();
        }
        if !self.attendance.changed {
            self.attendance.last = None;
        }
        if std::mem::take(&mut self.attendance.changed) {
            let shown = self.attendance.shown;
            self.subscriptions
                .iter_mut()
                .filter(|subscription| subscription.notified != shown)
                .for_each(|subscription| subscription.wake(wakes));
        }
        std::mem::take(&mut self.attendance.untold)
    }

    /// Somebody leaves the session, and their slot is for somebody else: whoever was told that they are
    /// connected is told that they are not, before they are told that they left.
    pub(super) fn forget_presence(&mut self, id: SlotId, user: crate::id::UserId, wakes: &mut Wakes) {
        self.attendance.shown.remove(id);
        self.attendance.last = None;
        let diff = PresenceDiff { joins: Presences::default(), leaves: Presences(vec![user]) };
        let gone = Arc::new(Broadcast::new(self.session, Event::PresenceDiff(diff)));
        for subscription in
            self.subscriptions.iter_mut().filter(|subscription| subscription.notified.contains(id))
        {
            subscription.notified.remove(id);
            subscription.enqueue_control(&gone, wakes);
        }
    }
}
