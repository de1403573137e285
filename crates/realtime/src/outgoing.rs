//! A sink that encodes updates directly into the next write, without an allocation for a delivery.

use std::sync::Arc;
use std::time::Instant;

use tagalong_core::event::{Broadcast, Wire};
use tagalong_core::pace::WritePace;
use tagalong_core::room::{DisconnectReason, Due, Sink};
use tagalong_platform::metrics::{Metrics, Seconds, Tally};

use super::transport::Transport;

/// One take of one connection.
pub(super) struct Outgoing<'a> {
    transport: &'a mut Transport,
    wire: Wire,
    pace: &'a mut WritePace,
    now: Instant,
    positions: u32,
    waits: Tally<Seconds>,
    pub(super) disconnect: Option<DisconnectReason>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(
        transport: &'a mut Transport,
        wire: Wire,
        pace: &'a mut WritePace,
        now: Instant,
    ) -> Self {
        Self { transport, wire, pace, now, positions: 0, waits: Tally::default(), disconnect: None }
    }

    /// A few additions for each take, however many positions it had.
    pub(super) fn count(&self, metrics: &Metrics) {
        if self.positions > 0 {
            metrics.positions_delivered.inc_by(self.positions.into());
            metrics.delivery_latency.observe_all(&self.waits);
        }
    }
}

impl Sink for Outgoing<'_> {
    fn control(&mut self, event: &Arc<Broadcast>) {
        self.transport.feed(event.frame(self.wire));
    }

    fn position(&mut self, position: &Arc<Broadcast>) {
        self.positions += 1;
        self.transport.feed(position.frame(self.wire));
        if let Some(received) = position.received() {
            self.waits.add(self.now.saturating_duration_since(received).as_secs_f64());
        }
    }

    fn disconnect(&mut self, disconnect: DisconnectReason) {
        self.disconnect = Some(disconnect);
    }

    fn ready_for(&mut self) -> Due {
        if self.positions > 0 {
            self.pace.wrote(self.now);
        }
        if self.pace.is_due(self.now) { Due::Everything } else { Due::Control }
    }
}
