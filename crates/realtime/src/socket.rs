//! An open WebSocket: bytes from and to the network, without buffers while it is idle.
//!
//! Reads use a buffer that all connections of a thread share, and a connection has an output buffer only until its
//! output is written (docs/adr/0003).

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tagalong_core::limits::MESSAGE_BYTES_MAX;
use tagalong_websocket::{Decoder, Fault, Received, encode_close, encode_ping, encode_pong, encode_text};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::close_reason::CloseReason;
use crate::stream::Stream;

/// Most bytes that one system call reads: twenty positions.
const READ_BYTES: usize = 4 * 1024;
/// Largest buffer that is kept for the next connection that writes, in bytes.
const SPARE_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    /// A buffer to write into. One is enough: nothing else happens on a thread between feeding and flushing,
    /// unless the network takes no more.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A received message.
#[derive(Debug)]
pub enum Inbound {
    Text(String),
    Binary(Vec<u8>),
    /// A ping, which is answered, or a pong.
    Alive,
    /// A poll came or ended. It does not count as a message.
    PollChanged,
}

/// The state of the closing handshake.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Talk {
    Both,
    /// The server's close frame is fed; the client's may come.
    Closing,
    /// The client's close frame has come: later frames are ignored.
    Done,
    /// The input is invalid, or the connection is lost.
    Broken,
}

pub struct Socket {
    stream: Transport,
    decoder: Decoder,
    talk: Talk,
    /// Came together with what was read last, and is not decoded yet.
    input: Bytes,
    output: Vec<u8>,
    /// Bytes of the output that are written.
    written: usize,
    frames: u32,
}

/// Two ways of reaching the network.
enum Transport {
    Tcp(Stream),
    /// Through TLS.
    Other(Box<dyn Duplex>),
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Socket {
    /// Takes over a connection that has been upgraded.
    pub fn new(upgraded: Upgraded) -> Self {
        match upgraded.downcast::<TokioIo<Stream>>() {
            // Copied, or as little as a byte would hold on to all that the HTTP library had read into.
            Ok(parts) => {
                Self::over(Transport::Tcp(parts.io.into_inner()), Bytes::copy_from_slice(&parts.read_buf))
            }
            Err(upgraded) => Self::over(Transport::Other(Box::new(TokioIo::new(upgraded))), Bytes::new()),
        }
    }

    fn over(stream: Transport, input: Bytes) -> Self {
        let (decoder, talk) = (Decoder::new(MESSAGE_BYTES_MAX), Talk::Both);
        Self { stream, decoder, talk, input, output: Vec::new(), written: 0, frames: 0 }
    }

    /// Bytes that were fed and are not written.
    pub(super) fn unsent(&self) -> usize {
        self.output.len() - self.written
    }

    /// Appends a text message to what the next flush writes.
    pub(super) fn feed(&mut self, text: impl AsRef<[u8]>) {
        encode_text(text.as_ref(), self.output());
    }

    /// Appends a ping.
    pub(super) fn feed_ping(&mut self) {
        encode_ping(self.output());
    }

    /// Appends a close frame; nothing may be fed after it.
    pub(super) fn feed_close(&mut self, code: u16) {
        encode_close(Some(code), self.output());
        if self.talk == Talk::Both {
            self.talk = Talk::Closing;
        }
    }

    /// Takes the number of frames fed since the last call.
    pub(super) fn take_frames(&mut self) -> u32 {
        std::mem::take(&mut self.frames)
    }

    /// Where the next frame goes.
    fn output(&mut self) -> &mut Vec<u8> {
        self.frames = self.frames.saturating_add(1);
        if self.output.capacity() == 0 {
            self.output = SPARE.take();
        }
        &mut self.output
    }

    /// Writes what was fed.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        while self.unsent() > 0 {
            let written = match self.stream.poll_write(cx, &self.output[self.written..]) {
                Poll::Ready(Ok(written)) if written > 0 => written,
                Poll::Ready(_) => {
                    self.release();
                    return Poll::Ready(Err(CloseReason::PeerGone));
                }
                Poll::Pending => {
                    self.shrink();
                    return Poll::Pending;
                }
            };
            self.written += written;
        }
        self.release();
        self.stream.poll_flush(cx).map_err(|_| CloseReason::PeerGone)
    }

    /// Everything is written, or never will be.
    fn release(&mut self) {
        self.written = 0;
        let mut buffer = std::mem::take(&mut self.output);
        if (1..=SPARE_BYTES_MAX).contains(&buffer.capacity()) {
            buffer.clear();
            SPARE.set(buffer);
        }
    }

    /// The network takes no more: keeps only the rest, maybe for long.
    fn shrink(&mut self) {
        if self.written > 0 || self.output.capacity() > self.output.len() * 2 {
            let rest = self.output[self.written..].to_vec();
            self.release();
            self.output = rest;
        }
    }

    /// The next message, or why there are no more.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound, CloseReason>> {
        if !self.talks() {
            return Poll::Ready(Err(CloseReason::PeerGone));
        }
        loop {
            let mut input = &self.input[..];
            let decoded = self.decoder.decode(&mut input);
            let taken = self.input.len() - input.len();
            self.input.advance(taken);
            if self.input.is_empty() {
                self.input = Bytes::new();
            }
            if let Some(decoded) = decoded.transpose() {
                return Poll::Ready(self.hear(decoded));
            }
            let decoded = READ.with_borrow_mut(|place| {
                let mut read = ReadBuf::new(place);
                if ready!(self.stream.poll_read(cx, &mut read)).is_err() || read.filled().is_empty() {
                    self.talk = Talk::Broken;
                    return Poll::Ready(Err(CloseReason::PeerGone));
                }
                let mut input = read.filled();
                let decoded = self.decoder.decode(&mut input);
                self.input = Bytes::copy_from_slice(input);
                Poll::Ready(Ok(decoded))
            });
            if let Some(decoded) = ready!(decoded)?.transpose() {
                return Poll::Ready(self.hear(decoded));
            }
        }
    }

    fn hear(&mut self, decoded: Result<Received, Fault>) -> Result<Inbound, CloseReason> {
        match decoded {
            Ok(Received::Text(text)) => Ok(Inbound::Text(text)),
            Ok(Received::Binary(bytes)) => Ok(Inbound::Binary(bytes)),
            Ok(Received::Pong) => Ok(Inbound::Alive),
            Ok(Received::Ping(payload)) => {
                if self.talk == Talk::Both {
                    encode_pong(&payload, self.output());
                }
                Ok(Inbound::Alive)
            }
            Ok(Received::Close(code)) => {
                // The same code goes back (RFC 6455, section 5.5.1), unless ours was the first goodbye.
                if std::mem::replace(&mut self.talk, Talk::Done) == Talk::Both {
                    encode_close(code, self.output());
                }
                Err(CloseReason::PeerClosed)
            }
            Err(fault) => {
                self.talk = Talk::Broken;
                Err(match fault {
                    Fault::Protocol => CloseReason::Protocol,
                    Fault::NotUtf8 => CloseReason::NotUtf8,
                    Fault::TooBig => CloseReason::TooBig,
                })
            }
        }
    }

    fn talks(&self) -> bool {
        matches!(self.talk, Talk::Both | Talk::Closing)
    }

    /// Writes the output, waits for the client's close frame, and closes the server's side. Takes as long as the client
    /// does.
    pub(super) async fn end(&mut self) {
        if poll_fn(|cx| self.poll_flush(cx)).await.is_err() {
            return;
        }
        while self.talks() {
            _ = poll_fn(|cx| self.poll_receive(cx)).await;
        }
        // After invalid input the client may still be sending: the stream makes sure that it receives the close code.
        _ = poll_fn(|cx| self.stream.poll_shutdown(cx)).await;
    }
}

impl Transport {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self {
            // TCP has nothing to flush.
            Self::Tcp(..) => Poll::Ready(Ok(())),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

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
    /// An empty ping with a mask of zeros.
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];

    /// A socket over a pipe that holds so many bytes, its other end, and the count of its writes.
    fn pipe(bytes: usize) -> (Socket, DuplexStream, Arc<AtomicUsize>) {
        let (ours, theirs) = tokio::io::duplex(bytes);
        let writes = Arc::new(AtomicUsize::new(0));
        let stream = Transport::Other(Box::new(Counted(ours, Arc::clone(&writes))));
        (Socket::over(stream, Bytes::new()), theirs, writes)
    }

    async fn flush(socket: &mut Socket) {
        poll_fn(|cx| socket.poll_flush(cx)).await.unwrap();
    }

    #[tokio::test]
    async fn a_batch_is_one_write() {
        let (mut socket, mut theirs, writes) = pipe(64 * 1024);
        for _ in 0..FRAMES {
            socket.feed(FRAME);
        }
        flush(&mut socket).await;
        assert_eq!(writes.load(Ordering::Relaxed), 1);
        let mut heard = vec![0; FRAMES * (FRAME.len() + 2)];
        theirs.read_exact(&mut heard).await.unwrap();
        assert!(heard.ends_with(FRAME.as_bytes()));
    }

    #[tokio::test]
    async fn an_idle_connection_has_no_buffers() {
        let (mut socket, mut theirs, _) = pipe(64 * 1024);
        theirs.write_all(&PING.repeat(3)).await.unwrap();
        for _ in 0..3 {
            assert!(matches!(poll_fn(|cx| socket.poll_receive(cx)).await, Ok(Inbound::Alive)));
        }
        socket.feed(FRAME.repeat(100));
        flush(&mut socket).await;
        assert!(poll_fn(|cx| Poll::Ready(socket.poll_receive(cx))).await.is_pending());
        assert_eq!((socket.output.capacity(), socket.input.len()), (0, 0));
        assert!(SPARE.take().capacity() > 0, "the next one to write finds it");
        assert!(size_of::<Socket>() <= 288, "{} bytes", size_of::<Socket>());
    }

    #[tokio::test]
    async fn a_client_that_stops_reading_costs_only_its_unsent_bytes() {
        let (mut socket, mut theirs, _) = pipe(1000);
        socket.feed("x".repeat(1100));
        assert!(poll_fn(|cx| Poll::Ready(socket.poll_flush(cx))).await.is_pending());
        assert_eq!(socket.unsent(), 104);
        assert!(socket.output.capacity() < 200);
        let mut heard = vec![0; 1104];
        let (read, ()) = tokio::join!(theirs.read_exact(&mut heard), flush(&mut socket));
        assert_eq!((read.unwrap(), socket.unsent()), (1104, 0));
        assert!(heard.ends_with(b"x"));
    }
}
