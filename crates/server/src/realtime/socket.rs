//! The WebSocket library behind one small type, so that it can be replaced.
//!
//! axum's WebSocket is tungstenite, whose defaults are not a server's: it reads into 128 KiB that it
//! allocates at once, takes messages of 64 MiB, and lets its write buffer grow without bound.

use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use bytes::Bytes;
use futures_util::{Sink, Stream};
use tagalong_core::limits::{MESSAGE_BYTES_MAX, UNSENT_BYTES_HARD_MAX};

use super::parting::Parting;

/// Read buffer of a connection, in bytes: 2.9 KiB of memory per idle connection, against 134 KiB with the
/// library's default.
const READ_BUFFER_BYTES: usize = 1024;

/// What came in.
#[derive(Debug)]
pub(super) enum Inbound {
    Text(Utf8Bytes),
    Binary(Bytes),
    /// A ping or pong, which the library has answered: a sign of life.
    Alive,
}

pub(super) struct Socket {
    inner: WebSocket,
    unsent: usize,
}

/// Our limits, for a connection that is about to be upgraded.
pub(super) fn limited(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        // Nothing is written before we flush, so that a batch is one write.
        .write_buffer_size(UNSENT_BYTES_HARD_MAX)
        .max_write_buffer_size(UNSENT_BYTES_HARD_MAX * 2)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
}

impl Socket {
    pub(super) fn new(inner: WebSocket) -> Self {
        Self { inner, unsent: 0 }
    }

    /// Bytes that were fed and not flushed.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Appends a text frame to what the next flush writes.
    pub(super) fn feed(&mut self, frame: impl IntoFrame) {
        let text = frame.into_frame();
        self.unsent += text.len() + 4;
        self.start_send(Message::Text(text));
    }

    /// Appends a ping.
    pub(super) fn feed_ping(&mut self) {
        self.unsent += 2;
        self.start_send(Message::Ping(Bytes::new()));
    }

    /// Appends a close frame; nothing may be fed after it.
    pub(super) fn feed_close(&mut self, code: u16) {
        self.unsent += 4;
        self.start_send(Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::default() })));
    }

    fn start_send(&mut self, message: Message) {
        // The library buffers without asking the network (see `limited`), so readiness has no meaning here,
        // and its only errors are of a connection that the next read or flush reports as gone.
        let _ = Pin::new(&mut self.inner).start_send(message);
    }

    /// Writes what was fed.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Parting>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx).map_err(|_| Parting::PeerGone);
        if flushed.is_ready() {
            self.unsent = 0;
        }
        flushed
    }

    /// The next message, or why there will be none.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound, Parting>> {
        let received = std::task::ready!(Pin::new(&mut self.inner).poll_next(cx));
        Poll::Ready(match received {
            Some(Ok(Message::Text(text))) => Ok(Inbound::Text(text)),
            Some(Ok(Message::Binary(bytes))) => Ok(Inbound::Binary(bytes)),
            Some(Ok(Message::Ping(payload))) => {
                // The pong is output too: whoever pings and never reads would have it pile up.
                self.unsent += payload.len() + 2;
                Ok(Inbound::Alive)
            }
            Some(Ok(Message::Pong(_))) => Ok(Inbound::Alive),
            Some(Ok(Message::Close(_))) => Err(Parting::PeerClosed),
            None => Err(Parting::PeerGone),
            Some(Err(error)) => Err(fault(&error)),
        })
    }
}

/// Whose fault it was. Works only while our `tungstenite` is the version that axum uses: a test holds it.
fn fault(error: &axum::Error) -> Parting {
    use tungstenite::Error;
    match error.source().and_then(|source| source.downcast_ref::<Error>()) {
        Some(Error::Capacity(_)) => Parting::TooBig,
        Some(Error::Utf8(_)) => Parting::NotUtf8,
        Some(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
            Parting::PeerGone
        }
        Some(Error::Protocol(_)) => Parting::Protocol,
        _ => Parting::PeerGone,
    }
}

/// Text that can be a frame.
pub(super) trait IntoFrame {
    fn into_frame(self) -> Utf8Bytes;
}

impl IntoFrame for String {
    fn into_frame(self) -> Utf8Bytes {
        self.into()
    }
}

impl IntoFrame for &Bytes {
    fn into_frame(self) -> Utf8Bytes {
        // Frames are made from strings, so this never falls back.
        Utf8Bytes::try_from(self.clone()).unwrap_or_default()
    }
}
