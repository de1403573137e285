//! How a connection takes what its subscription is owed.

use std::sync::Arc;

use crate::event::Broadcast;

/// What a connection is ready to take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Due {
    /// Control events alone: its pace does not allow positions yet.
    Control,
    /// Control events and positions.
    Everything,
}

/// Why nothing more will come to a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisconnectReason {
    /// The session is over; its `session_ended` has been handed out.
    Ended,
    /// The participant left or was removed; their own `participant_left` has been handed out.
    Left,
    /// More control events waited than a connection may leave waiting.
    Overflowed,
    /// Watchers were sent away; their `dismissed` has been handed out.
    WatchingRevoked,
    /// The participant has opened too many connections since; its `dismissed` has been handed out.
    TooManyConnections,
}

/// What a connection took at once, in this order.
#[derive(Default, Debug)]
pub struct Updates {
    /// Membership, session and presence events.
    pub control: Vec<Arc<Broadcast>>,
    /// The newest positions.
    pub positions: Vec<Arc<Broadcast>>,
    /// Whether this was all.
    pub disconnect: Option<DisconnectReason>,
}

/// Who takes what a subscription is owed. Called under the room's lock: it copies, and waits for nothing.
pub trait Sink {
    /// Something of membership, session or presence. All of it comes before the first position.
    fn control(&mut self, event: &Arc<Broadcast>);
    /// Somebody's newest position.
    fn position(&mut self, position: &Arc<Broadcast>);
    /// That was all there will ever be.
    fn disconnect(&mut self, disconnect: DisconnectReason);
    /// What it wants to be woken for from now on, after what it was given.
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

    fn disconnect(&mut self, disconnect: DisconnectReason) {
        self.disconnect = Some(disconnect);
    }
}
