//! One task per connection: reads, takes from the room, writes.
//!
//! It takes from the room only when all earlier output is written. That single rule is the back-pressure: a slow
//! consumer later finds one newest position per participant.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tagalong_core::claims::Claims;
use tagalong_core::event::Wire;
use tagalong_core::limits::{MESSAGE_BURST, REFUSALS_MAX, UNSENT_BYTES_SOFT_MAX, WRITE_DEADLINE};
use tagalong_core::pace::{Pace, WritePace};
use tagalong_core::phoenix::Version;
use tagalong_core::room::{DisconnectReason, Due};
use tagalong_platform::clock::Sleep;
use tagalong_platform::metrics::labels;
use tagalong_platform::overview::Failure;
use tagalong_platform::warnings::Kind;

use super::close_reason::CloseReason;
use super::drain::Draining;
use super::hub::{Membership, NotIn};
use super::live::Live;
use super::outgoing::Outgoing;
use super::phoenix::{self, PhoenixProtocol};
use super::plain;
use super::socket::Inbound;
use super::transport::Transport;

/// How long a client may take to answer a close frame and to close its side.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// The protocol of a connection.
pub enum Protocol {
    Phoenix(PhoenixProtocol),
    Plain,
}

impl Protocol {
    /// The name in logs and metrics.
    pub(super) fn label(&self, transport: &Transport) -> labels::Protocol {
        let version = match self {
            Self::Phoenix(protocol) if protocol.version() == Version::V2 => "2",
            Self::Phoenix(_) | Self::Plain => "1",
        };
        let protocol = match self {
            Self::Phoenix(_) if transport.is_long_poll() => "longpoll",
            Self::Phoenix(_) => "phoenix",
            Self::Plain => "plain",
        };
        labels::Protocol { protocol, version }
    }
}

/// Whether a connection is over its rate.
pub(super) enum Over {
    No,
    /// For this long.
    For(Duration),
}

/// The next timer of a connection.
enum Deadline {
    PositionsDue,
    PingDue,
    Close(CloseReason),
}

/// One open WebSocket, or long-poll session.
pub(super) struct Connection {
    pub(super) live: Arc<Live>,
    pub(super) claims: Claims,
    pub(super) transport: Transport,
    pub(super) membership: Option<Membership>,
    pings: bool,
    write_pace: WritePace,
    /// Bytes of unsent output that may wait for the next positions.
    deferrable: usize,
    messages: Pace,
    refused_in_a_row: u32,
    last_heard: Instant,
    pinged: bool,
    flushing_since: Option<Instant>,
    timer: Sleep,
    timer_at: Instant,
    draining: Draining,
    /// The task that the timer and the drain wake. Registering costs as much as a position does, so it is done again
    /// only when this changes.
    task: Waker,
}

impl Connection {
    pub(super) fn new(live: Arc<Live>, claims: Claims, transport: Transport) -> Self {
        let now = live.clock.instant();
        let timer_at = now + transport.silence_max(&live.settings);
        Self {
            write_pace: transport.pace(&live.settings, now),
            messages: Pace::new(MESSAGE_BURST, now),
            refused_in_a_row: 0,
            last_heard: now,
            pinged: false,
            flushing_since: None,
            timer: live.clock.sleep_until(timer_at),
            timer_at,
            draining: live.drain.add(),
            task: Waker::noop().clone(),
            live,
            claims,
            transport,
            membership: None,
            pings: false,
            deferrable: 0,
        }
    }

    /// Serves the connection until it closes.
    pub(super) async fn run(&mut self, protocol: &mut Protocol) -> CloseReason {
        let close_reason = match self.serve(protocol).await {
            Ok(never) => match never {},
            Err(close_reason) => close_reason,
        };
        // Unsubscribes before the closing handshake: the room does not wait for this client's last answer.
        self.membership = None;
        if let Some(code) = close_reason.close_code() {
            self.transport.feed_close(code);
        }
        if !matches!(close_reason, CloseReason::PeerGone | CloseReason::Stalled) {
            let deadline = self.live.clock.sleep(CLOSE_DEADLINE);
            tokio::select! {
                () = self.transport.end() => {}
                () = deadline => {}
            }
        }
        close_reason
    }

    async fn serve(&mut self, protocol: &mut Protocol) -> Result<Infallible, CloseReason> {
        if matches!(protocol, Protocol::Plain) {
            // Browsers cannot ping, but answer pings: the plain protocol has no heartbeat of its own.
            self.pings = true;
            // Boxed, because the memory for reading a roster would otherwise be part of every connection's task.
            Box::pin(plain::join(self)).await?;
        }
        loop {
            let inbound = poll_fn(|cx| self.poll_turn(protocol, cx)).await?;
            self.receive(protocol, inbound).await?;
        }
    }

    /// One turn: a message that came in, or else writes waiting updates.
    fn poll_turn(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Inbound, CloseReason>> {
        if self.draining.is_draining() {
            return Poll::Ready(Err(CloseReason::Restart));
        }
        let now = self.live.clock.instant();
        let moved = !self.task.will_wake(cx.waker());
        if moved {
            self.task.clone_from(cx.waker());
            self.draining.wake_when_draining(cx);
        }
        if self.flushing_since.is_some() && !self.flushed(cx, now) {
            return self.poll_timer(cx, now, moved).map(Err);
        }
        loop {
            let full = self.transport.unsent() >= UNSENT_BYTES_SOFT_MAX;
            if !full && let Poll::Ready(received) = self.transport.poll_receive(cx) {
                self.last_heard = now;
                self.pinged = false;
                return Poll::Ready(received);
            }
            if let Err(close_reason) = self.feed_updates(protocol, cx, now) {
                return Poll::Ready(Err(close_reason));
            }
            // Only now: replies and positions that were ready together leave in one write.
            let nothing_urgent = self.transport.unsent() == self.deferrable;
            let waits = nothing_urgent && !full && self.write_pace.next() > now;
            let written = self.transport.unsent() == 0 || (!waits && self.flushed(cx, now));
            if !(full && written) {
                return self.poll_timer(cx, now, moved).map(Err);
            }
            // There is room again, and no waker is registered for messages that came meanwhile.
        }
    }

    /// Writes the output. Returns whether all of it is written. A lost connection is noticed at the next read.
    fn flushed(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let written = self.transport.poll_flush(cx).is_ready();
        self.deferrable = 0;
        self.flushing_since = if written { None } else { self.flushing_since.or(Some(now)) };
        if written {
            self.live.metrics.frames_per_write.observe(self.transport.take_frames().into());
        }
        written
    }

    /// Feeds the updates that wait and that the write pace allows.
    fn feed_updates(
        &mut self,
        protocol: &mut Protocol,
        cx: &Context<'_>,
        now: Instant,
    ) -> Result<(), CloseReason> {
        let Some(membership) = &self.membership else { return Ok(()) };
        if !self.transport.takes() {
            return Ok(());
        }
        let due = if self.write_pace.is_due(now) { Due::Everything } else { Due::Control };
        let wire = match protocol {
            Protocol::Phoenix(protocol) => Wire::Phoenix(protocol.version()),
            Protocol::Plain => Wire::Plain,
        };
        let mut outgoing = Outgoing::new(&mut self.transport, wire, &mut self.write_pace, now);
        let subscription = membership.subscription();
        let taken = membership
            .room()
            .with(|room| room.poll_updates(subscription, due, cx.waker(), now, &mut outgoing));
        if taken.is_pending() {
            return Ok(());
        }
        outgoing.count(&self.live.metrics);
        match (outgoing.disconnect, protocol) {
            (None, _) => Ok(()),
            (Some(DisconnectReason::Overflowed), _) => Err(CloseReason::Overflowed),
            (Some(disconnect), Protocol::Plain) => Err(disconnect.into()),
            (Some(_), Protocol::Phoenix(protocol)) => {
                self.membership = None;
                if let Some(frame) = protocol.close(self.claims.session) {
                    self.transport.feed(frame);
                }
                Ok(())
            }
        }
    }

    /// One timer for all deadlines. It is moved only if it would fire too late; if it fires too early, it is set again:
    /// most messages cost no timer work at all.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: Instant, mut unknown: bool) -> Poll<CloseReason> {
        loop {
            let (at, deadline) = self.next_deadline(now);
            if at <= now {
                match deadline {
                    Deadline::Close(close_reason) => return Poll::Ready(close_reason),
                    Deadline::PingDue => {
                        self.pinged = true;
                        self.transport.feed_ping();
                    }
                    Deadline::PositionsDue => {}
                }
                // There is something to write now, and it takes another turn.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if at < self.timer_at || self.timer_at <= now {
                self.timer.reset(at);
                self.timer_at = at;
                unknown = true;
            }
            if !unknown || Pin::new(&mut self.timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer_at = now;
            if self.live.clock.instant() >= at {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// The next deadline.
    fn next_deadline(&self, now: Instant) -> (Instant, Deadline) {
        let timeout = self.transport.silence_max(&self.live.settings);
        // A long-poll session without polls is silent, not stalled.
        if let Some(since) = self.flushing_since
            && !self.transport.is_long_poll()
        {
            return (since + WRITE_DEADLINE, Deadline::Close(CloseReason::Stalled));
        }
        let silent = if self.pings && !self.pinged {
            (self.last_heard + timeout / 2, Deadline::PingDue)
        } else {
            (self.last_heard + timeout, Deadline::Close(CloseReason::Silent))
        };
        // Also if nothing is pending yet: positions before then do not wake this task.
        let paced = self.write_pace.next();
        if paced > now && paced < silent.0 { (paced, Deadline::PositionsDue) } else { silent }
    }

    async fn receive(&mut self, protocol: &mut Protocol, inbound: Inbound) -> Result<(), CloseReason> {
        match (protocol, inbound) {
            (_, Inbound::Alive) => self.spend_message().map(drop),
            (_, Inbound::PollChanged) => Ok(()),
            (Protocol::Phoenix(protocol), Inbound::Text(text)) => phoenix::text(self, protocol, &text).await,
            // V1 is JSON in frames of either kind; some clients send all as binary.
            (Protocol::Phoenix(protocol), Inbound::Binary(bytes)) if protocol.version() == Version::V1 => {
                let text = String::from_utf8(bytes).map_err(|_| CloseReason::Malformed)?;
                phoenix::text(self, protocol, &text).await
            }
            (Protocol::Phoenix(protocol), Inbound::Binary(bytes)) => phoenix::binary(self, protocol, &bytes),
            (Protocol::Plain, Inbound::Text(text)) => plain::text(self, &text),
            (Protocol::Plain, Inbound::Binary(_)) => plain::binary(self),
        }
    }

    /// Counts a message against the rate that all connections of one participant share; of a watcher, and before
    /// joining, each has its own. A client that goes on sending in spite of the errors is
    /// disconnected, because reading and rejecting costs too.
    pub(super) fn spend_message(&mut self) -> Result<Over, CloseReason> {
        if !self.live.settings.rate_limits {
            return Ok(Over::No);
        }
        let step = Duration::from_secs(1) / self.live.settings.messages_per_second.max(1);
        let now = self.last_heard;
        let joined = self.membership.as_ref();
        let shared = joined.and_then(|joined| joined.room().spend_message(joined.subscription(), step, now));
        match shared.unwrap_or_else(|| self.messages.try_spend(now, step)) {
            Ok(()) => {
                self.refused_in_a_row = 0;
                Ok(Over::No)
            }
            Err(_) if self.refused_in_a_row >= REFUSALS_MAX => Err(CloseReason::Flooding),
            Err(wait) => {
                self.refused_in_a_row += 1;
                Ok(Over::For(wait))
            }
        }
    }

    /// Feeds the reply to a position. While the write pace holds positions back, the reply leaves with them instead of
    /// in a write of its own.
    pub(super) fn feed_deferrable(&mut self, frame: String) {
        let before = self.transport.unsent();
        self.transport.feed(frame);
        self.deferrable += self.transport.unsent() - before;
    }

    /// Logs, at a bounded rate, why a join failed in the server. The client only learns that it is unavailable.
    pub(super) fn log_failed_join(&self, protocol: &'static str, error: &NotIn) {
        let NotIn::Unread(cause) = error else { return };
        let Some(left_out) = self.live.warnings.due(Kind::DatabaseAway) else { return };
        let code = error.problem().code();
        tracing::error!(protocol, code, %cause, left_out, "join failed");
        let (at, what, why) = (self.live.clock.now(), format!("{protocol} protocol: join"), code.to_owned());
        self.live.overview.note(Failure { at, request_id: None, what, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function's future, as large as a task that runs it.
    fn future_bytes<'a, F: Future>(_: impl Fn(&'a mut Connection, &'a mut Protocol) -> F) -> usize {
        size_of::<F>()
    }

    /// Every idle connection needs this memory: 544 and 480 bytes were measured.
    #[test]
    fn a_connection_and_its_task_are_small() {
        assert!(size_of::<Connection>() <= 640, "{} bytes", size_of::<Connection>());
        let task = future_bytes(Connection::run);
        assert!(task <= 640, "{task} bytes");
    }
}
