//! The parts of the server that a connection uses, and its life from the first message to the log line at its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tagalong_core::claims::{Claims, Role};
use tagalong_platform::clock::Clock;
use tagalong_platform::metrics::{Metrics, labels};
use tagalong_platform::overview::Overview;
use tagalong_platform::traces::Span;
use tagalong_platform::warnings::Warnings;
use tokio_util::task::TaskTracker;

use super::close_reason::CloseReason;
use super::connection::{Connection, Protocol};
use super::drain::Drain;
use super::hub::Hub;
use super::poll_sessions::PollSessions;
use super::transport::Transport;
use crate::cluster::Bus;

/// How connections are served.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether messages are counted against a rate.
    pub rate_limits: bool,
    /// Messages of one participant.
    pub messages_per_second: u32,
    /// A silent connection is closed after this.
    pub heartbeat_timeout: Duration,
    /// The longest that a position waits to be written with others.
    pub flush_interval_max: Duration,
}

/// The parts of the server that connections use.
pub struct Live {
    pub settings: Settings,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub overview: Arc<Overview>,
    pub warnings: Arc<Warnings>,
    /// Other nodes.
    pub bus: Bus,
    pub hub: Arc<Hub>,
    pub poll_sessions: PollSessions,
    pub drain: Drain,
    /// Every open connection: the HTTP library does not wait for upgraded ones.
    pub connections: TaskTracker,
}

impl Live {
    /// Serves a connection until it closes, and logs that.
    pub fn serve<'a>(
        self: &'a Arc<Self>,
        claims: Claims,
        transport: Transport,
        mut protocol: Protocol,
        span: &'a Span,
    ) -> impl Future<Output = ()> + Send + 'a {
        let (role, labels) = (claims.role, protocol.label(&transport));
        let (began, opened) = (self.clock.instant(), self.metrics.open(labels.clone()));
        // Boxed: otherwise the task would contain it once for each move.
        let mut connection = Box::new(Connection::new(Arc::clone(self), claims, transport));
        async move {
            let close_reason = connection.run(&mut protocol).await;
            drop((opened, connection));
            self.log_close(&labels, role, close_reason, began, span);
        }
    }

    /// Counts and logs the end of a connection.
    fn log_close(
        &self,
        labels: &labels::Protocol,
        role: Role,
        close_reason: CloseReason,
        began: Instant,
        span: &Span,
    ) {
        let (reason, code) = (close_reason.name(), close_reason.close_code().unwrap_or(0));
        self.metrics.connections_closed.get_or_create(&labels::Closed { reason, code }).inc();
        let seconds = self.clock.instant().saturating_duration_since(began).as_secs_f64();
        let labels::Protocol { protocol, version } = labels;
        span.set("tagalong.protocol", *protocol);
        span.set("tagalong.version", *version);
        span.set("tagalong.role", role.name());
        span.set("tagalong.reason", reason);
        span.set("tagalong.close_code", i64::from(code));
        tracing::info!(protocol, version, role = role.name(), reason, code, seconds, "connection over");
    }
}
