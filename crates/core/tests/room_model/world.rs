//! A room, the people who watch it, and what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use tagalong_core::event::{Broadcast, Event, SharingStatus};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::limits::CONTROL_QUEUE_MAX;
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::position::Position;
use tagalong_core::presence::PresenceDiff;
use tagalong_core::room::{Batch, Due, Farewell, Guest, Now, Room, SeatId, SlotSet};
use tagalong_core::session::Details;
use tagalong_core::time::Timestamp;

const TTL: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(5);
/// What waits, and one for all that is new of who is connected.
const CONTROL_MAX: usize = CONTROL_QUEUE_MAX + 1;
pub(crate) const PEOPLE: usize = 5;
pub(crate) const CONNECTIONS: usize = 7;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Join(usize),
    Leave(usize),
    Enter(usize, Option<usize>),
    Vacate(usize),
    Publish(usize),
    Pause(usize),
    Take(usize),
    /// Takes while the pace allows no positions.
    TakeControl(usize),
    /// Stops reading, or reads again.
    Stall(usize),
    Advance(u64),
}

/// The room as it is, or broken in one way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Variant {
    Real,
    /// Condition 1: positions are written before the control events that came with them.
    PositionsFirst,
    /// Condition 1: positions are taken in one critical section, and written after what a later one takes.
    TwoSections,
    /// Condition 2: control events wait for the pace too.
    PacedControl,
    /// Condition 3: goes on taking from the room while its reader takes nothing.
    TakesWhileStalled,
    /// Condition 4: what is owed belongs to the participant, so that two devices share it.
    SharedSeat,
    /// Condition 5: positions are handed out when they are published rather than looked up when taken.
    ResolvedWhenPublished,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    /// A position of somebody who is not there, or who had withdrawn it.
    Ghost,
    /// A position past its life.
    Expired,
    /// Not the newest position, when all is quiet.
    NotNewest,
    /// Not the people who are there.
    Membership,
    /// Somebody who comes online before they have joined, twice, or goes without having come; or, when all is
    /// quiet, not those who are connected.
    Presence,
    /// More kept for a reader than allowed.
    Unbounded,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) struct Connection {
    seat: SeatId,
    user: Option<usize>,
    own: Option<UserId>,
    /// Who it was told is connected.
    online: BTreeSet<UserId>,
    woken: Arc<Flag>,
    entered: u32,
    stalled: bool,
    /// What it was told.
    pub(crate) present: BTreeSet<UserId>,
    positions: BTreeMap<UserId, u32>,
    paused: BTreeMap<UserId, u32>,
    pub(crate) over: bool,
    /// What the broken variants keep aside.
    aside: Vec<Arc<Broadcast>>,
    kept: usize,
}

#[derive(Clone, Copy)]
struct Published {
    number: u32,
    at: Instant,
    by: usize,
}

pub(crate) struct World {
    variant: Variant,
    room: Room,
    now: Now,
    number: u32,
    /// The truth.
    members: BTreeMap<usize, UserId>,
    latest: BTreeMap<UserId, Published>,
    paused: BTreeMap<UserId, u32>,
    published_at: Vec<Instant>,
    generation: u8,
    pub(crate) connections: Vec<Option<Connection>>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
    pub(crate) fn new(variant: Variant) -> Self {
        let session = SessionId::from_random([0; 16]);
        let mut room = Room::new(session, None, GRACE);
        let zero = Timestamp::from_millis(0);
        let now = Now { wall: zero, shared: zero, instant: Instant::now() };
        let ends_at = Timestamp::from_millis(1_000_000_000);
        room.reconcile(Details { name: None, ends_at, locked: false, location_ttl: TTL }, Vec::new(), now)
            .wake();
        Self {
            variant,
            room,
            now,
            number: 0,
            members: BTreeMap::new(),
            latest: BTreeMap::new(),
            paused: BTreeMap::new(),
            published_at: Vec::new(),
            generation: 0,
            connections: (0..CONNECTIONS).map(|_| None).collect(),
        }
    }

    pub(crate) fn apply(&mut self, op: &Op) -> Result<(), Fault> {
        match *op {
            Op::Join(person) => self.join(person),
            Op::Leave(person) => self.leave(person),
            Op::Enter(at, person) => self.enter(at, person),
            Op::Vacate(at) => self.vacate(at),
            Op::Publish(at) => self.publish(at),
            Op::Pause(at) => self.pause(at),
            Op::Take(at) => self.take(at, Due::Everything)?,
            Op::TakeControl(at) => self.take_control(at)?,
            Op::Stall(at) => {
                if let Some(connection) = &mut self.connections[at] {
                    connection.stalled = !connection.stalled;
                }
            }
            Op::Advance(seconds) => {
                self.now.instant += Duration::from_secs(seconds);
                self.now.wall = self.now.wall.plus(Duration::from_secs(seconds));
                self.now.shared = self.now.wall;
                self.room.sweep(self.now.instant).wakes.wake();
            }
        }
        if self.variant == Variant::TakesWhileStalled {
            for at in 0..CONNECTIONS {
                self.take_while_stalled(at)?;
            }
        }
        Ok(())
    }

    fn join(&mut self, person: usize) {
        if self.members.contains_key(&person) {
            return;
        }
        self.generation = self.generation.wrapping_add(1);
        let user_id = UserId::parse(&format!("user_{person}_{}", self.generation)).unwrap();
        let profile = Profile {
            user_id: user_id.clone(),
            display_name: DisplayName::parse("x").unwrap(),
            avatar_color: AvatarColor::parse("#000000").unwrap(),
        };
        self.members.insert(person, user_id);
        self.room.member_joined(profile).wake();
    }

    fn leave(&mut self, person: usize) {
        let Some(user) = self.members.remove(&person) else { return };
        self.latest.remove(&user);
        self.room.member_left(user).wake();
    }

    fn enter(&mut self, at: usize, person: Option<usize>) {
        self.vacate(at);
        let user = person.and_then(|person| self.members.get(&person).cloned());
        if person.is_some() && user.is_none() {
            return;
        }
        let guest = user.as_ref().map_or(Guest::Watcher { max: 9 }, Guest::Participant);
        let (mut seat, welcome) = self.room.enter(guest, self.now).unwrap();
        if self.variant == Variant::SharedSeat {
            let same = |other: &&Connection| person.is_some() && other.user == person && !other.over;
            if let Some(other) = self.connections.iter().flatten().find(same) {
                self.room.vacate(seat, self.now);
                seat = other.seat;
            }
        }
        let told = |location: &tagalong_core::event::InitialLocation| {
            (location.user_id.clone(), number(&location.position))
        };
        self.connections[at] = Some(Connection {
            seat,
            user: person,
            own: user,
            online: welcome.presence.0.into_iter().collect(),
            woken: Arc::new(Flag(AtomicBool::new(true))),
            entered: self.number,
            stalled: false,
            present: welcome
                .participants
                .participants
                .iter()
                .map(|one| one.profile.user_id.clone())
                .collect(),
            positions: welcome.locations.locations.iter().map(told).collect(),
            paused: BTreeMap::new(),
            over: false,
            aside: Vec::new(),
            kept: 0,
        });
    }

    fn vacate(&mut self, at: usize) {
        let Some(connection) = self.connections[at].take() else { return };
        let shared = self.connections.iter().flatten().any(|other| other.seat == connection.seat);
        if !shared {
            self.room.vacate(connection.seat, self.now);
        }
    }

    fn publish(&mut self, at: usize) {
        let Some(connection) = &self.connections[at] else { return };
        let json = format!(r#"{{"lat":1,"lng":2,"speed":{}}}"#, self.number);
        let position = Position::parse(&json, self.now.wall).unwrap();
        let Ok(wakes) = self.room.publish(connection.seat, position.clone(), self.now) else { return };
        wakes.wake();
        let user_id = self.members[&connection.user.unwrap()].clone();
        let published = Published { number: self.number, at: self.now.instant, by: at };
        self.latest.insert(user_id.clone(), published);
        self.published_at.push(self.now.instant);
        self.number += 1;
        if self.variant == Variant::ResolvedWhenPublished {
            let event = Event::LocationUpdate { user_id, position };
            let broadcast = Arc::new(Broadcast::new(self.room.session(), event));
            let others = self.connections.iter_mut().enumerate().filter(|(other, _)| *other != at);
            others
                .filter_map(|(_, other)| other.as_mut())
                .for_each(|other| other.aside.push(broadcast.clone()));
        }
    }

    fn pause(&mut self, at: usize) {
        let Some(connection) = &self.connections[at] else { return };
        for status in [SharingStatus::Sharing, SharingStatus::Paused] {
            let Ok(wakes) = self.room.set_status(connection.seat, status, self.now) else { return };
            wakes.wake();
        }
        let user = self.members[&connection.user.unwrap()].clone();
        self.latest.remove(&user);
        self.paused.insert(user, self.number);
    }

    /// What a connection's task does: it takes once, and then sleeps until it is woken.
    fn take(&mut self, at: usize, due: Due) -> Result<(), Fault> {
        let Some(connection) = &mut self.connections[at] else { return Ok(()) };
        let asleep = !connection.woken.0.load(Ordering::Relaxed);
        if asleep || connection.stalled || connection.over {
            return Ok(());
        }
        // Positions that keep the pace are asked for again by a timer.
        connection.woken.0.store(due == Due::Control, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&connection.woken));
        let mut batch = Batch::default();
        let taken = self.room.poll_take(connection.seat, due, &waker, self.now.instant, &mut batch);
        let handed_out = self.variant == Variant::ResolvedWhenPublished;
        if taken.is_ready() || handed_out { self.listen(at, batch) } else { Ok(()) }
    }

    fn take_control(&mut self, at: usize) -> Result<(), Fault> {
        if self.variant != Variant::PacedControl {
            self.take(at, Due::Control)?;
        }
        match &self.connections[at] {
            Some(connection) if !connection.stalled => self.check_membership(connection),
            _ => Ok(()),
        }
    }

    fn take_while_stalled(&mut self, at: usize) -> Result<(), Fault> {
        let Some(connection) = self.connections[at].as_mut().filter(|one| one.stalled) else { return Ok(()) };
        let mut batch = Batch::default();
        let due = Due::Everything;
        let _ = self.room.poll_take(connection.seat, due, Waker::noop(), self.now.instant, &mut batch);
        connection.kept += batch.control.len() + batch.positions.len();
        if connection.kept > CONTROL_MAX + SlotSet::CAPACITY { Err(Fault::Unbounded) } else { Ok(()) }
    }

    fn listen(&mut self, at: usize, batch: Batch) -> Result<(), Fault> {
        let Batch { control, mut positions, farewell } = batch;
        if control.len() > CONTROL_MAX || positions.len() > SlotSet::CAPACITY {
            return Err(Fault::Unbounded);
        }
        let connection = self.connections[at].as_mut().unwrap();
        match self.variant {
            Variant::TwoSections => std::mem::swap(&mut positions, &mut connection.aside),
            Variant::ResolvedWhenPublished => positions = std::mem::take(&mut connection.aside),
            _ => {}
        }
        let told: Vec<_> = match self.variant {
            Variant::PositionsFirst => positions.into_iter().chain(control).collect(),
            _ => control.into_iter().chain(positions).collect(),
        };
        for broadcast in told {
            self.hear(at, broadcast.event())?;
        }
        self.connections[at].as_mut().unwrap().over |= farewell.is_some();
        assert_ne!(farewell, Some(Farewell::Ended));
        Ok(())
    }

    fn hear(&mut self, at: usize, event: &Event) -> Result<(), Fault> {
        let connection = self.connections[at].as_mut().unwrap();
        match event {
            Event::ParticipantJoined(profile) => {
                let new = connection.present.insert(profile.user_id.clone());
                if new { Ok(()) } else { Err(Fault::Membership) }
            }
            Event::ParticipantLeft { user_id } => {
                connection.positions.remove(user_id);
                if connection.online.contains(user_id) {
                    return Err(Fault::Presence);
                }
                if connection.present.remove(user_id) { Ok(()) } else { Err(Fault::Membership) }
            }
            Event::ParticipantStatus { user_id, status, .. } => {
                if status.withdraws_position() {
                    connection.positions.remove(user_id);
                    // Told late, it may be of an earlier pause; the truth's number is never too small.
                    connection.paused.insert(user_id.clone(), 0);
                }
                Ok(())
            }
            Event::LocationUpdate { user_id, position } => {
                let number = number(position);
                if !connection.present.contains(user_id) {
                    return Err(Fault::Ghost);
                }
                let withdrawn = connection.paused.contains_key(user_id)
                    && self.paused.get(user_id).is_some_and(|paused| number < *paused);
                if withdrawn {
                    return Err(Fault::Ghost);
                }
                if self.published_at[number as usize] + TTL <= self.now.instant {
                    return Err(Fault::Expired);
                }
                connection.positions.insert(user_id.clone(), number);
                Ok(())
            }
            Event::PresenceDiff(PresenceDiff { joins, leaves }) => {
                let Connection { present, online, .. } = connection;
                let came = joins.0.iter().all(|user| present.contains(user) && online.insert(user.clone()));
                let went = leaves.0.iter().all(|user| present.contains(user) && online.remove(user));
                if came && went { Ok(()) } else { Err(Fault::Presence) }
            }
            Event::SessionUpdated { .. } | Event::SessionEnded { .. } => Ok(()),
        }
    }

    /// Lets everyone read on until nothing comes, and compares what they believe with the truth.
    pub(crate) fn quiesce(&mut self) -> Result<(), Fault> {
        for at in 0..CONNECTIONS {
            if let Some(connection) = &mut self.connections[at] {
                if std::mem::take(&mut connection.stalled) {
                    connection.woken.0.store(true, Ordering::Relaxed);
                }
                self.take(at, Due::Everything)?;
            }
        }
        for (at, connection) in self.connections.iter().enumerate() {
            let Some(connection) = connection else { continue };
            self.check_membership(connection)?;
            self.check_newest(at, connection)?;
        }
        self.quiesce_presence()
    }

    /// Nobody comes or goes for as long as somebody who is gone is still shown.
    fn quiesce_presence(&mut self) -> Result<(), Fault> {
        self.now.instant += GRACE;
        self.room.sweep(self.now.instant).wakes.wake();
        (0..CONNECTIONS).try_for_each(|at| self.take(at, Due::Control))?;
        let connected: BTreeSet<&UserId> =
            self.connections.iter().flatten().filter_map(|one| one.own.as_ref()).collect();
        let truth: BTreeSet<&UserId> =
            self.members.values().filter(|user| connected.contains(user)).collect();
        let sound = |one: &Connection| one.over || one.online.iter().collect::<BTreeSet<_>>() == truth;
        if self.connections.iter().flatten().all(sound) { Ok(()) } else { Err(Fault::Presence) }
    }

    fn check_membership(&self, connection: &Connection) -> Result<(), Fault> {
        let truth: BTreeSet<UserId> = self.members.values().cloned().collect();
        if connection.over || connection.present == truth { Ok(()) } else { Err(Fault::Membership) }
    }

    fn check_newest(&self, at: usize, connection: &Connection) -> Result<(), Fault> {
        let own = connection.user.and_then(|person| self.members.get(&person));
        for (user, latest) in &self.latest {
            let live = latest.at + TTL > self.now.instant;
            // One's own are not shown when one comes in, and never to the connection that sent them.
            let owed = latest.by != at && (Some(user) != own || latest.number >= connection.entered);
            if live && owed && !connection.over && connection.positions.get(user) != Some(&latest.number) {
                return Err(Fault::NotNewest);
            }
        }
        Ok(())
    }
}

fn number(position: &Position) -> u32 {
    let json: serde_json::Value = serde_json::to_value(position).unwrap();
    json["speed"].as_f64().map_or(u32::MAX, |speed| speed as u32)
}
