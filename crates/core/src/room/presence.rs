//! Presence: the participants connected right now, to this node or another, and the pending difference of each
//! subscription.
//!
//! The room keeps the set of connected participants, and each subscription the set that its client knows. An update is
//! the difference of the two. A client that reads slowly costs two sets, and a participant who left and came back in
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

/// The participants shown as connected.
pub(super) struct Attendance {
    /// How long a participant is still shown after their last connection closed, for tunnels and reloads.
    grace: Duration,
    pub(super) shown: SlotSet,
    /// Whether there is a change for which no connection has been woken.
    changed: bool,
    /// Whether a change is unsent to other nodes, and when all is sent again anyway.
    untold: bool,
    refresh_at: Option<Instant>,
    /// The last difference sent: most often the next subscription needs the same. Dropped when no subscription has one
    /// pending.
    last: Option<(SlotSet, SlotSet, Arc<Broadcast>)>,
}

/// One participant's presence, apart from the subscriptions of this node.
#[derive(Default)]
pub(super) struct Presence {
    /// Claims of other nodes.
    claims: Vec<Claim>,
    /// When they are shown as gone, unless they connect before.
    gone_at: Option<Instant>,
    /// The timestamp of the last claim sent to other nodes.
    told_at: Option<Timestamp>,
}

struct Claim {
    node: NodeId,
    said: Present,
    /// The end of the lease: a node that was killed withdraws nothing.
    expires: Instant,
}

impl Presence {
    fn is_elsewhere(&self) -> bool {
        self.claims.iter().any(|claim| claim.said.connected)
    }

    /// When the passing of time alone next changes something.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.claims.iter().map(|claim| claim.expires).chain(self.gone_at).min()
    }

    /// Records a node's claim, unless it has expired or the same node has made a newer one.
    fn hear(&mut self, node: NodeId, said: Present, now: Now) {
        let Some(rest) = PRESENCE_LEASE.checked_sub(now.shared.since(said.at)) else { return };
        let claim = Claim { node, said, expires: now.instant + rest };
        match self.claims.iter_mut().find(|known| known.node == node) {
            Some(known) if known.said.at < said.at => *known = claim,
            Some(_) => {}
            None => self.claims.push(claim),
        }
    }

    /// The claim for other nodes; never twice with the same timestamp.
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

    /// When this node's claims are sent again.
    pub(super) fn refresh_at(&self) -> Option<Instant> {
        self.refresh_at
    }

    fn show(&mut self, slot: SlotId) {
        self.changed |= !self.shown.contains(slot);
        self.shown.insert(slot);
    }

    /// Takes a subscription's pending difference; it counts as sent.
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

pub(super) fn presences(slots: &Slots, mut set: SlotSet) -> Presences {
    let users = set.drain().filter_map(|slot| slots.get(slot)).map(|slot| slot.profile.user_id.clone());
    Presences(users.collect())
}

impl Room {
    /// A participant connected to this node. `first`: it is their only connection here.
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

    /// A participant's last connection to this node closed.
    pub(super) fn disconnected(&mut self, id: SlotId, now: Now) {
        let grace = self.attendance.grace;
        let Some(slot) = self.slots.get_mut(id) else { return };
        if !slot.presence.is_elsewhere() {
            slot.presence.gone_at = Some(now.instant + grace);
        }
        slot.unsent.present = self.node.is_some();
        self.attendance.untold |= slot.unsent.present;
    }

    /// Records another node's claim. Returns whether this node must send its own claim again, in case the other one is
    /// the last that a third node reads.
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

    /// Marks the claims for all participants connected to this node as unsent.
    pub(super) fn restate_presence(&mut self) {
        for (id, slot) in self.slots.iter_mut() {
            slot.unsent.present |= self.subscriptions.any_of(id);
        }
    }

    /// Ends the grace periods that are over, and wakes the subscriptions with a pending difference. Returns whether
    /// updates for other nodes are pending.
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

    /// A participant leaves the session and frees the slot: clients that saw them as connected receive a
    /// `presence_diff` before `participant_left`.
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
