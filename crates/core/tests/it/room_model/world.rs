//! A room, its readers, and the true state.

mod quiet;

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
use tagalong_core::room::{DisconnectReason, Due, Now, Room, SlotSet, Subscriber, SubscriptionId, Updates};
use tagalong_core::session::Details;
use tagalong_core::time::Timestamp;

const TTL: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(5);
/// The queue, and one presence event.
const CONTROL_MAX: usize = CONTROL_QUEUE_MAX + 1;
/// Membership events: for each participant who left, offline and left; for each one unknown to the reader, joined.
const MEMBERSHIP_MAX: usize = 3 * PEOPLE + 1;
/// State events: details, the number of watchers, and for each participant the newest status and a withdrawal before
/// it.
const STATE_MAX: usize = 2 + 2 * PEOPLE;
pub(crate) const PEOPLE: usize = 5;
pub(crate) const CONNECTIONS: usize = 7;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Join(usize),
    Leave(usize),
    Enter(usize, Option<usize>),
    Unsubscribe(usize),
    Publish(usize),
    Pause(usize),
    Say(usize, SharingStatus),
    /// The creator changes the session.
    Update,
    Take(usize),
    /// Takes control events only, as between paced positions.
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
    /// Condition 3: goes on taking from the room while its client reads nothing.
    TakesWhileStalled,
    /// Condition 3: queues every event for a reader, instead of keeping the newest state.
    QueuesEvents,
    /// Delivers only the newest status, also after an earlier one withdrew the position.
    NewestStatusAlone,
    /// Condition 4: pending updates belong to the participant, so that two devices share them.
    SharedSubscription,
    /// Condition 5: positions are copied when published instead of looked up when taken.
    ResolvedWhenPublished,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    /// A position or status of a user who is no participant, or a withdrawn position.
    Ghost,
    /// A withdrawn position, in the final state.
    Withdrawn,
    /// An outdated sharing status or session detail, in the final state.
    Outdated,
    /// An expired position.
    Expired,
    /// Not the newest position, in the final state.
    NotNewest,
    /// Not the true participants.
    Membership,
    /// A participant online before their join, or twice, or offline without having been online; or, in the final state,
    /// not the connected participants.
    Presence,
    /// More pending for a reader than allowed.
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
    subscription: SubscriptionId,
    user: Option<usize>,
    own: Option<UserId>,
    /// The connected participants, by the events it received.
    online: BTreeSet<UserId>,
    woken: Arc<Flag>,
    entered: u32,
    stalled: bool,
    /// The participants, by the events it received.
    pub(crate) present: BTreeSet<UserId>,
    positions: BTreeMap<UserId, u32>,
    statuses: BTreeMap<UserId, SharingStatus>,
    ends_at: Timestamp,
    paused: BTreeMap<UserId, u32>,
    pub(crate) over: bool,
    /// The state of the broken variants.
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
    /// Each participant's last status, and the connection that sent it.
    said: BTreeMap<UserId, (SharingStatus, usize)>,
    details: Details,
    published_at: Vec<Instant>,
    generation: u8,
    pub(crate) connections: Vec<Option<Connection>>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "any starting point will do")]
    pub(crate) fn new(variant: Variant) -> Self {
        let session = SessionId::from_random([0; 16]);
        let mut room = Room::new(session, None, GRACE);
        let zero = Timestamp::from_millis(0);
        let now = Now { wall: zero, shared: zero, instant: Instant::now() };
        let ends_at = Timestamp::from_millis(1_000_000_000);
        let details = Details { name: None, ends_at, locked: false, location_ttl: TTL, watch_generation: 0 };
        room.reconcile(details.clone(), Vec::new(), now).wake();
        Self {
            variant,
            room,
            now,
            number: 0,
            members: BTreeMap::new(),
            latest: BTreeMap::new(),
            paused: BTreeMap::new(),
            said: BTreeMap::new(),
            details,
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
            Op::Unsubscribe(at) => self.unsubscribe(at),
            Op::Publish(at) => self.publish(at),
            Op::Pause(at) => {
                self.say(at, SharingStatus::Sharing);
                self.say(at, SharingStatus::Paused);
            }
            Op::Say(at, status) => self.say(at, status),
            Op::Update => {
                self.details.ends_at = self.details.ends_at.plus(Duration::from_secs(1));
                self.room.updated(self.details.clone(), self.now).wake();
            }
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
        self.room.member_joined(profile.clone()).wake();
        self.queue(None, Event::ParticipantJoined(profile));
    }

    fn leave(&mut self, person: usize) {
        let Some(user) = self.members.remove(&person) else { return };
        self.latest.remove(&user);
        self.said.remove(&user);
        self.room.member_left(user.clone()).wake();
        self.queue(None, Event::ParticipantLeft { user_id: user });
    }

    fn enter(&mut self, at: usize, person: Option<usize>) {
        self.unsubscribe(at);
        let user = person.and_then(|person| self.members.get(&person).cloned());
        if person.is_some() && user.is_none() {
            return;
        }
        let subscriber =
            user.as_ref().map_or(Subscriber::Watcher { max: 9, generation: 0 }, Subscriber::Participant);
        let (mut subscription, snapshot) = self.room.subscribe(subscriber, self.now).unwrap();
        if self.variant == Variant::SharedSubscription {
            let same = |other: &&Connection| person.is_some() && other.user == person && !other.over;
            if let Some(other) = self.connections.iter().flatten().find(same) {
                self.room.unsubscribe(subscription, self.now);
                subscription = other.subscription;
            }
        }
        let told = |location: &tagalong_core::event::InitialLocation| {
            (location.user_id.clone(), number(&location.position))
        };
        self.connections[at] = Some(Connection {
            subscription,
            user: person,
            own: user,
            online: snapshot.presence.0.into_iter().collect(),
            woken: Arc::new(Flag(AtomicBool::new(true))),
            entered: self.number,
            stalled: false,
            present: snapshot
                .participants
                .participants
                .iter()
                .map(|one| one.profile.user_id.clone())
                .collect(),
            positions: snapshot.locations.locations.iter().map(told).collect(),
            statuses: snapshot
                .participants
                .participants
                .iter()
                .filter_map(|one| Some((one.profile.user_id.clone(), one.status?)))
                .collect(),
            ends_at: snapshot.ends_at,
            paused: BTreeMap::new(),
            over: false,
            aside: Vec::new(),
            kept: 0,
        });
    }

    fn unsubscribe(&mut self, at: usize) {
        let Some(connection) = self.connections[at].take() else { return };
        let shared =
            self.connections.iter().flatten().any(|other| other.subscription == connection.subscription);
        if !shared {
            self.room.unsubscribe(connection.subscription, self.now);
        }
    }

    fn publish(&mut self, at: usize) {
        let Some(connection) = &self.connections[at] else { return };
        let json = format!(r#"{{"lat":1,"lng":2,"speed":{}}}"#, self.number);
        let position = Position::parse(&json, self.now.wall).unwrap();
        let Ok(wakes) = self.room.publish(connection.subscription, position.clone(), self.now) else {
            return;
        };
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

    fn say(&mut self, at: usize, status: SharingStatus) {
        let Some(connection) = &mut self.connections[at] else { return };
        let Ok(wakes) = self.room.set_status(connection.subscription, status, self.now) else { return };
        wakes.wake();
        let user = self.members[&connection.user.unwrap()].clone();
        if status.withdraws_position() {
            connection.positions.remove(&user);
            self.latest.remove(&user);
            self.paused.insert(user.clone(), self.number);
        }
        connection.statuses.insert(user.clone(), status);
        self.said.insert(user.clone(), (status, at));
        self.queue(Some(at), Event::ParticipantStatus { user_id: user, status, server_time: self.now.wall });
    }

    /// Queues an event for every connection, in a variant.
    fn queue(&mut self, by: Option<usize>, event: Event) {
        if self.variant != Variant::QueuesEvents {
            return;
        }
        let broadcast = Arc::new(Broadcast::new(self.room.session(), event));
        for (at, connection) in self.connections.iter_mut().enumerate() {
            if let Some(connection) = connection.as_mut().filter(|_| Some(at) != by) {
                connection.aside.push(broadcast.clone());
            }
        }
    }

    /// The work of a connection's task: it takes once, and then sleeps until it is woken.
    fn take(&mut self, at: usize, due: Due) -> Result<(), Fault> {
        let Some(connection) = &mut self.connections[at] else { return Ok(()) };
        let asleep = !connection.woken.0.load(Ordering::Relaxed);
        if asleep || connection.stalled || connection.over {
            return Ok(());
        }
        // A timer takes the paced positions later.
        connection.woken.0.store(due == Due::Control, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&connection.woken));
        let mut batch = Updates::default();
        let taken =
            self.room.poll_updates(connection.subscription, due, &waker, self.now.instant, &mut batch);
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
        let mut batch = Updates::default();
        let due = Due::Everything;
        let _ =
            self.room.poll_updates(connection.subscription, due, Waker::noop(), self.now.instant, &mut batch);
        connection.kept += batch.control.len() + batch.positions.len();
        if connection.kept > CONTROL_MAX + SlotSet::CAPACITY { Err(Fault::Unbounded) } else { Ok(()) }
    }

    fn listen(&mut self, at: usize, batch: Updates) -> Result<(), Fault> {
        let Updates { mut control, mut positions, disconnect } = batch;
        let connection = self.connections[at].as_mut().unwrap();
        match self.variant {
            Variant::QueuesEvents => {
                control.retain(|broadcast| !is_queued(broadcast.event()));
                control.append(&mut connection.aside);
            }
            Variant::NewestStatusAlone => {
                let user = |event: &Event| match event {
                    Event::ParticipantStatus { user_id, .. } => Some(user_id.clone()),
                    _ => None,
                };
                let newest: Vec<_> = control.iter().map(|one| user(one.event())).collect();
                let mut place = 0..;
                control.retain(|_| {
                    let place = place.next().unwrap();
                    newest[place].is_none() || !newest[place + 1..].contains(&newest[place])
                });
            }
            Variant::TwoSections => std::mem::swap(&mut positions, &mut connection.aside),
            Variant::ResolvedWhenPublished => positions = std::mem::take(&mut connection.aside),
            _ => {}
        }
        let is_state = |broadcast: &&Arc<Broadcast>| {
            let event = broadcast.event();
            let state = matches!(event, Event::SessionUpdated { .. } | Event::PresenceWatchers { .. });
            state || matches!(event, Event::ParticipantStatus { .. })
        };
        let state = control.iter().filter(is_state).count();
        let membership = control.len() - state;
        if membership > MEMBERSHIP_MAX || state > STATE_MAX || positions.len() > PEOPLE {
            return Err(Fault::Unbounded);
        }
        let told: Vec<_> = match self.variant {
            Variant::PositionsFirst => positions.into_iter().chain(control).collect(),
            _ => control.into_iter().chain(positions).collect(),
        };
        for broadcast in told {
            self.hear(at, broadcast.event())?;
        }
        self.connections[at].as_mut().unwrap().over |= disconnect.is_some();
        assert_ne!(disconnect, Some(DisconnectReason::Ended));
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
                if !connection.present.contains(user_id) {
                    return Err(Fault::Ghost);
                }
                connection.statuses.insert(user_id.clone(), *status);
                if status.withdraws_position() {
                    connection.positions.remove(user_id);
                    // A late event may be of an earlier pause; the true number is never too small.
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
            Event::SessionUpdated { expires_at, .. } => {
                connection.ends_at = *expires_at;
                Ok(())
            }
            Event::PresenceWatchers { .. } | Event::Dismissed { .. } | Event::SessionEnded { .. } => Ok(()),
        }
    }
}

/// The events that a variant queues for a reader.
fn is_queued(event: &Event) -> bool {
    let membership = matches!(event, Event::ParticipantJoined(_) | Event::ParticipantLeft { .. });
    membership || matches!(event, Event::ParticipantStatus { .. })
}

fn number(position: &Position) -> u32 {
    let json: serde_json::Value = serde_json::to_value(position).unwrap();
    json["speed"].as_f64().map_or(u32::MAX, |speed| speed as u32)
}
