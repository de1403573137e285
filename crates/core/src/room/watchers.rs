//! Who only sees: how many that are, and how they are sent away.
//!
//! How many watch is state, told as who is connected is ([`super::presence`]): the sweep counts, each subscription is
//! owed the number when it was told another one. Other nodes tell theirs in words that count for [`PRESENCE_LEASE`].

use std::sync::Arc;
use std::time::Instant;

use super::subscriptions::{Occupant, Subscription};
use super::{DisconnectReason, Now, Room, Wakes};
use crate::event::{Broadcast, DismissReason, Event};
use crate::hlc::NodeId;
use crate::id::SessionId;
use crate::limits::{PRESENCE_LEASE, PRESENCE_REFRESH};

/// How many watch.
#[derive(Default)]
pub(super) struct Watching {
    /// On all nodes, as of the last sweep.
    pub(super) count: u32,
    here: u32,
    elsewhere: Vec<Claim>,
    /// Whether other nodes have not been told how many are here, and whether anybody has been woken for that.
    unsent: bool,
    untold: bool,
    /// When they are told again anyway.
    refresh_at: Option<Instant>,
    /// What tells of the count, for as long as a connection may be owed it.
    event: Option<Arc<Broadcast>>,
}

/// What another node says.
struct Claim {
    node: NodeId,
    count: u32,
    expires: Instant,
}

impl Watching {
    /// How many watch, for a subscription that was told of another number: it counts as told.
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

    /// When time alone changes something.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.elsewhere.iter().map(|claim| claim.expires).chain(self.refresh_at).min()
    }

    /// Other nodes may know nothing: whether there is something to tell them again.
    pub(super) fn restate(&mut self) -> bool {
        self.unsent |= self.here > 0;
        self.unsent
    }
}

impl Room {
    /// Counts who watches, and wakes whom there is something to tell. Whether other nodes have to be told something,
    /// too.
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

    /// How many watch, as of the last sweep.
    pub fn watcher_count(&self) -> u32 {
        self.watching.count
    }

    /// How many watch here, if other nodes have not been told.
    pub fn take_watching(&mut self) -> Option<u32> {
        std::mem::take(&mut self.watching.unsent).then_some(self.watching.here)
    }

    /// Takes how many watch through another node.
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

    /// Under which generation watchers are let in; nothing while that is not known, or once the session is over.
    pub fn watch_generation(&self) -> Option<u32> {
        self.is_open().ok().map(|details| details.watch_generation)
    }

    /// Lets those watchers go who were let watch before `generation`.
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
