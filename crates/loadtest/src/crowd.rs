//! Everyone, in one thread: connects, sends what is due, hears, and keeps the books.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::account::Account;
use crate::clock::{self, Stopwatch, micros};
use crate::frame;
use crate::ledger::{Ledger, histogram};
use crate::link::{Link, Stage};
use crate::protocol::{Heard, Protocol};
use crate::schedule::Round;
use crate::track::Track;

/// As the official client does.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
/// Updates that are sent before it is looked whether something has come.
const SENDS_PER_TURN: usize = 512;
const EVENTS_PER_TURN: usize = 128;
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// What somebody needs to come in.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The session's id.
    pub session: String,
    /// Their id in it.
    pub user: String,
    /// Their token.
    pub token: String,
    /// The protocol that they take.
    pub protocol: Protocol,
}

/// One person with one connection.
pub struct Person {
    /// How they come in.
    pub ticket: Ticket,
    pub track: Track,
    /// Which of the crowd's servers they connect to.
    pub node: usize,
    /// Whether they are one who stops reading.
    pub slow: bool,
    link: Option<Link>,
    reads: bool,
    reference: u32,
}

/// What went over all connections.
#[derive(Clone, Copy, Default, Debug)]
pub struct Traffic {
    /// Bytes received, frames and all.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Reads that brought something.
    pub reads: u64,
    /// Messages received.
    pub messages: u64,
}

/// How connecting went.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// In the session now.
    pub joined: usize,
    /// Everyone who ever got in.
    pub welcomed: u64,
    /// How often somebody was told that somebody has come or left.
    pub told: u64,
    /// What went wrong, and how often.
    pub faults: BTreeMap<String, u64>,
    /// From the first packet to the upgrade, in microseconds.
    pub upgrade: Histogram<u64>,
    /// From the first packet to being in, in microseconds.
    pub join: Histogram<u64>,
}

pub struct Crowd {
    /// The servers.
    pub targets: Vec<SocketAddr>,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    scratch: Vec<u8>,
    text: String,
    beats: Round,
    /// How many people a session has.
    pub people_per_session: u32,
    readers_of_session: Vec<u32>,
    /// Everyone, session by session.
    pub people: Vec<Person>,
    /// What is due, in microseconds of this.
    pub watch: Stopwatch,
    /// Who was owed what.
    pub ledger: Ledger,
    /// What became of it, when servers are broken on purpose.
    pub account: Option<Account>,
    /// What went over the wire.
    pub traffic: Traffic,
    /// How connecting went.
    pub arrivals: Arrivals,
    /// How late updates were sent, in microseconds: the generator's own fault.
    pub lag: Histogram<u64>,
    /// Chance.
    pub random: fastrand::Rng,
}

impl Crowd {
    /// People who are not connected yet, session by session, and who will all connect to the first server.
    ///
    /// # Errors
    /// When the kernel gives no epoll.
    pub fn new(
        targets: Vec<SocketAddr>,
        people: Vec<(Ticket, Track)>,
        people_per_session: u32,
    ) -> std::io::Result<Self> {
        let watch = Stopwatch::start();
        let mut random = fastrand::Rng::new();
        let count = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let person = |(ticket, track)| Person {
            ticket,
            track,
            node: 0,
            slow: false,
            link: None,
            reads: true,
            reference: 1,
        };
        Ok(Self {
            targets,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_PER_TURN),
            buffer: vec![0; READ_BUFFER_BYTES],
            scratch: Vec::new(),
            text: String::new(),
            beats: Round::new(0..count, micros(HEARTBEAT_INTERVAL), watch.micros(), &mut random),
            people_per_session,
            readers_of_session: vec![0; count.div_ceil(people_per_session) as usize],
            people: people.into_iter().map(person).collect(),
            watch,
            ledger: Ledger::new(count, people_per_session),
            account: None,
            traffic: Traffic::default(),
            arrivals: Arrivals {
                joined: 0,
                welcomed: 0,
                told: 0,
                faults: BTreeMap::new(),
                upgrade: histogram(),
                join: histogram(),
            },
            lag: histogram(),
            random,
        })
    }

    /// How many people there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.people.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whether somebody is in.
    pub fn is_joined(&self, who: u32) -> bool {
        self.people[who as usize].link.as_ref().is_some_and(|link| link.stage == Stage::Joined)
    }

    /// Whether somebody is neither in nor on the way.
    pub fn is_away(&self, who: u32) -> bool {
        self.people[who as usize].link.is_none()
    }

    /// Begins to connect somebody.
    pub fn connect(&mut self, who: u32) {
        let now = self.watch.micros();
        let person = &mut self.people[who as usize];
        let begun = Link::connect(self.targets[person.node], who, person.slow, now).and_then(|link| {
            let data = epoll::EventData::new_u64(who.into());
            epoll::add(&self.epoll, &link, data, epoll::EventFlags::OUT)?;
            Ok(link)
        });
        match begun {
            Ok(link) => (person.link, person.reads, person.reference) = (Some(link), true, 1),
            Err(error) => self.fault(format!("connect: {error}")),
        }
    }

    /// Cuts somebody off without a goodbye.
    pub fn cut(&mut self, who: u32) {
        let Some(link) = self.people[who as usize].link.take() else { return };
        if link.stage == Stage::Joined {
            self.arrivals.joined -= 1;
            if self.people[who as usize].reads {
                self.readers_of_session[(who / self.people_per_session) as usize] -= 1;
            }
            if let Some(account) = &mut self.account {
                account.cut_off(who);
            }
        }
        link.cut();
    }

    /// Somebody stops reading, and sending, or begins again.
    pub fn set_reading(&mut self, who: u32, reads: bool) {
        if self.is_joined(who) && self.people[who as usize].reads != reads {
            let readers = &mut self.readers_of_session[(who / self.people_per_session) as usize];
            *readers = if reads { *readers + 1 } else { *readers - 1 };
        }
        self.people[who as usize].reads = reads;
        self.watch_for(who);
    }

    /// Whether somebody is in and reads.
    pub fn reads(&self, who: u32) -> bool {
        self.people[who as usize].reads && self.is_joined(who)
    }

    fn fault(&mut self, what: String) {
        *self.arrivals.faults.entry(what).or_default() += 1;
    }

    fn lost(&mut self, who: u32, why: &str) {
        let stage = self.people[who as usize].link.as_ref().map(|link| link.stage);
        self.fault(format!("{stage:?}: {why}").replace("Some(", "").replace(')', ""));
        self.cut(who);
    }

    fn watch_for(&mut self, who: u32) {
        let person = &self.people[who as usize];
        let Some(link) = &person.link else { return };
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, person.reads);
        flags.set(epoll::EventFlags::OUT, link.has_unsent());
        let data = epoll::EventData::new_u64(who.into());
        if let Err(error) = epoll::modify(&self.epoll, link, data, flags) {
            self.lost(who, &error.to_string());
        }
    }

    /// Plays until a moment (microseconds): what is due is sent, what comes is heard.
    pub fn play(&mut self, mut updates: Option<&mut Round>, until: u64) {
        loop {
            let now = self.watch.micros();
            if now >= until {
                return;
            }
            for _ in 0..SENDS_PER_TURN {
                let Some((due, who)) = updates.as_mut().and_then(|round| round.pop(now)) else { break };
                self.update(who, due);
            }
            while let Some((_, who)) = self.beats.pop(now) {
                self.beat(who);
            }
            let next = updates.as_ref().map_or(u64::MAX, |round| round.next());
            self.turn(until.min(next).min(self.beats.next()));
        }
    }

    /// Waits for something to come, until a moment at most.
    fn turn(&mut self, until: u64) {
        let wait = until.saturating_sub(self.watch.micros());
        let timeout = Timespec {
            tv_sec: i64::try_from(wait / 1_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(wait % 1_000_000 * 1_000).unwrap_or(0),
        };
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        // Interrupted is as good as nothing.
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout));
        for event in &events {
            self.event(u32::try_from(event.data.u64()).unwrap_or(u32::MAX), event.flags);
        }
        self.events = events;
    }

    fn event(&mut self, who: u32, flags: epoll::EventFlags) {
        let Some(link) = self.people.get_mut(who as usize).and_then(|person| person.link.as_mut()) else {
            return;
        };
        if link.stage == Stage::Connecting {
            return match link.connected() {
                Ok(()) => self.upgrade(who),
                Err(error) => self.lost(who, &error.to_string()),
            };
        }
        if flags.contains(epoll::EventFlags::OUT) {
            if let Err(error) = link.flush() {
                return self.lost(who, &error.to_string());
            }
            self.watch_for(who);
        }
        if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
            self.read(who);
        }
    }

    fn upgrade(&mut self, who: u32) {
        let key: [u8; 16] = std::array::from_fn(|_| self.random.u8(..));
        // 16 bytes of base64, of an alphabet that needs no library: what matters is its length.
        let key: String =
            key.iter().map(|byte| char::from(b'A' + byte % 26)).chain("AAAAAA==".chars()).collect();
        let person = &mut self.people[who as usize];
        let (path, target) = (person.ticket.protocol.path(&person.ticket.token), self.targets[person.node]);
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {target}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        let Some(link) = &mut person.link else { return };
        link.stage = Stage::Upgrading;
        let written = link.write(request.as_bytes());
        self.wrote(who, written.map(|()| request.len()));
        self.watch_for(who);
    }

    fn wrote(&mut self, who: u32, written: Result<usize, rustix::io::Errno>) {
        match written {
            Ok(bytes) => {
                self.traffic.bytes_out += bytes as u64;
                if self.people[who as usize].link.as_ref().is_some_and(Link::has_unsent) {
                    self.watch_for(who);
                }
            }
            Err(error) => self.lost(who, &error.to_string()),
        }
    }

    fn say(&mut self, who: u32, text: &str) {
        if let Some(link) = &mut self.people[who as usize].link {
            let written = link.say(text, &mut self.scratch, &mut self.random);
            self.wrote(who, written);
        }
    }

    fn beat(&mut self, who: u32) {
        if self.is_joined(who) {
            self.say(who, self.people[who as usize].ticket.protocol.beat());
        }
    }

    /// Sends somebody's update that was due at a moment.
    fn update(&mut self, who: u32, due: u64) {
        if !self.reads(who) {
            return;
        }
        let now = self.watch.micros();
        self.lag.saturating_record(now.saturating_sub(due).max(1));
        let others = self.readers_of_session[(who / self.people_per_session) as usize] - 1;
        let number = self.ledger.send(who, due, others.into());
        if let Some(account) = &mut self.account {
            account.sent(who, now);
        }
        let person = &mut self.people[who as usize];
        person.reference += 1;
        #[expect(clippy::cast_precision_loss, reason = "a run lasts seconds")]
        let fix = person.track.at(due as f64 / 1e6);
        let mut text = std::mem::take(&mut self.text);
        let ticket = &person.ticket;
        let at = clock::wall().to_string();
        ticket.protocol.update(&mut text, &ticket.session, person.reference, &fix, number.into(), &at);
        self.say(who, &text);
        self.text = text;
    }

    fn read(&mut self, who: u32) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = self.people[who as usize].link.as_mut().map(|link| link.read(&mut buffer));
        match read {
            None | Some(Ok(None)) => {}
            Some(Err(error)) => {
                let why =
                    if error == rustix::io::Errno::PIPE { "closed".to_owned() } else { error.to_string() };
                self.lost(who, &why);
            }
            Some(Ok(Some((held, new)))) => {
                self.traffic.bytes_in += new as u64;
                self.traffic.reads += 1;
                let used = self.take(who, &buffer[..held]);
                if let Some(link) = &mut self.people[who as usize].link {
                    link.partial.extend_from_slice(&buffer[used..held]);
                    if link.partial.is_empty() && link.partial.capacity() > 0 {
                        link.partial = Vec::new();
                    }
                }
            }
        }
        self.buffer = buffer;
    }

    /// Takes all whole messages: how many bytes they were.
    fn take(&mut self, who: u32, bytes: &[u8]) -> usize {
        let now = self.watch.micros();
        let mut used = 0;
        loop {
            let Some(link) = &self.people[who as usize].link else { return bytes.len() };
            let rest = &bytes[used..];
            if link.stage == Stage::Upgrading {
                let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") else { return used };
                used += end + 4;
                self.upgraded(who, &rest[..end], now);
                continue;
            }
            let Some(header) = frame::header(rest) else { return used };
            let Some(payload) = rest.get(header.length..).and_then(|rest| rest.get(..header.payload)) else {
                return used;
            };
            used += header.length + header.payload;
            self.traffic.messages += 1;
            match header.opcode {
                frame::TEXT => self.heard(who, payload, now),
                frame::PING => {
                    let mut pong = Vec::new();
                    frame::push_masked(&mut pong, frame::PONG, self.random.u32(..).to_ne_bytes(), payload);
                    if let Some(link) = &mut self.people[who as usize].link {
                        let written = link.write(&pong);
                        self.wrote(who, written.map(|()| pong.len()));
                    }
                }
                frame::CLOSE => {
                    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    self.lost(who, &format!("close {code}"));
                }
                _ => {}
            }
        }
    }

    fn upgraded(&mut self, who: u32, head: &[u8], now: u64) {
        if !head.starts_with(b"HTTP/1.1 101") {
            let status = String::from_utf8_lossy(head.get(9..12).unwrap_or_default()).into_owned();
            return self.lost(who, &format!("status {status}"));
        }
        let person = &mut self.people[who as usize];
        let Some(link) = &mut person.link else { return };
        link.stage = Stage::Joining;
        self.arrivals.upgrade.saturating_record(now.saturating_sub(link.began).max(1));
        if let Some(join) = person.ticket.protocol.join(&person.ticket.session) {
            self.say(who, &join);
        }
    }

    fn heard(&mut self, who: u32, text: &[u8], now: u64) {
        let person = &mut self.people[who as usize];
        match person.ticket.protocol.hear(text) {
            Heard::Update(number) => {
                self.ledger.heard(who, number, now, !person.slow);
                if let Some(account) = &mut self.account {
                    account.heard(who, number, now);
                }
            }
            Heard::Joined => {
                let Some(link) = person.link.as_mut().filter(|link| link.stage == Stage::Joining) else {
                    return;
                };
                link.stage = Stage::Joined;
                self.arrivals.join.saturating_record(now.saturating_sub(link.began).max(1));
                self.arrivals.joined += 1;
                self.arrivals.welcomed += 1;
                self.readers_of_session[(who / self.people_per_session) as usize] += 1;
                self.ledger.welcomed(who);
                if let Some(account) = &mut self.account {
                    account.welcomed(who, person.node);
                }
            }
            Heard::Membership => self.arrivals.told += 1,
            Heard::Refused => self.fault("refused".to_owned()),
            Heard::Other => {}
        }
    }
}
