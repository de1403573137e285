//! Rooms and connections of the floor.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use memchr::memmem;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};
use tagalong_loadtest::clock::Stopwatch;
use tagalong_loadtest::frame;

use crate::Mode;
use crate::http::{self, Numbers, Request};

const BACKLOG: i32 = 4096;
const LISTENER: u64 = u64::MAX;
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// How long a frame may wait for others, in microseconds.
const TICK: u64 = 5_000;

/// Who somebody is once they are upgraded.
#[derive(Clone, Copy)]
struct Member {
    room: u32,
    user: u32,
}

struct Connection {
    socket: OwnedFd,
    member: Option<Member>,
    partial: Vec<u8>,
    unsent: Vec<u8>,
    /// Whether epoll says when the socket is writable.
    blocked: bool,
}

/// See the crate's documentation.
pub(crate) struct Floor {
    mode: Mode,
    listener: OwnedFd,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<u32>,
    rooms: Vec<Vec<u32>>,
    numbers: Numbers,
    buffer: Vec<u8>,
    frame: Vec<u8>,
    /// Whose frames wait for the next tick.
    dirty: Vec<u32>,
    watch: Stopwatch,
    tick: u64,
}

impl Floor {
    /// Listens on loopback and says where.
    pub(crate) fn listen(port: u16, mode: Mode) -> std::io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let listener = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        sockopt::set_socket_reuseaddr(&listener, true)?;
        sockopt::set_tcp_nodelay(&listener, true)?;
        rustix::net::bind(&listener, &SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))?;
        rustix::net::listen(&listener, BACKLOG)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
        let address: SocketAddr = rustix::net::getsockname(&listener)?.try_into()?;
        println!("The floor is ready: http://{address}");
        std::io::stdout().flush()?;
        Ok(Self {
            mode,
            listener,
            epoll,
            connections: Vec::new(),
            free: Vec::new(),
            rooms: Vec::new(),
            numbers: Numbers::default(),
            buffer: vec![0; READ_BUFFER_BYTES],
            frame: Vec::new(),
            dirty: Vec::new(),
            watch: Stopwatch::start(),
            tick: 0,
        })
    }

    /// Serves until the process is ended.
    pub(crate) fn serve(mut self) -> std::io::Result<()> {
        let mut events = Vec::with_capacity(512);
        loop {
            let wait = (!self.dirty.is_empty()).then(|| self.tick.saturating_sub(self.watch.micros()));
            let timeout = wait
                .map(|micros| Timespec { tv_sec: 0, tv_nsec: i64::try_from(micros * 1_000).unwrap_or(0) });
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    id => self.event(u32::try_from(id).unwrap_or(u32::MAX), event.flags),
                }
            }
            if !self.dirty.is_empty() && self.watch.micros() >= self.tick {
                for id in std::mem::take(&mut self.dirty) {
                    self.flush(id);
                }
            }
        }
    }

    fn accept(&mut self) -> std::io::Result<()> {
        loop {
            match rustix::net::accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    let connection = Connection {
                        socket,
                        member: None,
                        partial: Vec::new(),
                        unsent: Vec::new(),
                        blocked: false,
                    };
                    let id = self.free.pop().unwrap_or_else(|| {
                        self.connections.push(None);
                        u32::try_from(self.connections.len() - 1).unwrap_or(u32::MAX)
                    });
                    let data = epoll::EventData::new_u64(id.into());
                    epoll::add(&self.epoll, &connection.socket, data, epoll::EventFlags::IN)?;
                    self.connections[id as usize] = Some(connection);
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn event(&mut self, id: u32, flags: epoll::EventFlags) {
        if flags.contains(epoll::EventFlags::OUT) {
            self.flush(id);
        }
        if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            self.read(id);
        }
    }

    fn read(&mut self, id: u32) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Some(Some(connection)) = self.connections.get_mut(id as usize) {
            let held = connection.partial.len();
            buffer.resize(READ_BUFFER_BYTES.max(held + READ_BUFFER_BYTES / 2), 0);
            buffer[..held].copy_from_slice(&connection.partial);
            match rustix::io::read(&connection.socket, &mut buffer[held..]) {
                Ok(read) if read > 0 => {
                    connection.partial.clear();
                    let used = self.take(id, &mut buffer[..held + read]);
                    if let Some(Some(connection)) = self.connections.get_mut(id as usize) {
                        connection.partial.extend_from_slice(&buffer[used..held + read]);
                        if connection.partial.is_empty() {
                            connection.partial = Vec::new();
                        }
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Ok(_) | Err(_) => self.drop_connection(id),
            }
        }
        self.buffer = buffer;
    }

    fn drop_connection(&mut self, id: u32) {
        let Some(connection) = self.connections.get_mut(id as usize).and_then(Option::take) else { return };
        if let Some(room) = connection.member.and_then(|member| self.rooms.get_mut(member.room as usize)) {
            room.retain(|other| *other != id);
        }
        self.free.push(id);
    }

    /// Takes all whole requests and messages: how many bytes they were.
    fn take(&mut self, id: u32, bytes: &mut [u8]) -> usize {
        let mut used = 0;
        loop {
            let Some(Some(connection)) = self.connections.get(id as usize) else { return bytes.len() };
            let rest = &mut bytes[used..];
            let Some(member) = connection.member else {
                let Some((request, length)) = http::read(rest, &mut self.numbers) else { return used };
                used += length;
                self.answer(id, request);
                continue;
            };
            let Some(header) = frame::header(rest) else { return used };
            let whole = header.length + header.payload;
            let Some(payload) = rest.get_mut(header.length..whole) else { return used };
            used += whole;
            frame::mask(payload, header.key.unwrap_or_default());
            if header.opcode == frame::TEXT {
                self.message(id, member, payload);
            }
        }
    }

    fn answer(&mut self, id: u32, request: Request) {
        match request {
            Request::Answer(answer) => self.write(id, answer.as_bytes()),
            Request::Upgrade { answer, room, user } => {
                if self.rooms.len() <= room as usize {
                    self.rooms.resize(room as usize + 1, Vec::new());
                }
                if let Some(Some(connection)) = self.connections.get_mut(id as usize) {
                    connection.member = Some(Member { room, user });
                }
                self.write(id, answer.as_bytes());
            }
        }
    }

    fn message(&mut self, id: u32, member: Member, text: &[u8]) {
        let Member { room, user } = member;
        let (session, user) = (http::session(room), http::user(user));
        if let Some(event) = memmem::find(text, b"\"location_update\",") {
            let payload = &text[event + 18..text.len() - 1];
            let mut broadcast = Vec::with_capacity(text.len() + 160);
            let before = format!(
                r#"[null,null,"location:{session}","location_update",{{"type":"location_update","data":{{"user_id":"{user}","#
            );
            broadcast.extend_from_slice(before.as_bytes());
            broadcast.extend_from_slice(&payload[1..]);
            broadcast.extend_from_slice(b"}]");
            self.relay(id, room, &broadcast);
            let reference = text.split(|byte| *byte == b'"').nth(3).unwrap_or_default();
            let reference = String::from_utf8_lossy(reference);
            let reply = format!(
                r#"["1","{reference}","location:{session}","phx_reply",{{"response":{{}},"status":"ok"}}]"#
            );
            self.send(id, reply.as_bytes());
        } else if memmem::find(text, b"\"phx_join\"").is_some() {
            self.rooms[room as usize].push(id);
            let reply = r#""phx_reply",{"response":{"status":"joined"},"status":"ok"}]"#;
            self.send(id, format!(r#"["1","1","location:{session}",{reply}"#).as_bytes());
            for initial in
                [r#""initial_participants",{"participants":[]}]"#, r#""initial_locations",{"locations":[]}]"#]
            {
                self.send(id, format!(r#"["1",null,"location:{session}",{initial}"#).as_bytes());
            }
        } else {
            self.send(id, br#"[null,"b","phoenix","phx_reply",{"response":{},"status":"ok"}]"#);
        }
    }

    /// Frames once, and writes or keeps it for everyone else.
    fn relay(&mut self, from: u32, room: u32, text: &[u8]) {
        let mut framed = std::mem::take(&mut self.frame);
        framed.clear();
        frame::push(&mut framed, frame::TEXT, text);
        let members = std::mem::take(&mut self.rooms[room as usize]);
        for member in members.iter().filter(|member| **member != from) {
            self.post(*member, &framed);
        }
        self.rooms[room as usize] = members;
        self.frame = framed;
    }

    fn send(&mut self, id: u32, text: &[u8]) {
        let mut framed = Vec::with_capacity(text.len() + 4);
        frame::push(&mut framed, frame::TEXT, text);
        self.post(id, &framed);
    }

    fn post(&mut self, id: u32, framed: &[u8]) {
        match self.mode {
            Mode::Plain => self.write(id, framed),
            Mode::Batch => {
                let Some(Some(connection)) = self.connections.get_mut(id as usize) else { return };
                if connection.unsent.is_empty() {
                    if self.dirty.is_empty() {
                        self.tick = self.watch.micros() + TICK;
                    }
                    self.dirty.push(id);
                }
                connection.unsent.extend_from_slice(framed);
            }
        }
    }

    fn write(&mut self, id: u32, bytes: &[u8]) {
        let Some(Some(connection)) = self.connections.get_mut(id as usize) else { return };
        let mut written = 0;
        if connection.unsent.is_empty() {
            // A connection that is gone says so at its next read.
            written = rustix::net::send(&connection.socket, bytes, SendFlags::NOSIGNAL).unwrap_or(0);
        }
        if written < bytes.len() {
            connection.unsent.extend_from_slice(&bytes[written..]);
            self.watch_for(id);
        }
    }

    fn flush(&mut self, id: u32) {
        let Some(Some(connection)) = self.connections.get_mut(id as usize) else { return };
        let written =
            rustix::net::send(&connection.socket, &connection.unsent, SendFlags::NOSIGNAL).unwrap_or(0);
        connection.unsent.drain(..written);
        self.watch_for(id);
    }

    fn watch_for(&mut self, id: u32) {
        let Some(Some(connection)) = self.connections.get_mut(id as usize) else { return };
        let blocked = !connection.unsent.is_empty();
        if blocked != connection.blocked {
            connection.blocked = blocked;
            let mut flags = epoll::EventFlags::IN;
            flags.set(epoll::EventFlags::OUT, blocked);
            let data = epoll::EventData::new_u64(id.into());
            // A connection that is gone says so at its next read.
            let _ = epoll::modify(&self.epoll, &connection.socket, data, flags);
        }
    }
}
