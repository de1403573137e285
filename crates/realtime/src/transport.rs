//! The transport of a connection: a WebSocket, or long polls.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tagalong_core::limits::{POLL_PACE, POLL_SESSION_LIFE};
use tagalong_core::pace::WritePace;

use super::close_reason::CloseReason;
use super::poll_sessions::LongPoll;
use super::socket::{Inbound, Socket};
use crate::live::Settings;

/// One end of a connection, ours.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are WebSockets, and a box would cost each an allocation"
)]
pub enum Transport {
    WebSocket(Socket),
    LongPoll(LongPoll),
}

impl Transport {
    pub(super) fn is_long_poll(&self) -> bool {
        matches!(self, Self::LongPoll(_))
    }

    /// The longest silence of a client.
    pub(super) fn silence_max(&self, settings: &Settings) -> Duration {
        match self {
            Self::WebSocket(_) => settings.heartbeat_timeout,
            Self::LongPoll(_) => POLL_SESSION_LIFE,
        }
    }

    /// How often positions are written. A poll costs a request, so more positions go with each.
    pub(super) fn pace(&self, settings: &Settings, now: Instant) -> WritePace {
        let longest = settings.flush_interval_max;
        match self {
            Self::WebSocket(_) => WritePace::new(longest, now),
            Self::LongPoll(_) => WritePace::new(longest.max(POLL_PACE), now),
        }
    }

    /// Whether updates taken now would be sent at once. Without a waiting poll they are better kept in the room.
    pub(super) fn takes(&self) -> bool {
        match self {
            Self::WebSocket(_) => true,
            Self::LongPoll(poll) => poll.is_awaited(),
        }
    }

    /// Bytes that were fed and have not left.
    pub(super) fn unsent(&self) -> usize {
        match self {
            Self::WebSocket(socket) => socket.unsent(),
            Self::LongPoll(poll) => poll.unsent(),
        }
    }

    /// Appends a text message to what the next flush lets go.
    pub fn feed(&mut self, text: impl AsRef<[u8]>) {
        match self {
            Self::WebSocket(socket) => socket.feed(text),
            Self::LongPoll(poll) => poll.feed(text.as_ref()),
        }
    }

    /// Appends a ping, where there are pings.
    pub(super) fn feed_ping(&mut self) {
        match self {
            Self::WebSocket(socket) => socket.feed_ping(),
            Self::LongPoll(_) => {}
        }
    }

    /// Appends the goodbye. To polls the end of their session says it.
    pub(super) fn feed_close(&mut self, code: u16) {
        match self {
            Self::WebSocket(socket) => socket.feed_close(code),
            Self::LongPoll(_) => {}
        }
    }

    /// Takes the number of frames fed since the last call.
    pub(super) fn take_frames(&mut self) -> u32 {
        match self {
            Self::WebSocket(socket) => socket.take_frames(),
            Self::LongPoll(poll) => poll.take_frames(),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        match self {
            Self::WebSocket(socket) => socket.poll_flush(cx),
            Self::LongPoll(poll) => poll.poll_flush(cx).map(Ok),
        }
    }

    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound, CloseReason>> {
        match self {
            Self::WebSocket(socket) => socket.poll_receive(cx),
            Self::LongPoll(poll) => poll.poll_receive(cx).map(Ok),
        }
    }

    /// Writes what was fed, and ends it. Takes as long as the client likes.
    pub(super) async fn end(&mut self) {
        match self {
            Self::WebSocket(socket) => socket.end().await,
            Self::LongPoll(poll) => poll.end(),
        }
    }
}
