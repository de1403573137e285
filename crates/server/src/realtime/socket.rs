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

/// Read buffer of a connection, in bytes. Each connection keeps it, and with the library's default it would be
/// 128 KiB.
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
    frames: u32,
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
        Self { inner, unsent: 0, frames: 0 }
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

    /// Frames that were fed since the last time that somebody asked.
    pub(super) fn take_frames(&mut self) -> u32 {
        std::mem::take(&mut self.frames)
    }

    fn start_send(&mut self, message: Message) {
        self.frames = self.frames.saturating_add(1);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::routing::get;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

    use super::*;

    /// One end of a pipe that counts writes: each would be a system call.
    struct Counted(DuplexStream, Arc<AtomicUsize>);

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<std::io::Result<usize>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut self.0).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    const FRAMES: usize = 50;
    const FRAME: &str = "a position has about as many bytes as this sentence, or two of these";

    /// Feeds all frames, flushes once, and says how many writes that made.
    async fn feed_and_flush(websocket: WebSocket, writes: Arc<AtomicUsize>) -> usize {
        let mut socket = Socket::new(websocket);
        let before = writes.load(Ordering::Relaxed);
        for _ in 0..FRAMES {
            socket.feed(&Bytes::from(FRAME));
        }
        std::future::poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
        writes.load(Ordering::Relaxed) - before
    }

    #[tokio::test]
    async fn a_batch_is_one_write() {
        let writes = Arc::new(AtomicUsize::new(0));
        let (done, counted) = tokio::sync::mpsc::channel(1);
        let of_socket = Arc::clone(&writes);
        let handler = move |upgrade: WebSocketUpgrade| async move {
            limited(upgrade).on_upgrade(move |websocket| async move {
                done.send(feed_and_flush(websocket, of_socket).await).await.unwrap();
            })
        };
        let router = Router::new().route("/", get(handler));
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let stream = TokioIo::new(Counted(ours, Arc::clone(&writes)));
        let server = hyper::server::conn::http1::Builder::new()
            .serve_connection(stream, TowerToHyperService::new(router))
            .with_upgrades();
        tokio::spawn(server);
        let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                       sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        theirs.write_all(request.as_bytes()).await.unwrap();
        let mut counted = counted;
        assert_eq!(counted.recv().await, Some(1));
        let (mut heard, expected) = (Vec::new(), FRAMES * (FRAME.len() + 2));
        while !heard.ends_with(FRAME.as_bytes()) || heard.len() < expected {
            assert_ne!(theirs.read_buf(&mut heard).await.unwrap(), 0);
        }
    }
}
