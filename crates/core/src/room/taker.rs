//! How a connection takes what its seat is owed.

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

/// Why nothing more will come to a seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Farewell {
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
pub struct Batch {
    /// Membership, session and presence events.
    pub control: Vec<Arc<Broadcast>>,
    /// The newest positions.
    pub positions: Vec<Arc<Broadcast>>,
    /// Whether this was all.
    pub farewell: Option<Farewell>,
}

/// Who takes what a seat is owed. Called under the room's lock: it copies, and waits for nothing.
pub trait Taker {
    /// Something of membership, session or presence. All of it comes before the first position.
    fn control(&mut self, event: &Arc<Broadcast>);
    /// Somebody's newest position.
    fn position(&mut self, position: &Arc<Broadcast>);
    /// That was all there will ever be.
    fn farewell(&mut self, farewell: Farewell);
    /// What it wants to be woken for from now on, after what it was given.
    fn ready_for(&mut self) -> Due {
        Due::Everything
    }
}

impl Taker for Batch {
    fn control(&mut self, event: &Arc<Broadcast>) {
        self.control.push(Arc::clone(event));
    }

    fn position(&mut self, position: &Arc<Broadcast>) {
        self.positions.push(Arc::clone(position));
    }

    fn farewell(&mut self, farewell: Farewell) {
        self.farewell = Some(farewell);
    }
}
