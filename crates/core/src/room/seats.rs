//! Seats belong to connections: what each one is still owed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::slots::{SlotId, SlotSet};
use super::{Due, Farewell, Wakes};
use crate::event::Broadcast;
use crate::limits::CONTROL_QUEUE_MAX;

/// The index of a seat in its room. Valid until its owner vacates it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatId(u32);

/// Who sits in a seat.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Occupant {
    Participant(SlotId),
    Watcher,
    /// A participant who left the session while connected.
    Gone,
}

pub(super) struct Seat {
    pub(super) occupant: Occupant,
    /// Whose newest position this connection has not been given yet.
    pub(super) dirty: SlotSet,
    /// Since when there is one, while there is one.
    pub(super) behind_since: Option<Instant>,
    /// Who this connection believes to be connected.
    pub(super) told: SlotSet,
    pub(super) control: VecDeque<Arc<Broadcast>>,
    pub(super) farewell: Option<Farewell>,
    /// Positions that this connection was owed when newer ones took their place.
    pub(super) superseded: u32,
    waiting: Option<(Waker, Due)>,
}

impl Seat {
    fn new(occupant: Occupant, told: SlotSet) -> Self {
        let (dirty, control) = Default::default();
        let (behind_since, farewell, waiting) = (None, None, None);
        Self { occupant, dirty, behind_since, told, control, farewell, superseded: 0, waiting }
    }

    /// Remembers whom to wake, and for what.
    pub(super) fn wait(&mut self, waker: &Waker, due: Due) {
        match &mut self.waiting {
            Some((known, for_what)) if known.will_wake(waker) => *for_what = due,
            waiting => *waiting = Some((waker.clone(), due)),
        }
    }

    /// There is something to take.
    pub(super) fn wake(&mut self, wakes: &mut Wakes) {
        wakes.extend(self.waiting.take());
    }

    /// This connection is owed a newer position of `slot`.
    pub(super) fn owe_position(&mut self, slot: SlotId, now: Instant, wakes: &mut Wakes) {
        if self.farewell.is_some() {
            return;
        }
        if self.dirty.is_empty() {
            self.behind_since = Some(now);
        }
        if !self.dirty.insert(slot) {
            self.superseded = self.superseded.saturating_add(1);
            wakes.superseded += 1;
        }
        // One that keeps its pace has set a timer for when it may take positions again.
        if matches!(self.waiting, Some((_, Due::Everything))) {
            wakes.extend(self.waiting.take());
        }
    }

    /// This connection is owed a control event, which is never dropped: one that cannot keep up even with
    /// these has to start afresh.
    pub(super) fn owe_control(&mut self, event: &Arc<Broadcast>, wakes: &mut Wakes) {
        if self.farewell.is_some() {
            return;
        }
        if self.control.len() >= CONTROL_QUEUE_MAX {
            self.control = VecDeque::new();
            self.part(Farewell::Overflowed, wakes);
            return;
        }
        self.control.push_back(Arc::clone(event));
        wakes.extend(self.waiting.take());
    }

    /// Nothing more comes after what is queued.
    pub(super) fn part(&mut self, farewell: Farewell, wakes: &mut Wakes) {
        self.farewell.get_or_insert(farewell);
        self.dirty.clear();
        wakes.extend(self.waiting.take());
    }
}

#[derive(Default)]
pub(super) struct Seats {
    seats: Vec<Option<Seat>>,
    free: Vec<u32>,
}

impl Seats {
    pub(super) fn take(&mut self, occupant: Occupant, told: SlotSet) -> SeatId {
        let seat = Some(Seat::new(occupant, told));
        if let Some(id) = self.free.pop() {
            self.seats[id as usize] = seat;
            return SeatId(id);
        }
        let id = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
        if self.seats.len() == self.seats.capacity() {
            // Twice as many, but from two on, not from four: so many are most sessions.
            self.seats.reserve_exact(self.seats.len().max(2));
        }
        self.seats.push(seat);
        SeatId(id)
    }

    pub(super) fn vacate(&mut self, id: SeatId) -> Option<Seat> {
        let seat = self.seats.get_mut(id.0 as usize)?.take();
        if seat.is_some() {
            self.free.push(id.0);
        }
        if self.is_empty() {
            // A room that was full once need not stay large.
            *self = Self::default();
        }
        seat
    }

    pub(super) fn get_mut(&mut self, id: SeatId) -> Option<&mut Seat> {
        self.seats.get_mut(id.0 as usize)?.as_mut()
    }

    /// Places for seats, taken or not.
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.seats.len()
    }

    pub(super) fn watchers(&self) -> usize {
        self.seats.iter().flatten().filter(|seat| seat.occupant == Occupant::Watcher).count()
    }

    pub(super) fn any_of(&self, slot: SlotId) -> bool {
        self.seats.iter().flatten().any(|seat| seat.occupant == Occupant::Participant(slot))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Seat> {
        self.seats.iter_mut().flatten()
    }

    pub(super) fn all_but(&mut self, own: SeatId) -> impl Iterator<Item = &mut Seat> {
        let others = move |(id, seat): (usize, _)| if id == own.0 as usize { None } else { Some(seat) };
        self.seats.iter_mut().enumerate().filter_map(others).flatten()
    }
}
