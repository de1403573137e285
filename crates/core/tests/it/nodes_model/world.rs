//! The rooms of a session on three nodes, the database and the wire between them, and the true state.

mod quiet;

use std::collections::{BTreeMap, BTreeSet};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use tagalong_core::event::{Event, SharingStatus};
use tagalong_core::hlc::NodeId;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::position::Position;
use tagalong_core::presence::PresenceDiff;
use tagalong_core::room::{Due, Now, Room, Subscriber, SubscriptionId, Updates};
use tagalong_core::session::Details;
use tagalong_core::share::Share;
use tagalong_core::time::Timestamp;

const TTL: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(5);
pub(crate) const NODES: usize = 3;
pub(crate) const PEOPLE: usize = 4;
/// The watcher of the test, which is never disconnected.
const LISTENER: Subscriber<'_> = Subscriber::Watcher { max: usize::MAX, generation: u32::MAX };
/// How far each node's idea of the shared time is off, in milliseconds.
const SKEW_MS: [i64; NODES] = [0, 40, -40];
/// How long a participant stays on a node before moving on: longer than the clocks differ.
const STAY: Duration = Duration::from_millis(100);
/// How much the difference of the clocks may add to a position's life.
const TOLERANCE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Joins through a node: the database has it at once, the node's room is notified later.
    Join(usize, usize),
    Leave(usize, usize),
    Update(usize),
    /// A watcher gets a token, and subscribes through a node.
    Watch(usize),
    /// Watching is revoked through a node.
    Revoke(usize),
    /// A node's room is notified of a write through that node.
    Tell(usize),
    StartReading(usize),
    ReadDatabase(usize),
    FinishReading(usize),
    Publish(usize, usize),
    Say(usize, usize, SharingStatus),
    Flush(usize),
    Deliver(usize),
    DeliverTwice(usize),
    Lose(usize),
    Restate(usize),
    Advance(u64),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Variant {
    Real,
    /// Loses changes during a database read.
    ForgetsMeanwhile,
    /// The last update to arrive wins.
    TrustsArrival,
    /// A position's life begins when it arrives.
    LivesAnew,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    /// A join of a current or former participant, or a leave of a user who is no participant.
    Membership,
    /// A leave of a participant who has not left.
    FalseLeave,
    /// A participant online before their join, or twice, or offline without having been online.
    Presence,
    /// A position of a user who is no participant.
    Ghost,
    /// An older position after a newer one, or the same one again.
    Backwards,
    /// An expired position.
    Expired,
    /// In the final state, a watcher with a revoked token is still connected, or one with a valid token is not.
    Watching,
    /// In the final state, a node differs from the other nodes, or from the truth.
    Apart,
}

enum Tell {
    Joined(Profile),
    Left(UserId),
    Updated(Details),
    Revoked(u32),
}

struct Node {
    room: Room,
    subscription: SubscriptionId,
    tells: Vec<Tell>,
    reading: Option<Option<(Details, Vec<Profile>)>>,
    present: BTreeSet<UserId>,
    online: BTreeSet<UserId>,
    ever: BTreeSet<UserId>,
    heard: BTreeMap<UserId, u32>,
    said: BTreeMap<UserId, SharingStatus>,
    /// A watcher, and the generation of its token.
    watching: Option<(SubscriptionId, u32)>,
}

pub(crate) struct World {
    variant: Variant,
    nodes: Vec<Node>,
    wire: Vec<(usize, Share)>,
    instant: Instant,
    wall: Timestamp,
    /// The database.
    details: Details,
    roster: Vec<Profile>,
    /// The participant of each person, and the node through which they last shared.
    people: BTreeMap<usize, (UserId, Option<(usize, SubscriptionId)>)>,
    generation: u32,
    published_at: Vec<Instant>,
    newest: BTreeMap<UserId, u32>,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "any starting point will do")]
    pub(crate) fn new(variant: Variant) -> Self {
        let session = SessionId::from_random([0; 16]);
        let (instant, wall) = (Instant::now() + TTL * 10, Timestamp::from_millis(1_000_000));
        let details = Details {
            name: None,
            ends_at: Timestamp::from_millis(1_000_000_000),
            locked: false,
            location_ttl: TTL,
            watch_generation: 0,
        };
        let node = |number: usize| {
            let mut room = Room::new(session, Some(NodeId::from_random([number as u8; 8])), GRACE);
            let now = Now { wall, shared: wall, instant };
            room.reconcile(details.clone(), Vec::new(), now).wake();
            let (subscription, _) = room.subscribe(LISTENER, now).unwrap();
            let (present, online, ever, heard, said) = Default::default();
            let (tells, reading, watching) = (Vec::new(), None, None);
            Node { room, subscription, tells, reading, present, online, ever, heard, said, watching }
        };
        Self {
            variant,
            nodes: (0..NODES).map(node).collect(),
            wire: Vec::new(),
            instant,
            wall,
            details: details.clone(),
            roster: Vec::new(),
            people: BTreeMap::new(),
            generation: 0,
            published_at: Vec::new(),
            newest: BTreeMap::new(),
        }
    }

    fn now(&self, node: usize) -> Now {
        let shared = Timestamp::from_millis(self.wall.as_millis() + SKEW_MS[node]);
        Now { wall: self.wall, shared, instant: self.instant }
    }

    pub(crate) fn apply(&mut self, op: &Op) -> Result<(), Fault> {
        match *op {
            Op::Join(person, node) => self.join(person, node),
            Op::Leave(person, node) => self.leave(person, node),
            Op::Update(node) => {
                self.details.ends_at = self.details.ends_at.plus(Duration::from_secs(1));
                self.nodes[node].tells.push(Tell::Updated(self.details.clone()));
            }
            Op::Watch(node) => self.watch(node),
            Op::Revoke(node) => {
                self.details.watch_generation += 1;
                self.nodes[node].tells.push(Tell::Revoked(self.details.watch_generation));
            }
            Op::Tell(node) => self.tell(node),
            Op::StartReading(node) => {
                if self.nodes[node].reading.is_none() {
                    self.nodes[node].room.start_reading();
                    self.nodes[node].reading = Some(None);
                }
            }
            Op::ReadDatabase(node) => {
                let read = (self.details.clone(), self.roster.clone());
                if let Some(reading @ None) = &mut self.nodes[node].reading {
                    *reading = Some(read);
                }
            }
            Op::FinishReading(node) => self.finish_reading(node),
            Op::Publish(person, node) => self.publish(person, node),
            Op::Say(person, node, status) => self.say(person, node, status),
            Op::Flush(node) => self.flush(node),
            Op::Deliver(at) => self.deliver(at, true),
            Op::DeliverTwice(at) => self.deliver(at, false),
            Op::Lose(at) => {
                if at < self.wire.len() {
                    self.wire.remove(at);
                }
            }
            Op::Restate(node) => {
                self.restate(node);
            }
            Op::Advance(seconds) => self.pass(Duration::from_secs(seconds)),
        }
        (0..NODES).try_for_each(|node| self.listen(node))
    }

    fn pass(&mut self, time: Duration) {
        self.instant += time;
        self.wall = self.wall.plus(time);
        for node in &mut self.nodes {
            node.room.sweep(self.instant).wakes.wake();
        }
    }

    fn restate(&mut self, node: usize) {
        self.nodes[node].room.restate();
    }

    fn join(&mut self, person: usize, node: usize) {
        if self.people.contains_key(&person) {
            return;
        }
        self.generation += 1;
        let user_id = UserId::parse(&format!("user_{person}_{}", self.generation)).unwrap();
        let (display_name, avatar_color) =
            (DisplayName::parse("x").unwrap(), AvatarColor::parse("#000000").unwrap());
        let profile = Profile { user_id: user_id.clone(), display_name, avatar_color };
        self.people.insert(person, (user_id, None));
        self.roster.push(profile.clone());
        self.nodes[node].tells.push(Tell::Joined(profile));
    }

    fn leave(&mut self, person: usize, node: usize) {
        let Some((user, _)) = self.people.remove(&person) else { return };
        self.roster.retain(|profile| profile.user_id != user);
        self.newest.remove(&user);
        self.nodes[node].tells.push(Tell::Left(user));
    }

    fn tell(&mut self, node: usize) {
        let now = self.now(node);
        let Node { room, tells, .. } = &mut self.nodes[node];
        // Each notification comes from a request of its own, so they arrive in any order.
        match tells.pop() {
            Some(Tell::Joined(profile)) => room.member_joined(profile).wake(),
            Some(Tell::Left(user)) => room.member_left(user).wake(),
            Some(Tell::Updated(details)) => room.updated(details, now).wake(),
            Some(Tell::Revoked(generation)) => room.watching_revoked(generation, now).wake(),
            None => {}
        }
    }

    /// Subscribes with a token of the current generation, also if the node knows an older one.
    fn watch(&mut self, node: usize) {
        let (now, generation) = (self.now(node), self.details.watch_generation);
        let Node { room, watching, .. } = &mut self.nodes[node];
        if let Some((subscription, _)) = watching.take() {
            room.unsubscribe(subscription, now);
        }
        *watching = room
            .subscribe(Subscriber::Watcher { max: 9, generation }, now)
            .ok()
            .map(|in_| (in_.0, generation));
    }

    fn finish_reading(&mut self, node: usize) {
        let now = self.now(node);
        let forgets = self.variant == Variant::ForgetsMeanwhile;
        let Node { room, reading, .. } = &mut self.nodes[node];
        if let Some((details, roster)) = reading.take_if(|reading| reading.is_some()).flatten() {
            if forgets {
                room.start_reading();
            }
            room.reconcile(details, roster, now).wake();
        }
    }

    /// A participant shares through a node, which may not have received what they shared through another just before.
    /// They do not move on to a third node at once.
    fn shares(&mut self, person: usize, node: usize, share: impl FnOnce(&mut Self, UserId, SubscriptionId)) {
        let Some((user, before)) = self.people.get(&person).cloned() else { return };
        let stayed = before.filter(|(at, _)| *at == node);
        let now = self.now(node);
        let subscription = match stayed {
            Some((_, subscription)) => subscription,
            None => {
                let Ok((subscription, _)) =
                    self.nodes[node].room.subscribe(Subscriber::Participant(&user), now)
                else {
                    return;
                };
                if let Some((before, subscription)) = before {
                    self.nodes[before].room.unsubscribe(subscription, now);
                }
                self.people.insert(person, (user.clone(), Some((node, subscription))));
                subscription
            }
        };
        share(self, user, subscription);
        self.pass(if stayed.is_some() { Duration::from_millis(1) } else { STAY });
    }

    fn publish(&mut self, person: usize, node: usize) {
        self.shares(person, node, |world, user, subscription| {
            let json = format!(r#"{{"lat":1,"lng":2,"speed":{}}}"#, world.published_at.len());
            let position = Position::parse(&json, world.wall).unwrap();
            let now = world.now(node);
            if let Ok(wakes) = world.nodes[node].room.publish(subscription, position, now) {
                wakes.wake();
                world.newest.insert(user, world.published_at.len() as u32);
                world.published_at.push(world.instant);
            }
        });
    }

    fn say(&mut self, person: usize, node: usize, status: SharingStatus) {
        self.shares(person, node, |world, user, subscription| {
            let now = world.now(node);
            if let Ok(wakes) = world.nodes[node].room.set_status(subscription, status, now) {
                wakes.wake();
                if status.withdraws_position() {
                    world.newest.remove(&user);
                }
            }
        });
    }

    fn flush(&mut self, node: usize) {
        let mut unsent = Vec::new();
        let now = self.now(node);
        self.nodes[node].room.take_unsent(now, &mut unsent);
        for share in unsent {
            let share = Share::parse(&share.to_json()).unwrap();
            self.wire.extend((0..NODES).filter(|to| *to != node).map(|to| (to, share.clone())));
        }
    }

    fn deliver(&mut self, at: usize, at_last: bool) {
        let Some((to, mut share)) = self.wire.get(at).cloned() else { return };
        if at_last {
            self.wire.remove(at);
        }
        let now = self.now(to);
        if let Some(moved) = &mut share.moved {
            match self.variant {
                Variant::TrustsArrival => moved.at = now.shared.plus(TTL * 100),
                Variant::LivesAnew => moved.received = now.shared,
                _ => {}
            }
        }
        _ = self.nodes[to].room.merge(share, now).map(|merged| merged.wakes.wake());
    }

    fn listen(&mut self, node: usize) -> Result<(), Fault> {
        let mut batch = Updates::default();
        let Node { room, subscription, .. } = &mut self.nodes[node];
        while room.poll_updates(*subscription, Due::Everything, Waker::noop(), self.instant, &mut batch)
            != Poll::Pending
        {}
        for broadcast in batch.control.iter().chain(&batch.positions) {
            self.hear(node, broadcast.event())?;
        }
        Ok(())
    }

    fn hear(&mut self, node: usize, event: &Event) -> Result<(), Fault> {
        let Node { present, online, ever, heard, said, .. } = &mut self.nodes[node];
        match event {
            Event::ParticipantJoined(profile) => {
                let new = ever.insert(profile.user_id.clone()) && present.insert(profile.user_id.clone());
                if new { Ok(()) } else { Err(Fault::Membership) }
            }
            Event::ParticipantLeft { user_id } => {
                if self.roster.iter().any(|profile| profile.user_id == *user_id) {
                    return Err(Fault::FalseLeave);
                }
                if online.contains(user_id) {
                    return Err(Fault::Presence);
                }
                if present.remove(user_id) { Ok(()) } else { Err(Fault::Membership) }
            }
            Event::ParticipantStatus { user_id, status, .. } => {
                said.insert(user_id.clone(), *status);
                if present.contains(user_id) { Ok(()) } else { Err(Fault::Ghost) }
            }
            Event::LocationUpdate { user_id, position } => {
                let number = number(position);
                if !present.contains(user_id) {
                    return Err(Fault::Ghost);
                }
                if self.published_at[number as usize] + TTL + TOLERANCE <= self.instant {
                    return Err(Fault::Expired);
                }
                let before = heard.insert(user_id.clone(), number);
                if before.is_some_and(|before| before >= number) { Err(Fault::Backwards) } else { Ok(()) }
            }
            Event::PresenceDiff(PresenceDiff { joins, leaves }) => {
                let came = joins.0.iter().all(|user| present.contains(user) && online.insert(user.clone()));
                let went = leaves.0.iter().all(|user| present.contains(user) && online.remove(user));
                if came && went { Ok(()) } else { Err(Fault::Presence) }
            }
            _ => Ok(()),
        }
    }
}

fn number(position: &Position) -> u32 {
    let json: serde_json::Value = serde_json::to_value(position).unwrap();
    json["speed"].as_f64().map_or(u32::MAX, |speed| speed as u32)
}
