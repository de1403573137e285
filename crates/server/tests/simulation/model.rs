//! What ought to be: who is in which session, what everyone is owed, and what is due when. Written from the
//! documentation, with lists and loops, and without any of the server's parts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tagalong_core::event::SharingStatus;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::problem::Problem;
use tagalong_core::room::DisconnectReason;
use tagalong_core::session::EndReason;
use tagalong_core::time::Timestamp;

pub(crate) const PLACES: usize = 4;
pub(crate) const WATCHERS: usize = 2;
pub(crate) const GRACE: Duration = Duration::from_secs(10);
pub(crate) const TTL: Duration = Duration::from_secs(30);
pub(crate) const INACTIVITY: Duration = Duration::from_secs(60 * 60);
pub(crate) const SILENCE: Duration = Duration::from_secs(30 * 60);
pub(crate) const LONGEST: Duration = Duration::from_secs(3 * 60 * 60);
pub(crate) const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// When it was marked as over.
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) locked: bool,
    /// Its end and whether it was locked, as its last change made them. A cleanup brings the end forward and tells
    /// nobody.
    pub(crate) changed_to: Option<(Timestamp, bool)>,
    /// How often watchers were sent away.
    pub(crate) watch_generation: u32,
    /// Its last activity, as far as it is written down.
    pub(crate) active_at: Timestamp,
    /// Whether the server has a room for it.
    pub(crate) loaded: bool,
    pub(crate) purged: bool,
}

pub(crate) struct Person {
    pub(crate) session: usize,
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) active: bool,
    /// The last sign of life that is written down, and the one that is not yet.
    pub(crate) seen: Timestamp,
    pub(crate) unsaved: Option<Timestamp>,
    /// The newest position's number, and when it came.
    pub(crate) position: Option<(u64, Timestamp)>,
    pub(crate) status: Option<SharingStatus>,
}

/// What a connection is told of who is in, and of its own end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Joined(UserId),
    Left(UserId),
    Dismissed,
    Ended(EndReason),
}

/// A connection.
pub(crate) struct Ear {
    pub(crate) session: usize,
    /// Nobody for a watcher.
    pub(crate) person: Option<usize>,
    /// When watchers had been sent away so often, it was let watch.
    pub(crate) generation: u32,
    pub(crate) owed: Vec<Told>,
    /// Whose newest status it has not been given, and whether they have withdrawn their position since it was.
    pub(crate) statuses: BTreeMap<usize, bool>,
    /// Whether it has not been given what the session is now.
    pub(crate) outdated: bool,
    /// Whose newest position it has not been given.
    pub(crate) dirty: BTreeSet<usize>,
    pub(crate) over: Option<DisconnectReason>,
    pub(crate) closed: bool,
}

impl Ear {
    /// Nothing comes after what is owed now.
    fn part(&mut self, disconnect: DisconnectReason) {
        self.over.get_or_insert(disconnect);
        self.dirty.clear();
        self.statuses.clear();
    }
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) sessions: Vec<Session>,
    pub(crate) people: Vec<Person>,
    pub(crate) ears: Vec<Ear>,
    /// Signs of life that could not be written down.
    kept: BTreeMap<usize, Timestamp>,
}

impl Model {
    /// Why a session is not open, if so.
    pub(crate) fn closed(&self, session: usize, now: Timestamp) -> Option<Problem> {
        let session = &self.sessions[session];
        match session.ended_at {
            _ if session.purged => Some(Problem::SessionNotFound),
            Some(ended_at) if ended_at >= session.expires_at => Some(Problem::SessionExpired),
            Some(_) => Some(Problem::SessionEnded),
            None => (session.expires_at <= now).then_some(Problem::SessionExpired),
        }
    }

    /// Who is in a session, in order of joining.
    pub(crate) fn present(&self, session: usize) -> impl Iterator<Item = usize> {
        let present = move |(_, person): &(usize, &Person)| person.session == session && person.active;
        self.people.iter().enumerate().filter(present).map(|(index, _)| index)
    }

    pub(crate) fn live(&self, person: usize, now: Timestamp) -> Option<u64> {
        self.people[person].position.filter(|(_, at)| at.plus(TTL) > now).map(|(number, _)| number)
    }

    /// The connections that still hear of a session.
    fn listening(&mut self, session: usize) -> impl Iterator<Item = &mut Ear> {
        self.ears.iter_mut().filter(move |ear| ear.session == session && !ear.closed && ear.over.is_none())
    }

    fn tell<'a>(ears: impl Iterator<Item = &'a mut Ear>, told: &Told) {
        ears.for_each(|ear| ear.owed.push(told.clone()));
    }

    /// Who was let watch before watchers were sent away last.
    fn send_watchers_away(&mut self, session: usize) {
        self.sessions[session].watch_generation += 1;
        let generation = self.sessions[session].watch_generation;
        if !self.sessions[session].loaded {
            return;
        }
        for ear in self.listening(session) {
            if ear.person.is_none() && ear.generation < generation {
                ear.owed.push(Told::Dismissed);
                ear.outdated = false;
                ear.part(DisconnectReason::WatchingRevoked);
            }
        }
    }

    pub(crate) fn watching_revoked(&mut self, session: usize) {
        self.send_watchers_away(session);
    }

    pub(crate) fn created(&mut self, id: SessionId, now: Timestamp, expires_at: Timestamp) {
        let (ended_at, locked, loaded, purged) = (None, false, false, false);
        let (created_at, active_at) = (now, now);
        self.sessions.push(Session {
            id,
            created_at,
            expires_at,
            ended_at,
            locked,
            changed_to: None,
            watch_generation: 0,
            active_at,
            loaded,
            purged,
        });
    }

    pub(crate) fn may_join(&self, session: usize, name: &str, now: Timestamp) -> Result<(), Problem> {
        if let Some(closed) = self.closed(session, now) {
            return Err(closed);
        }
        if self.sessions[session].locked {
            return Err(Problem::SessionLocked);
        }
        if self.present(session).count() >= PLACES {
            return Err(Problem::SessionFull);
        }
        if self.present(session).any(|person| self.people[person].name.eq_ignore_ascii_case(name)) {
            return Err(Problem::DisplayNameTaken);
        }
        Ok(())
    }

    pub(crate) fn joined(&mut self, session: usize, id: UserId, name: String, now: Timestamp) {
        self.sessions[session].active_at = self.sessions[session].active_at.max(now);
        if self.sessions[session].loaded {
            Self::tell(self.listening(session), &Told::Joined(id.clone()));
        }
        let (position, status, unsaved) = (None, None, None);
        self.people.push(Person { session, id, name, active: true, seen: now, unsaved, position, status });
    }

    pub(crate) fn may_leave(&self, person: usize, now: Timestamp) -> Result<(), Problem> {
        let Person { session, active, .. } = self.people[person];
        match self.closed(session, now) {
            Some(closed) => Err(closed),
            None if active => Ok(()),
            None => Err(Problem::ParticipantLeft),
        }
    }

    pub(crate) fn left(&mut self, person: usize) {
        let gone = &mut self.people[person];
        (gone.active, gone.position, gone.unsaved, gone.status) = (false, None, None, None);
        let (session, id) = (gone.session, gone.id.clone());
        if self.sessions[session].loaded {
            // Also a connection that is told nothing more, and has not read all of it, need not hear of them.
            for ear in self.ears.iter_mut().filter(|ear| ear.session == session && !ear.closed) {
                ear.dirty.remove(&person);
                ear.statuses.remove(&person);
                // Who has not heard that they came does not hear that they went.
                let joining = ear.owed.iter().position(|told| *told == Told::Joined(id.clone()));
                match joining {
                    Some(place) => _ = ear.owed.remove(place),
                    None if ear.over.is_none() => ear.owed.push(Told::Left(id.clone())),
                    None => {}
                }
                if ear.person == Some(person) {
                    ear.part(DisconnectReason::Left);
                }
            }
        }
    }

    /// The creator takes somebody out, and with them all watchers.
    pub(crate) fn removed(&mut self, person: usize) {
        self.send_watchers_away(self.people[person].session);
        self.left(person);
    }

    pub(crate) fn updated(&mut self, session: usize, expires_at: Timestamp, locked: bool) {
        let locks = locked && !self.sessions[session].locked;
        (self.sessions[session].expires_at, self.sessions[session].locked) = (expires_at, locked);
        self.sessions[session].changed_to = Some((expires_at, locked));
        if self.sessions[session].loaded {
            self.listening(session).for_each(|ear| ear.outdated = true);
        }
        if locks {
            self.send_watchers_away(session);
        }
    }

    /// Everyone who is connected is told that it is over.
    pub(crate) fn ended(&mut self, session: usize, reason: EndReason) {
        if !std::mem::take(&mut self.sessions[session].loaded) {
            return;
        }
        Self::tell(self.listening(session), &Told::Ended(reason));
        for ear in self.listening(session) {
            ear.part(DisconnectReason::Ended);
        }
        self.forget(session);
    }

    /// What a room knew and the database does not.
    fn forget(&mut self, session: usize) {
        self.sessions[session].loaded = false;
        for person in self.people.iter_mut().filter(|person| person.session == session) {
            (person.position, person.status, person.unsaved) = (None, None, None);
        }
    }

    /// Whether somebody, or a watcher, may connect. From then on there is a room, unless it is over.
    pub(crate) fn enters(
        &mut self,
        session: usize,
        person: Option<usize>,
        generation: u32,
        now: Timestamp,
    ) -> Result<(), Problem> {
        if !self.sessions[session].loaded
            && let Some(closed) = self.closed(session, now)
        {
            return Err(closed);
        }
        self.sessions[session].loaded = true;
        match person {
            Some(person) if !self.people[person].active => return Err(Problem::Unauthenticated),
            Some(person) => self.people[person].unsaved = Some(now),
            None if generation < self.sessions[session].watch_generation => {
                return Err(Problem::WatchingRevoked);
            }
            None => {
                let watchers = |ear: &&Ear| {
                    let watches = ear.person.is_none() && ear.over != Some(DisconnectReason::WatchingRevoked);
                    ear.session == session && watches && !ear.closed
                };
                if self.ears.iter().filter(watchers).count() >= WATCHERS {
                    return Err(Problem::SessionFull);
                }
            }
        }
        let (owed, dirty, statuses) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        let (outdated, over, closed) = (false, None, false);
        self.ears.push(Ear { session, person, generation, owed, statuses, outdated, dirty, over, closed });
        Ok(())
    }

    /// A connection is gone, its person stays.
    pub(crate) fn disconnected(&mut self, ear: usize, now: Timestamp) {
        let Ear { session, person, over, .. } = self.ears[ear];
        self.ears[ear].closed = true;
        let in_room = self.sessions[session].loaded && !matches!(over, Some(DisconnectReason::Ended));
        if let Some(person) = person.filter(|person| in_room && self.people[*person].active) {
            self.people[person].unsaved = Some(now);
        }
    }

    /// The participant of a connection.
    pub(crate) fn speaker(&self, ear: usize) -> Option<usize> {
        let Ear { session, person, over, .. } = self.ears[ear];
        let over = matches!(over, Some(DisconnectReason::Ended | DisconnectReason::Left))
            || !self.sessions[session].loaded;
        person.filter(|_| !over)
    }

    pub(crate) fn published(&mut self, ear: usize, person: usize, number: u64, now: Timestamp) {
        self.people[person].position = Some((number, now));
        self.people[person].unsaved = Some(now);
        let session = self.ears[ear].session;
        for (index, other) in self.ears.iter_mut().enumerate() {
            if index != ear && other.session == session && !other.closed && other.over.is_none() {
                other.dirty.insert(person);
            }
        }
    }

    pub(crate) fn said(&mut self, ear: usize, person: usize, status: SharingStatus, now: Timestamp) {
        self.people[person].unsaved = Some(now);
        // A position that came after the same was said is withdrawn again.
        let withdraws = status.withdraws_position() && self.live(person, now).is_some();
        if self.people[person].status.replace(status) == Some(status) && !withdraws {
            return;
        }
        let session = self.ears[ear].session;
        if status.withdraws_position() {
            self.people[person].position = None;
            self.ears.iter_mut().for_each(|ear| _ = ear.dirty.remove(&person));
        }
        for (index, other) in self.ears.iter_mut().enumerate() {
            if index != ear && other.session == session && !other.closed && other.over.is_none() {
                *other.statuses.entry(person).or_default() |= status.withdraws_position();
            }
        }
    }

    /// Ends what is due, and gives rooms up that nobody would miss.
    pub(crate) fn swept(&mut self, now: Timestamp) {
        for session in 0..self.sessions.len() {
            if !self.sessions[session].loaded {
                continue;
            }
            if self.sessions[session].expires_at <= now {
                self.ended(session, EndReason::Expired);
                continue;
            }
            let connected = self.ears.iter().any(|ear| ear.session == session && !ear.closed);
            let missed = |person| self.live(person, now).is_some() || self.people[person].unsaved.is_some();
            if !connected && !self.present(session).any(missed) {
                self.forget(session);
            }
        }
    }

    /// Signs of life are written down, or kept for the next time.
    pub(crate) fn saved(&mut self, done: bool, now: Timestamp) {
        for index in 0..self.people.len() {
            let Person { session, active, .. } = self.people[index];
            let in_room =
                |ear: &Ear| ear.person == Some(index) && !ear.closed && self.sessions[session].loaded;
            let connected = active && self.ears.iter().any(in_room);
            let unsaved = self.people[index].unsaved.take();
            if let Some(sign) = connected.then_some(now).or(unsaved) {
                self.kept.insert(index, sign);
            }
        }
        if !done {
            return;
        }
        for (index, sign) in std::mem::take(&mut self.kept) {
            let person = &mut self.people[index];
            person.seen = person.seen.max(sign);
            let session = &mut self.sessions[person.session];
            session.active_at = session.active_at.max(sign);
        }
    }

    pub(crate) fn expired(&mut self, now: Timestamp) {
        for index in 0..self.sessions.len() {
            let session = &mut self.sessions[index];
            let idle = session.active_at <= now.minus(INACTIVITY);
            if session.ended_at.is_none() && (session.expires_at <= now || idle) {
                session.ended_at = Some(now);
                session.expires_at = session.expires_at.min(now);
                self.ended(index, EndReason::Expired);
            }
        }
    }

    pub(crate) fn timed_out(&mut self, now: Timestamp) {
        for index in 0..self.people.len() {
            let person = &self.people[index];
            let open = self.sessions[person.session].ended_at.is_none();
            if person.active && open && person.seen <= now.minus(SILENCE) {
                self.left(index);
            }
        }
    }

    pub(crate) fn purged(&mut self, now: Timestamp) {
        for session in &mut self.sessions {
            session.purged |= session.ended_at.is_some_and(|at| at < now.minus(RETENTION));
        }
    }

    /// The server is gone, and with it all that was not written down.
    pub(crate) fn restarted(&mut self) {
        self.kept.clear();
        self.ears.iter_mut().for_each(|ear| ear.closed = true);
        (0..self.sessions.len()).for_each(|session| self.forget(session));
    }
}
