//! The parts of the server that a connection uses, and its life from the first message to the log line at its end.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::task::TaskTracker;

use super::close_reason::CloseReason;
use super::connection::{Connection, Protocol};
use super::drain::Drain;
use super::hub::Hub;
use super::poll_sessions::PollSessions;
use super::transport::Transport;
use crate::body_limit::BodyLimit;
use crate::clock::Clock;
use crate::cluster::Bus;
use crate::config::Config;
use crate::metrics::{Metrics, labels};
use crate::overview::Overview;
use crate::rates::Rates;
use crate::tokens::{Claims, Role, Tokens};
use crate::traces::Span;
use crate::warnings::Warnings;

/// What connections use.
pub struct Live {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub overview: Arc<Overview>,
    pub warnings: Arc<Warnings>,
    pub tokens: Arc<Tokens>,
    pub rates: Arc<Rates>,
    /// Other nodes.
    pub bus: Bus,
    pub hub: Arc<Hub>,
    pub poll_sessions: PollSessions,
    pub bodies: BodyLimit,
    pub drain: Drain,
    /// Every open connection: the HTTP library does not wait for upgraded ones.
    pub connections: TaskTracker,
}

impl Live {
    /// Serves a connection until it closes, and logs that.
    pub(crate) fn serve<'a>(
        self: &'a Arc<Self>,
        claims: Claims,
        transport: Transport,
        mut protocol: Protocol,
        span: &'a Span,
    ) -> impl Future<Output = ()> + Send + 'a {
        let (role, labels) = (claims.role, protocol.label(&transport));
        let (began, opened) = (self.clock.instant(), self.metrics.open(labels.clone()));
        // Boxed, or the task has room for it once for each place that it is moved through.
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
