//! A client's TCP connection, under TLS and HTTP: counted for its address, with a deadline for writes, and closed so
//! that the client can still read the last output.

use std::future::Future;
use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use tagalong_core::limits::{ANSWER_DEADLINE, LINGER_DEADLINE};
use tagalong_platform::clock::{Clock, Sleep};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::rates::Connected;

/// Bytes that are discarded in one read.
const DISCARDED_BYTES: usize = 16 * 1024;

/// A connection that was accepted.
pub struct Stream {
    /// `Some` until it is dropped.
    tcp: Option<TcpStream>,
    /// Outlives the connection's lingering end.
    counted: Option<Connected>,
    clock: Clock,
    /// Runs while the client reads nothing. Connections other than WebSockets have no other deadline for that: a client
    /// might send one request after the other and never read an answer.
    overdue: Option<Sleep>,
}

impl Stream {
    pub fn new(tcp: TcpStream, counted: Connected, clock: Clock) -> Self {
        Self { tcp: Some(tcp), counted: Some(counted), clock, overdue: None }
    }

    fn tcp(&mut self) -> Result<Pin<&mut TcpStream>> {
        self.tcp.as_mut().map(Pin::new).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Returns the result of a write; one that waits for too long fails.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.overdue = None;
            return written;
        }
        let clock = &self.clock;
        let overdue = self.overdue.get_or_insert_with(|| clock.sleep(ANSWER_DEADLINE));
        Pin::new(overdue).poll(cx).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.tcp()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = self.tcp()?.poll_write(cx, bytes);
        self.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = self.tcp()?.poll_write_vectored(cx, slices);
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.tcp()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.tcp()?.poll_shutdown(cx)
    }
}

impl Drop for Stream {
    /// A socket that is closed with unread input is reset, and the last output may never arrive: a close code, or the
    /// answer to a request that was too large (RFC 9112, section 9.6). So the server goes on reading for a short time.
    fn drop(&mut self) {
        let Some(tcp) = self.tcp.take() else { return };
        let ended = matches!(tcp.try_read(&mut [0]), Ok(0));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !ended {
            let (counted, deadline) = (self.counted.take(), self.clock.sleep(LINGER_DEADLINE));
            runtime.spawn(async move {
                tokio::select! {
                    () = discard(tcp) => {}
                    () = deadline => {}
                }
                drop(counted);
            });
        }
    }
}

/// Shuts down the sending side, and reads until the client does the same.
async fn discard(mut tcp: TcpStream) {
    if tcp.shutdown().await.is_err() {
        return;
    }
    while tcp.readable().await.is_ok() {
        match tcp.try_read(&mut [0; DISCARDED_BYTES]) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}
