//! Watchers: their number, and revocation.
//!
//! Their number is state, delivered like presence ([`super::presence`]): the sweep counts them, and each subscription
//! that knows another number has an update pending. Claims of other nodes hold for [`PRESENCE_LEASE`].

use std::sync::Arc;
use std::time::Instant;

use super::subscriptions::{Occupant, Subscription};
use super::{DisconnectReason, Now, Room, Wakes};
use crate::event::{Broadcast, DismissReason, Event};
use crate::hlc::NodeId;
use crate::id::SessionId;
use crate::limits::{PRESENCE_LEASE, PRESENCE_REFRESH};

#[derive(Default)]
pub(super) struct Watching {
    /// Watchers on all nodes, as of the last sweep.
    pub(super) count: u32,
    here: u32,
    elsewhere: Vec<Claim>,
    /// Whether this node's number is unsent to other nodes.
    unsent: bool,
    untold: bool,
    /// When it is sent again anyway.
    refresh_at: Option<Instant>,
    /// The event with the count, while a connection may have yet to take it.
    event: Option<Arc<Broadcast>>,
}

/// The number of watchers on another node.
struct Claim {
    node: NodeId,
    count: u32,
    expires: Instant,
}

impl Watching {
    /// Takes the number of watchers for a subscription that knows another one; it counts as sent.
    pub(super) fn pending(
        &mut self,
        subscription: &mut Subscription,
        session: SessionId,
    ) -> Option<Arc<Broadcast>> {
        let count = self.count;
        if subscription.notified_watchers == count || subscription.disconnecting.is_some() {
            return None;
        }
        subscription.notified_watchers = count;
        let new = || Arc::new(Broadcast::new(session, Event::PresenceWatchers { count }));
        Some(Arc::clone(self.event.get_or_insert_with(new)))
    }

    /// When the passing of time alone next changes something.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.elsewhere.iter().map(|claim| claim.expires).chain(self.refresh_at).min()
    }

    /// Marks this node's number as unsent, because other nodes may have lost it. Returns whether there is any.
    pub(super) fn restate(&mut self) -> bool {
        self.unsent |= self.here > 0;
        self.unsent
    }
}

impl Room {
    /// Counts the watchers, and wakes the subscriptions that know another number. Returns whether an update for other
    /// nodes is pending.
    pub(super) fn sweep_watching(&mut self, now: Instant, wakes: &mut Wakes) -> bool {
        let Self { subscriptions, watching, node, .. } = self;
        let here = u32::try_from(subscriptions.watchers()).unwrap_or(u32::MAX);
        let due = watching.refresh_at.take_if(|at| *at <= now).is_some();
        if node.is_some() && (here != watching.here || (due && here > 0)) {
            (watching.unsent, watching.untold) = (true, true);
        }
        if node.is_some() && here > 0 {
            watching.refresh_at.get_or_insert(now + PRESENCE_REFRESH);
        }
        watching.here = here;
        watching.elsewhere.retain(|claim| claim.expires > now);
        let count = watching.elsewhere.iter().fold(here, |sum, claim| sum.saturating_add(claim.count));
        if watching.count != count {
            (watching.count, watching.event) = (count, None);
            subscriptions
                .iter_mut()
                .filter(|subscription| subscription.notified_watchers != count)
                .for_each(|subscription| subscription.wake(wakes));
        } else if subscriptions.iter().all(|subscription| subscription.notified_watchers == count) {
            watching.event = None;
        }
        std::mem::take(&mut watching.untold)
    }

    /// The number of watchers, as of the last sweep.
    pub fn watcher_count(&self) -> u32 {
        self.watching.count
    }

    /// Takes the number of watchers on this node, if it is unsent.
    pub fn take_watching(&mut self) -> Option<u32> {
        std::mem::take(&mut self.watching.unsent).then_some(self.watching.here)
    }

    /// Records the number of watchers on another node.
    pub fn hear_watching(&mut self, node: NodeId, count: u32, now: Instant) {
        if Some(node) == self.node {
            return;
        }
        let elsewhere = &mut self.watching.elsewhere;
        elsewhere.retain(|known| known.node != node);
        if count > 0 {
            elsewhere.push(Claim { node, count, expires: now + PRESENCE_LEASE });
        }
    }

    /// The watch generation that tokens must have; `None` while that is unknown, or once the session has ended.
    pub fn watch_generation(&self) -> Option<u32> {
        self.is_open().ok().map(|details| details.watch_generation)
    }

    /// Disconnects the watchers whose tokens are from before `generation`.
    pub(super) fn dismiss_watchers(&mut self, generation: u32, now: Now, wakes: &mut Wakes) {
        let event = Event::Dismissed { reason: DismissReason::WatchingRevoked, server_time: now.wall };
        let event = Arc::new(Broadcast::new(self.session, event));
        for subscription in self.subscriptions.iter_mut() {
            if matches!(subscription.occupant, Occupant::Watcher { generation: of } if of < generation) {
                subscription.dismiss(&event, DisconnectReason::WatchingRevoked, wakes);
            }
        }
    }
}
