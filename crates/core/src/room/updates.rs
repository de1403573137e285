//! Updates go out: a connection takes the pending updates of its subscription.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use super::subscriptions::SubscriptionId;
use super::{Room, statuses};
use crate::event::Broadcast;

/// The updates that a connection is ready to take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Due {
    /// Control events alone: its pace does not allow positions yet.
    Control,
    /// Control events and positions.
    Everything,
}

/// Why a subscription is disconnected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisconnectReason {
    /// The session is over; its `session_ended` has been delivered.
    Ended,
    /// The participant left or was removed; their own `participant_left` has been delivered.
    Left,
    /// A slow consumer: the queue of control events is full.
    Overflowed,
    /// Watching was revoked; `dismissed` has been delivered.
    WatchingRevoked,
    /// The participant has opened too many connections since; `dismissed` has been delivered.
    TooManyConnections,
}

/// The updates of one [`Room::poll_updates`], in this order.
#[derive(Default, Debug)]
pub struct Updates {
    /// Membership, session and presence events.
    pub control: Vec<Arc<Broadcast>>,
    /// The newest positions.
    pub positions: Vec<Arc<Broadcast>>,
    /// Set when nothing more will come.
    pub disconnect: Option<DisconnectReason>,
}

/// Receives the updates of a subscription. Called under the room's lock, so it copies and does not wait.
pub trait Sink {
    /// An event of membership, session or presence. All of them come before the first position.
    fn control(&mut self, event: &Arc<Broadcast>);
    /// The newest position of a participant.
    fn position(&mut self, position: &Arc<Broadcast>);
    /// Nothing more will come.
    fn disconnect(&mut self, reason: DisconnectReason);
    /// The updates that are worth a wake-up from now on.
    fn ready_for(&mut self) -> Due {
        Due::Everything
    }
}

impl Sink for Updates {
    fn control(&mut self, event: &Arc<Broadcast>) {
        self.control.push(Arc::clone(event));
    }

    fn position(&mut self, position: &Arc<Broadcast>) {
        self.positions.push(Arc::clone(position));
    }

    fn disconnect(&mut self, reason: DisconnectReason) {
        self.disconnect = Some(reason);
    }
}

impl Room {
    /// Hands over all waiting updates that the connection is ready for, control events first, and keeps the waker for
    /// the next one. One critical section: between two, events and positions could change places, and a wake-up be
    /// lost.
    pub fn poll_updates(
        &mut self,
        subscription: SubscriptionId,
        due: Due,
        waker: &Waker,
        now: Instant,
        sink: &mut impl Sink,
    ) -> Poll<()> {
        let Some(subscription) = self.subscriptions.get_mut(subscription) else { return Poll::Pending };
        let mut taken = subscription.disconnecting.is_some();
        // First, since nothing may come after the session's end.
        if std::mem::take(&mut subscription.details_due)
            && let Some(updated) = &self.updated
        {
            taken = true;
            sink.control(updated);
        }
        if !subscription.control.is_empty() {
            taken = true;
            subscription.control.drain(..).for_each(|event| sink.control(&event));
            if subscription.control.capacity() > 8 {
                subscription.control.shrink_to(0);
            }
        }
        if let Some(presence) = self.attendance.pending(subscription, &self.slots, self.session) {
            taken = true;
            sink.control(&presence);
        }
        if let Some(watchers) = self.watching.pending(subscription, self.session) {
            taken = true;
            sink.control(&watchers);
        }
        taken |= statuses::give(subscription, &self.slots, sink);
        if due == Due::Everything {
            let live = |slot| self.slots.get(slot)?.latest.as_ref().filter(|latest| latest.expires > now);
            for newest in subscription.dirty.drain().filter_map(live) {
                taken = true;
                sink.position(&newest.broadcast);
            }
        }
        if let Some(reason) = subscription.disconnecting {
            sink.disconnect(reason);
        }
        if !taken {
            subscription.wait(waker, due);
            return Poll::Pending;
        }
        subscription.wait(waker, due.min(sink.ready_for()));
        Poll::Ready(())
    }
}
