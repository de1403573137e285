//! The real parts, and what happens to them. Everything is done to the model too, and the two are compared.

mod hang_ups;
mod heard;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tagalong::sessions::{SessionError, Sessions};
use tagalong_core::claims::{Claims, Role};
use tagalong_core::event::{SharingStatus, Wire};
use tagalong_core::id::UserId;
use tagalong_core::json::to_json;
use tagalong_core::participant::DisplayName;
use tagalong_core::position::Position;
use tagalong_core::problem::Problem;
use tagalong_core::room::{DisconnectReason, Due, PublishError, Snapshot, Updates};
use tagalong_core::session::EndReason;
use tagalong_core::time::Timestamp;
use tagalong_platform::clock::{Clock, ManualClock};
use tagalong_platform::entropy::Entropy;
use tagalong_realtime::cluster::Bus;
use tagalong_realtime::hub::{self, Bounds, Hub, Membership};
use tagalong_store::{Database, Departure, NewEnd, SessionChange, Store};
use tempfile::TempDir;

use self::heard::{moved, number, said, told, updated};
use crate::dice::Dice;
use crate::faults::{Fault, Faults};
use crate::model::{GRACE, INACTIVITY, LONGEST, Model, PLACES, RETENTION, SILENCE, TTL, WATCHERS};

const MINUTE: Duration = Duration::from_secs(60);
const ROOMS_AT_THE_END: usize = 4;
const STATUSES: [SharingStatus; 3] = [SharingStatus::Sharing, SharingStatus::Paused, SharingStatus::Hidden];

/// What a server is made of.
struct Parts {
    store: Store,
    hub: Arc<Hub>,
    sessions: Sessions,
}

/// The real side of a connection; its number is that of the model's.
struct Connection {
    membership: Option<Membership>,
    /// Whether it reads nothing for now.
    stalled: bool,
}

/// The connections that were woken, in that order.
type Woken = Arc<Mutex<Vec<usize>>>;

/// Notes that a connection is woken.
struct Alarm {
    connection: usize,
    woken: Woken,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.woken.lock().push(self.connection);
    }
}

pub(crate) struct World {
    dice: Dice,
    entropy: Entropy,
    clock: Clock,
    hand: ManualClock,
    home: TempDir,
    parts: Parts,
    faults: Faults,
    model: Model,
    connections: Vec<Connection>,
    positions: u64,
    /// All that anybody was answered or sent, and when.
    journal: RefCell<Vec<String>>,
    woken: Woken,
}

fn file(home: &TempDir) -> PathBuf {
    home.path().join("tagalong.db")
}

async fn start(home: &TempDir, clock: &Clock, entropy: &Entropy) -> Parts {
    let store = Store::open(&Database::Sqlite(file(home)), 2, clock).await.unwrap();
    let bounds = Bounds { presence_grace: GRACE, watchers: WATCHERS };
    let hub = Arc::new(Hub::new(store.clone(), clock.clone(), entropy.clone(), Bus::Local, bounds));
    let (own_clock, own_entropy) = (clock.clone(), entropy.clone());
    let sessions = Sessions::new(store.clone(), Arc::clone(&hub), Bus::Local, own_clock, own_entropy, PLACES);
    Parts { store, hub, sessions }
}

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        let home = TempDir::new().unwrap();
        let (clock, hand) = Clock::manual(Timestamp::parse("2026-11-24T12:00:00Z").unwrap());
        // Not the sequence by which is chosen what happens.
        let (dice, entropy) = (Dice::new(seed), Entropy::seeded(!seed));
        let parts = start(&home, &clock, &entropy).await;
        let faults = Faults::of(&file(&home)).await;
        let (model, connections, positions) = (Model::default(), Vec::new(), 0);
        let (journal, woken) = (RefCell::default(), Woken::default());
        Self {
            dice,
            entropy,
            clock,
            hand,
            home,
            parts,
            faults,
            model,
            connections,
            positions,
            journal,
            woken,
        }
    }

    fn observe_woken(&self) {
        let woken = std::mem::take(&mut *self.woken.lock());
        if !woken.is_empty() {
            self.observe(format_args!("woken: {woken:?}"));
        }
    }

    fn observe(&self, what: impl Display) {
        self.journal.borrow_mut().push(format!("{} {what}", self.clock.now().as_millis()));
    }

    /// Something happens.
    pub(crate) async fn step(&mut self) {
        match self.dice.below(100) {
            0..4 => self.create().await,
            4..16 => self.join().await,
            16..19 => self.leave().await,
            19 => self.end().await,
            20 => self.send_watchers_away().await,
            21..23 => self.update().await,
            23..35 => self.enter().await,
            35..39 => self.disconnect(),
            39..55 => self.publish(),
            55..61 => self.say(),
            61..76 => self.take_one(),
            76..84 => self.pass(),
            84..87 => _ = self.save().await,
            87..90 => self.clean_up().await,
            90..92 => self.fail().await,
            92..95 => self.faults.end().await,
            95 => self.restart().await,
            96 => self.set_system_clock(),
            _ => self.hang_up().await,
        }
        self.observe_woken();
        self.compare().await;
    }

    /// Nothing fails any more, and everyone reads all that they are owed. What was observed in all that time.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        self.faults.end().await;
        self.fill_rooms().await;
        // Twice, so that everyone waits: then time ends all sessions at one moment.
        self.take_all();
        self.take_all();
        self.let_pass(LONGEST);
        self.observe_woken();
        self.take_all();
        self.clean_up().await;
        self.compare().await;
        self.parts.store.close().await;
        self.journal.into_inner()
    }

    /// Several sessions at once with several people in each.
    async fn fill_rooms(&mut self) {
        for _ in 0..ROOMS_AT_THE_END {
            self.create().await;
        }
        for _ in 0..ROOMS_AT_THE_END * PLACES {
            self.join().await;
            self.enter().await;
        }
    }

    fn session(&mut self) -> Option<usize> {
        // The last few: most of the others are long over.
        let sessions: Vec<_> = (0..self.model.sessions.len()).rev().take(4).collect();
        self.dice.pick(&sessions)
    }

    fn person_of(&mut self, session: usize) -> Option<usize> {
        let all: Vec<_> =
            (0..self.model.people.len()).filter(|one| self.model.people[*one].session == session).collect();
        self.dice.pick(&all)
    }

    fn connection(&mut self) -> Option<usize> {
        let open = |index: &usize| self.connections[*index].membership.is_some();
        let open: Vec<_> = (0..self.connections.len()).filter(open).collect();
        self.dice.pick(&open)
    }

    /// Compares an outcome with what ought to be: whether it was done. The database may fail only while it is made to.
    fn done<T>(
        &self,
        outcome: Result<T, impl Into<SessionError>>,
        expected: Result<(), Problem>,
    ) -> Option<T> {
        match outcome.map_err(Into::into) {
            Ok(value) => {
                assert_eq!(expected, Ok(()));
                self.observe("done");
                Some(value)
            }
            Err(SessionError::Store(error)) => {
                assert!(self.faults.now.is_some(), "{error}");
                self.observe("the database is unavailable");
                None
            }
            Err(SessionError::Rejected(rejection)) => {
                assert_eq!(expected, Err(rejection.into()));
                self.observe(rejection);
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn create(&mut self) {
        let length = MINUTE * (1 + self.dice.below(180) as u32);
        let made = self.parts.sessions.create(None, length, TTL).await;
        if let Some(made) = self.done(made, Ok(())) {
            self.observe(format_args!("session {} of {}", made.id, made.creator_id.as_str()));
            self.model.created(made.id, made.created_at, made.expires_at);
        }
    }

    fn name(&mut self) -> String {
        // In one case or the other: that makes no difference.
        let letter = if self.dice.below(2) == 0 { 'p' } else { 'P' };
        format!("{letter}{}", self.dice.below(8))
    }

    async fn join(&mut self) {
        let Some(session) = self.session() else { return };
        let (id, name, now) = (self.model.sessions[session].id, self.name(), self.clock.now());
        let expected = self.model.may_join(session, &name, now);
        let joined = self.parts.sessions.join(id, DisplayName::parse(&name).unwrap(), None).await;
        if let Some((_, profile)) = self.done(joined, expected) {
            self.observe(format_args!("participant {}", to_json(&profile)));
            self.model.joined(session, profile.user_id, name, now);
        }
    }

    async fn leave(&mut self) {
        let Some(session) = self.session() else { return };
        let Some(person) = self.person_of(session) else { return };
        let (id, user) = (self.model.sessions[session].id, self.model.people[person].id.clone());
        let expected = self.model.may_leave(person, self.clock.now());
        let how = if self.dice.once_in(3) { Departure::Removed } else { Departure::Left };
        let left = self.parts.sessions.leave(id, user, how).await;
        if self.done(left, expected).is_some() {
            match how {
                Departure::Left => self.model.left(person),
                Departure::Removed => self.model.removed(person),
            }
        }
    }

    async fn send_watchers_away(&mut self) {
        let Some(session) = self.session() else { return };
        let expected = self.model.closed(session, self.clock.now()).map_or(Ok(()), Err);
        let sent = self.parts.sessions.revoke_watching(self.model.sessions[session].id).await;
        if self.done(sent, expected).is_some() {
            self.model.watching_revoked(session);
        }
    }

    async fn end(&mut self) {
        let Some(session) = self.session() else { return };
        let now = self.clock.now();
        let expected = self.model.closed(session, now).map_or(Ok(()), Err);
        let ended = self.parts.sessions.end(self.model.sessions[session].id).await;
        if self.done(ended, expected).is_some() {
            self.model.sessions[session].ended_at = Some(now);
            self.model.ended(session, EndReason::EndedByCreator);
        }
    }

    async fn update(&mut self) {
        let Some(session) = self.session() else { return };
        let now = self.clock.now();
        let expected = self.model.closed(session, now).map_or(Ok(()), Err);
        let (expires_at, locked) =
            (now.plus(MINUTE * (1 + self.dice.below(90) as u32)), self.dice.once_in(4));
        let end = NewEnd { at: expires_at, longest: LONGEST };
        let change = SessionChange { name: None, expires_at: Some(end), locked: Some(locked) };
        let updated = self.parts.sessions.update(self.model.sessions[session].id, change).await;
        if self.done(updated, expected).is_some() {
            let expires_at = expires_at.min(self.model.sessions[session].created_at.plus(LONGEST));
            self.model.updated(session, expires_at, locked);
        }
    }

    async fn enter(&mut self) {
        let Some(session) = self.session() else { return };
        let watches = self.dice.once_in(5);
        // With a token that was made before they were sent away last, now and then.
        let before = u32::from(self.dice.once_in(4));
        let generation = self.model.sessions[session].watch_generation.saturating_sub(before);
        let person = if watches { None } else { self.person_of(session) };
        let (user, role) = match person {
            Some(person) => (self.model.people[person].id.clone(), Role::Participant),
            None => (UserId::from_random([1; 16]), Role::Watcher { generation }),
        };
        let claims = Claims { session: self.model.sessions[session].id, user, role };
        let now = self.clock.now();
        match self.parts.hub.subscribe(&claims).await.map_err(|error| error.problem()) {
            Ok((membership, snapshot)) => {
                assert_eq!(self.model.enters(session, person, generation, now), Ok(()));
                self.compare_snapshot(session, person, &snapshot);
                self.observe(format_args!("snapshot {}", snapshot.participants.to_json()));
                self.observe(format_args!("snapshot {}", to_json(&snapshot.locations)));
                self.observe(format_args!("snapshot {}", snapshot.presence.to_json()));
                let stalled = self.dice.once_in(6);
                self.connections.push(Connection { membership: Some(membership), stalled });
            }
            Err(Problem::Unavailable) => {
                assert!(self.faults.now.is_some() && !self.model.sessions[session].loaded);
            }
            Err(problem) => assert_eq!(self.model.enters(session, person, generation, now), Err(problem)),
        }
    }

    fn compare_snapshot(&self, session: usize, own: Option<usize>, snapshot: &Snapshot) {
        let shown: Vec<_> =
            snapshot.participants.participants.iter().map(|one| &one.profile.user_id).collect();
        let present: Vec<_> =
            self.model.present(session).map(|person| &self.model.people[person].id).collect();
        assert_eq!(shown, present);
        assert_eq!(snapshot.ends_at, self.model.sessions[session].expires_at);
        let shown: BTreeSet<_> = snapshot
            .locations
            .locations
            .iter()
            .map(|one| (one.user_id.clone(), number(&one.position)))
            .collect();
        let now = self.clock.now();
        let others = self.model.present(session).filter(|person| Some(*person) != own);
        let live = others
            .filter_map(|person| Some((self.model.people[person].id.clone(), self.model.live(person, now)?)));
        assert_eq!(shown, live.collect());
    }

    fn disconnect(&mut self) {
        let Some(index) = self.connection() else { return };
        self.hang_up_on(index);
    }

    fn hang_up_on(&mut self, index: usize) {
        self.connections[index].membership = None;
        self.model.disconnected(index, self.clock.now());
    }

    fn publish(&mut self) {
        let Some(index) = self.connection() else { return };
        self.positions += 1;
        let payload = format!(r#"{{"lat":1,"lng":2,"altitude":{}}}"#, self.positions);
        let position = Position::parse(&payload, self.clock.system_now()).unwrap();
        let now = hub::now(&self.clock);
        let Some(membership) = &self.connections[index].membership else { return };
        let done = membership.room().with(|room| room.publish(membership.subscription(), position, now));
        if self.may_speak(index, done.as_ref().map(drop).map_err(|error| *error)) {
            let person = self.model.speaker(index).unwrap();
            self.model.published(index, person, self.positions, now.wall);
        }
    }

    /// Somebody says how they share, once or so often that nobody could follow.
    fn say(&mut self) {
        let Some(index) = self.connection() else { return };
        let times = if self.dice.once_in(20) { 300 } else { 1 };
        for _ in 0..times {
            let status = self.dice.pick(&STATUSES).unwrap();
            let now = hub::now(&self.clock);
            let Some(membership) = &self.connections[index].membership else { return };
            let done = membership.room().with(|room| room.set_status(membership.subscription(), status, now));
            if self.may_speak(index, done.as_ref().map(drop).map_err(|error| *error)) {
                let person = self.model.speaker(index).unwrap();
                self.model.said(index, person, status, now.wall);
            }
        }
    }

    fn may_speak(&self, index: usize, done: Result<(), PublishError>) -> bool {
        let expected = match (self.model.speaker(index), self.model.ears[index].person) {
            (Some(_), _) => Ok(()),
            (None, None) if self.model.ears[index].over == Some(DisconnectReason::WatchingRevoked) => {
                Err(PublishError::Gone)
            }
            (None, None) => Err(PublishError::Watcher),
            (None, Some(_)) => Err(PublishError::Gone),
        };
        assert_eq!(done, expected);
        expected.is_ok()
    }

    fn take_one(&mut self) {
        let Some(index) = self.connection() else { return };
        if self.connections[index].stalled && !self.dice.once_in(20) {
            return;
        }
        let due = if self.dice.once_in(4) { Due::Control } else { Due::Everything };
        self.take(index, due);
    }

    fn take_all(&mut self) {
        for index in 0..self.connections.len() {
            self.take(index, Due::Everything);
        }
    }

    /// A connection takes what it is owed: exactly what the model says, in that order.
    fn take(&mut self, index: usize, due: Due) {
        let now = self.clock.now();
        let Some(membership) = &self.connections[index].membership else { return };
        let mut batch = Updates::default();
        let (subscription, instant) = (membership.subscription(), self.clock.instant());
        let waker = Waker::from(Arc::new(Alarm { connection: index, woken: Arc::clone(&self.woken) }));
        let polled =
            membership.room().with(|room| room.poll_updates(subscription, due, &waker, instant, &mut batch));
        for broadcast in batch.control.iter().chain(&batch.positions) {
            let frame = String::from_utf8_lossy(broadcast.frame(Wire::Plain));
            self.observe(format_args!("connection {index}: {frame}"));
        }
        if let Some(disconnect) = batch.disconnect {
            self.observe(format_args!("connection {index}: {disconnect:?}"));
        }
        let ear = &mut self.model.ears[index];
        let owed = std::mem::take(&mut ear.owed);
        let dirty = if due == Due::Everything { std::mem::take(&mut ear.dirty) } else { BTreeSet::new() };
        let over = ear.over;
        let statuses = std::mem::take(&mut ear.statuses);
        let outdated = std::mem::take(&mut ear.outdated);
        let changed_to = self.model.sessions[ear.session].changed_to.filter(|_| outdated);
        let newest =
            |person: usize| Some((self.model.people[person].id.clone(), self.model.live(person, now)?));
        let positions: BTreeSet<_> = dirty.into_iter().filter_map(newest).collect();
        assert_eq!(batch.control.iter().filter_map(told).collect::<Vec<_>>(), owed);
        assert_eq!(updated(&batch.control), Vec::from_iter(changed_to));
        assert_eq!(said(&batch.control), self.statuses(&statuses));
        assert_eq!(batch.positions.len(), positions.len());
        assert_eq!(batch.positions.iter().map(moved).collect::<BTreeSet<_>>(), positions);
        assert_eq!(batch.disconnect, over);
        let something = !batch.control.is_empty() || !positions.is_empty() || over.is_some();
        assert_eq!(polled.is_ready(), something);
        if over.is_some() {
            self.hang_up_on(index);
        }
    }

    /// What a connection is to be told of how people share: the newest, and before it that they withdrew.
    fn statuses(&self, owed: &BTreeMap<usize, bool>) -> BTreeMap<UserId, Vec<SharingStatus>> {
        let one = |(person, withdrawn): (&usize, &bool)| {
            let person = &self.model.people[*person];
            let newest = person.status.unwrap();
            let before = withdrawn.then_some(SharingStatus::Paused).filter(|_| !newest.withdraws_position());
            (person.id.clone(), before.into_iter().chain([newest]).collect())
        };
        owed.iter().map(one).collect()
    }

    fn pass(&mut self) {
        let most = self.dice.pick(&[2, 40, 20 * 60, 100 * 60]).unwrap();
        let quarters = 1 + self.dice.below(4 * most);
        self.let_pass(Duration::from_millis(250 * quarters));
    }

    fn let_pass(&mut self, time: Duration) {
        self.hand.advance(time);
        self.parts.hub.sweep();
        self.model.swept(self.clock.now());
    }

    /// Somebody sets the system's clock by up to some hours: no life may notice.
    fn set_system_clock(&mut self) {
        let by = MINUTE * self.dice.below(300) as u32;
        let now = self.clock.now();
        self.hand.set_system(if self.dice.once_in(2) { now.plus(by) } else { now.minus(by) });
        assert_eq!(self.clock.now(), now);
    }

    async fn save(&mut self) -> bool {
        let saved = self.parts.sessions.save_seen().await;
        let done = self.done(saved, Ok(())).is_some();
        self.model.saved(done, self.clock.now());
        done
    }

    /// The cleanup job, stage by stage.
    async fn clean_up(&mut self) {
        if !self.save().await {
            return;
        }
        let now = self.clock.now();
        let cleaned = self.parts.sessions.clean_up(now, INACTIVITY, SILENCE).await;
        let done = self.done(cleaned, Ok(())).is_some();
        // What was done before the statement that failed is done, and told.
        if done || self.faults.now == Some(Fault::Participants) {
            self.model.expired(now);
        }
        if !done {
            return;
        }
        self.model.timed_out(now);
        let purged = self.parts.sessions.purge(now.minus(RETENTION)).await;
        if self.done(purged, Ok(())).is_some() {
            self.model.purged(now);
        }
    }

    async fn fail(&mut self) {
        let fault = self.dice.pick(&Fault::ALL).unwrap();
        self.faults.begin(fault).await;
    }

    /// The server stops, or is killed, and another one starts on the same file.
    async fn restart(&mut self) {
        let killed = self.dice.once_in(2);
        if !killed {
            for index in 0..self.connections.len() {
                if self.connections[index].membership.is_some() {
                    self.hang_up_on(index);
                }
            }
            self.save().await;
        }
        self.faults.end().await;
        self.parts.store.close().await;
        self.connections.iter_mut().for_each(|connection| connection.membership = None);
        self.model.restarted();
        self.parts = start(&self.home, &self.clock, &self.entropy).await;
    }

    /// What the database says is what ought to be.
    async fn compare(&self) {
        if self.faults.now.is_some() {
            return;
        }
        let now = self.clock.now();
        for (index, session) in self.model.sessions.iter().enumerate().rev().take(4) {
            let expected = match self.model.closed(index, now) {
                Some(closed) => Err(closed),
                None => {
                    let person = |person: usize| {
                        (self.model.people[person].id.clone(), self.model.people[person].seen)
                    };
                    Ok(self.model.present(index).map(person).collect::<Vec<_>>())
                }
            };
            let listed = self.parts.sessions.participants(session.id).await.map_err(|error| match error {
                SessionError::Rejected(rejection) => Problem::from(rejection),
                error => panic!("{error}"),
            });
            let listed = listed.map(|(_, listed)| {
                listed.into_iter().map(|one| (one.profile.user_id, one.last_seen)).collect::<Vec<_>>()
            });
            self.observe(format_args!("listed {listed:?}"));
            assert_eq!(listed, expected);
        }
    }
}
