//! Shares from and for the rooms of the same session on other nodes.
//!
//! A share may arrive late or twice, by any path: the newer timestamp wins, and a position's life began when the first
//! node received it.

use std::sync::Arc;

use super::slots::{Latest, Slot};
use super::{Now, Phase, Room, Wakes};
use crate::event::{Broadcast, Event};
use crate::hlc::{Hlc, NodeId};
use crate::session::Details;
use crate::share::{Moved, Share, StatusUpdate};

/// The participant is unknown here (not yet, or no longer): the database must be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a member that is known here")]
pub struct UnknownMember;

/// The result of [`Room::merge`].
#[derive(Default, Debug)]
pub struct Merged {
    pub wakes: Wakes,
    /// This node has a newer update, which must be sent again to the nodes that received the older one.
    pub contradicted: bool,
}

impl Room {
    /// Merges a share of another node, and marks it dirty for every connection here if it is newer.
    ///
    /// # Errors
    /// When the participant is unknown here.
    pub fn merge(&mut self, share: Share, now: Now) -> Result<Merged, UnknownMember> {
        let mut wakes = Wakes::default();
        let Phase::Open(Details { location_ttl, .. }) = self.phase else { return Ok(Merged::default()) };
        let Share { node, user_id, moved, said, present, last_position_at } = share;
        let id = self.slots.of(&user_id).ok_or(UnknownMember)?;
        let contradicts_present = present.is_some_and(|said| self.hear_present(id, node, said, now));
        let slot = self.slots.get_mut(id).ok_or(UnknownMember)?;
        slot.last_position_at = slot.last_position_at.max(last_position_at);
        let ours = |known: Option<Hlc>, at| {
            known.is_some_and(|known| Some(known.node) == self.node && known > Hlc { at, node })
        };
        let contradicts_moved = moved.as_ref().is_some_and(|moved| ours(slot.moved, moved.at));
        let contradicts_said = said.is_some_and(|said| ours(slot.said, said.at));
        slot.unsent.moved |= contradicts_moved;
        slot.unsent.said |= contradicts_said;
        if let Some(moved) = moved
            && slot.moved.replace_if_older(Hlc { at: moved.at, node })
        {
            let (age, reported) = (now.shared.since(moved.received), moved.reported);
            // `Instant` cannot represent a time before the machine's start; such a position is too old anyway.
            let received = now.instant.checked_sub(age);
            let live = moved.position.zip(received).filter(|_| age < location_ttl);
            slot.latest = live.map(|(position, received)| {
                let event = Event::LocationUpdate { user_id: user_id.clone(), position };
                let broadcast = Arc::new(Broadcast::new(self.session, event));
                Latest { broadcast, received, expires: received + location_ttl, reported }
            });
            let shown = slot.latest.is_some();
            for subscription in self.subscriptions.iter_mut() {
                if shown {
                    subscription.mark_position_dirty(id, now.instant, &mut wakes);
                } else {
                    subscription.dirty.remove(id);
                }
            }
        }
        if let Some(StatusUpdate { at, status }) = said
            && slot.said.replace_if_older(Hlc { at, node })
            && slot.status.replace(status) != Some(status)
        {
            self.mark_status_dirty(id, status, None, now, &mut wakes);
        }
        Ok(Merged { wakes, contradicted: contradicts_moved || contradicts_said || contradicts_present })
    }

    /// Takes the updates for other nodes: the newest of each kind and participant that this node received.
    pub fn take_unsent(&mut self, now: Now, unsent: &mut Vec<Share>) {
        let Some(node) = self.node else { return };
        let waiting = self.slots.iter_mut().filter(|(_, slot)| slot.unsent.any());
        unsent.extend(waiting.filter_map(|(id, slot)| share(slot, node, self.subscriptions.any_of(id), now)));
    }

    /// Marks the state that this node received last as unsent, withdrawals included, because other nodes may have lost
    /// it. Returns whether there is any.
    pub fn restate(&mut self) -> bool {
        let Some(node) = self.node else { return false };
        let own = |version: Option<Hlc>| version.is_some_and(|version| version.node == node);
        let mut any = self.watching.restate();
        self.restate_presence();
        for (_, slot) in self.slots.iter_mut() {
            slot.unsent.moved |= own(slot.moved);
            slot.unsent.said |= own(slot.said);
            any |= slot.unsent.any();
        }
        any
    }
}

fn share(slot: &mut Slot, node: NodeId, connected: bool, now: Now) -> Option<Share> {
    let unsent = std::mem::take(&mut slot.unsent);
    // A state that was replaced through another node is sent by that node.
    let own = |version: Option<Hlc>| version.filter(|version| version.node == node);
    let latest = slot.latest.as_ref().filter(|latest| latest.expires > now.instant);
    let moved = own(slot.moved).filter(|_| unsent.moved).map(|Hlc { at, .. }| {
        let age = latest.map(|latest| now.instant.saturating_duration_since(latest.received));
        let position = latest.and_then(|latest| match latest.broadcast.event() {
            Event::LocationUpdate { position, .. } => Some(position.clone()),
            _ => None,
        });
        let reported = latest.is_some_and(|latest| latest.reported);
        Moved { at, received: now.shared.minus(age.unwrap_or_default()), reported, position }
    });
    let said = own(slot.said).filter(|_| unsent.said).zip(slot.status);
    let present = unsent.present.then(|| slot.presence.tell(connected, now.shared));
    if moved.is_none() && said.is_none() && present.is_none() {
        return None;
    }
    Some(Share {
        node,
        user_id: slot.profile.user_id.clone(),
        moved,
        said: said.map(|(Hlc { at, .. }, status)| StatusUpdate { at, status }),
        present,
        last_position_at: slot.last_position_at,
    })
}

/// A register that only newer versions may write.
trait ReplaceIfOlder {
    fn replace_if_older(&mut self, version: Hlc) -> bool;
}

impl ReplaceIfOlder for Option<Hlc> {
    fn replace_if_older(&mut self, version: Hlc) -> bool {
        let older = self.is_none_or(|known| known < version);
        if older {
            *self = Some(version);
        }
        older
    }
}
