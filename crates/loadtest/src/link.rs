//! One person's connection: a socket, and what is not yet read or written of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};
use socket2::SockRef;

use crate::frame;

/// People whose connections come from one loopback address: the kernel has some 28,000 ports for each, and looks
/// through half of them for a free one each time when half are taken.
const PEOPLE_PER_ADDRESS: u32 = 10_000;
/// Unsent bytes beyond which nothing more is sent: the server does not read.
const UNSENT_MAX: usize = 256 * 1024;
/// Receive buffer of somebody who is slow on purpose, so that the server notices at once.
const SLOW_BUFFER_BYTES: usize = 8 * 1024;
/// Segments of theirs, as on a real network. With loopback's, one does not fit into so small a buffer, and the
/// kernel sends no half one: a client that read again got nothing for seconds, and was disconnected as a slow consumer.
const SLOW_SEGMENT_BYTES: u32 = 1460;

/// How far a connection has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// TCP's handshake.
    Connecting,
    /// WebSocket's.
    Upgrading,
    /// The protocol's.
    Joining,
    /// In the session.
    Joined,
}

/// One open, or opening, connection.
pub struct Link {
    socket: OwnedFd,
    /// How far it is.
    pub stage: Stage,
    /// When it was begun, in microseconds.
    pub began: u64,
    /// The beginning of a frame whose rest has not come.
    pub partial: Vec<u8>,
    unsent: Vec<u8>,
}

impl Link {
    /// Begins to connect. The `who`-th person comes from a loopback address that has ports left.
    ///
    /// # Errors
    /// When there are no more files or ports.
    pub fn connect(target: SocketAddr, who: u32, slow: bool, now: u64) -> Result<Self, Errno> {
        let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        if slow {
            sockopt::set_socket_recv_buffer_size(&socket, SLOW_BUFFER_BYTES)?;
            SockRef::from(&socket)
                .set_tcp_mss(SLOW_SEGMENT_BYTES)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
        }
        sockopt::set_tcp_nodelay(&socket, true)?;
        let address = 1 + u8::try_from(who / PEOPLE_PER_ADDRESS).unwrap_or(u8::MAX);
        if address > 1 && matches!(target.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
            let from = SocketAddr::new(Ipv4Addr::new(127, 0, 0, address).into(), 0);
            rustix::net::bind(&socket, &from)?;
        }
        match rustix::net::connect(&socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let stage = Stage::Connecting;
        Ok(Self { socket, stage, began: now, partial: Vec::new(), unsent: Vec::new() })
    }

    /// What became of connecting.
    ///
    /// # Errors
    /// Why it failed.
    pub fn connected(&self) -> Result<(), Errno> {
        sockopt::socket_error(&self.socket)?
    }

    /// Reads what there is, after what there was: how many bytes are in the buffer now, and how many of
    /// them are new. `None` when nothing new has come.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Option<(usize, usize)>, Errno> {
        let before = self.partial.len();
        let (old, new) = buffer.split_at_mut_checked(before).ok_or(Errno::MSGSIZE)?;
        if new.is_empty() {
            return Err(Errno::MSGSIZE);
        }
        match rustix::io::read(&self.socket, new) {
            Ok(0) => Err(Errno::PIPE),
            Ok(read) => {
                old.copy_from_slice(&self.partial);
                self.partial.clear();
                Ok(Some((before + read, read)))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes bytes, or keeps what the kernel does not take.
    ///
    /// # Errors
    /// When the connection is gone, or takes nothing any more.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let mut rest = bytes;
        if self.unsent.is_empty() {
            match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(written) => rest = &bytes[written..],
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        if self.unsent.len() + rest.len() > UNSENT_MAX {
            return Err(Errno::NOBUFS);
        }
        self.unsent.extend_from_slice(rest);
        Ok(())
    }

    /// Writes what was kept.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn flush(&mut self) -> Result<(), Errno> {
        let unsent = std::mem::take(&mut self.unsent);
        if unsent.is_empty() { Ok(()) } else { self.write(&unsent) }
    }

    /// Whether bytes wait until the socket is writable.
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Writes a text message, masked with a key that nobody can foresee (RFC 6455, section 5.3).
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn say(
        &mut self,
        text: &str,
        scratch: &mut Vec<u8>,
        random: &mut fastrand::Rng,
    ) -> Result<usize, Errno> {
        scratch.clear();
        frame::push_masked(scratch, frame::TEXT, random.u32(..).to_ne_bytes(), text.as_bytes());
        self.write(scratch)?;
        Ok(scratch.len())
    }

    /// Cuts the connection, as a network does: no goodbye, and no port that waits.
    pub fn cut(self) {
        // It is closed either way.
        let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
