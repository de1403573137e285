//! A position or status that comes in over a connection, for both protocols.

use tagalong_core::event::SharingStatus;
use tagalong_core::position::{InvalidPosition, Position};
use tagalong_core::problem::Problem;
use tagalong_core::room::{PublishError, Room, SubscriptionId, Wakes};
use tagalong_platform::metrics::labels::Refused;

use super::connection::Connection;
use super::hub;

/// Why an event is rejected; for a position also the error, without the value.
pub(super) struct Rejected {
    pub(super) problem: Problem,
    pub(super) details: Option<InvalidPosition>,
}

impl From<Problem> for Rejected {
    fn from(problem: Problem) -> Self {
        Self { problem, details: None }
    }
}

impl Connection {
    /// Counts a message that was rejected.
    pub(super) fn count_refusal(&self, problem: Problem) {
        let refused = &self.live.metrics.messages_refused;
        refused.get_or_create(&Refused { reason: problem.reason() }).inc();
    }

    /// Publishes a position of this connection's participant.
    pub(super) fn publish(&mut self, payload: &str) -> Result<(), Rejected> {
        let (now, said_at) = self.live.clock.reading();
        let position = Position::parse(payload, said_at);
        let details = position.as_ref().err().copied();
        let position = position.map_err(|_| Problem::InvalidLocation);
        self.in_room(|room, subscription| Ok(room.publish(subscription, position?, now))).map_err(
            |problem| Rejected { problem, details: details.filter(|_| problem == Problem::InvalidLocation) },
        )?;
        self.live.metrics.positions_received.inc();
        Ok(())
    }

    /// Publishes the sharing status of this connection's participant.
    pub(super) fn set_status(&mut self, payload: &str) -> Result<(), Problem> {
        let now = hub::now(&self.live.clock);
        let status = SharingStatus::parse(payload).map_err(|_| Problem::InvalidStatus);
        self.in_room(|room, subscription| Ok(room.set_status(subscription, status?, now)))
    }

    fn in_room(
        &self,
        act: impl FnOnce(&mut Room, SubscriptionId) -> Result<Result<Wakes, PublishError>, Problem>,
    ) -> Result<(), Problem> {
        let membership = self.membership.as_ref().ok_or(Problem::Unauthenticated)?;
        let taken = membership.room().with(|room| act(room, membership.subscription()))?;
        let wakes = taken.map_err(|error| match error {
            PublishError::Watcher => Problem::Forbidden,
            PublishError::Gone => Problem::Unauthenticated,
        })?;
        self.live.hub.wake(wakes);
        self.live.bus.publish(self.claims.session);
        Ok(())
    }
}
