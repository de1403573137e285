//! What lasts: sessions and participants. Never a position.
//!
//! Methods are named after the domain and are one transaction each, or wholly part of one; SQL stands nowhere
//! else. What both databases decide alike stands in `rules.rs`, what they are told in SQL side by side in
//! `sqlite.rs` and `postgres/`.

mod address;
mod error;
mod postgres;
mod rules;
mod sqlite;
mod stored;
pub mod transfer;

use std::collections::HashMap;
use std::time::Duration;

pub use self::error::{StoreError, TransactionError};
pub use address::{Database, InvalidDatabase};
pub use stored::{StoredParticipant, StoredSession};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::session::SessionName;
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;

use self::error::Failure;
use self::postgres::Postgres;
use self::sqlite::Sqlite;
use tagalong_platform::clock::Clock;
use tagalong_platform::metrics::{Meter, Outcome};

/// A database. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    meter: Option<Meter>,
}

#[derive(Clone, Debug)]
enum Engine {
    /// The embedded one.
    Sqlite(Sqlite),
    /// A server that several nodes share.
    Postgres(Postgres),
}

/// Connections to a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pool {
    /// In use.
    pub used: usize,
    /// Open and not in use.
    pub idle: usize,
    /// How many there may be.
    pub max: usize,
}

/// A session to be made.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Its name, if any.
    pub name: Option<SessionName>,
    /// Who made it.
    pub creator_id: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
    /// How long its positions are shown, in whole seconds.
    pub location_ttl: Duration,
}

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Its name, if any.
    pub name: Option<SessionName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
    /// Active participants.
    pub participant_count: u32,
    /// Whether nobody new may join.
    pub locked: bool,
    /// How long its positions are shown.
    pub location_ttl: Duration,
    /// How often watchers were sent away: only those who were let watch since then may.
    pub watch_generation: u32,
}

/// How somebody leaves a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departure {
    /// By themselves.
    Left,
    /// By its creator: watchers are sent away too.
    Removed,
}

/// Whose a tracker link is, if it still is anybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerRecord {
    /// The session that they are in.
    pub session: SessionId,
    /// How often their links have been revoked: only the links made since then hold.
    pub generation: u32,
    /// How long the session's positions are shown.
    pub location_ttl: Duration,
    /// By what tracker apps know the people of the session.
    pub tracker_ids: TrackerIds,
}

/// Somebody to be let in.
#[derive(Clone, Debug)]
pub struct NewParticipant {
    /// Their id.
    pub user_id: UserId,
    /// Their name.
    pub display_name: DisplayName,
    /// Their colour; without one they get one that the session does not use.
    pub avatar_color: Option<AvatarColor>,
}

/// An active participant as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantRecord {
    /// Who.
    pub profile: Profile,
    /// Their last sign of life that was written down.
    pub last_seen: Timestamp,
}

/// When a session is asked to end, if not as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewEnd {
    /// The end that is wanted.
    pub at: Timestamp,
    /// The longest that a session may be, counted from when it was made: it ends at the latest then.
    pub longest: Duration,
}

/// A session that has just been ended and deleted but for its id and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// Which one.
    pub id: SessionId,
    /// Everybody who was in it, also those who had left.
    pub people: Vec<UserId>,
}

impl EndedSession {
    /// Sessions with those who were in them.
    fn with(ids: Vec<SessionId>, people: Vec<(SessionId, UserId)>) -> Vec<Self> {
        let mut by_session: HashMap<SessionId, Vec<UserId>> = HashMap::new();
        for (id, user) in people {
            by_session.entry(id).or_default().push(user);
        }
        ids.into_iter().map(|id| Self { id, people: by_session.remove(&id).unwrap_or_default() }).collect()
    }
}

/// A change of a session; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct SessionChange {
    /// A new name, or none any more.
    pub name: Option<Option<SessionName>>,
    /// A new end.
    pub expires_at: Option<NewEnd>,
    /// Whether nobody new may join.
    pub locked: Option<bool>,
}

/// Does the same with either database, and counts it.
macro_rules! either {
    ($store:expr, $call:literal, $database:ident => $asked:expr) => {{
        let asked = async {
            match &$store.engine {
                // Boxed: it is up to 60 KB to ask a pool, and every layer above would move them with each request.
                Engine::Sqlite($database) => Box::pin($asked).await,
                Engine::Postgres($database) => Box::pin($asked).await,
            }
        };
        match &$store.meter {
            Some(meter) => meter.measure($call, asked, outcome).await,
            None => asked.await,
        }
    }};
}

fn outcome<T, E: Failure>(answer: &Result<T, E>) -> Outcome {
    answer.as_ref().map_or_else(Failure::outcome, |_| Outcome::Ok)
}

impl Store {
    /// Opens the database, makes its tables if need be, and brings them up to date.
    ///
    /// # Errors
    /// When it cannot be reached or opened, is too old, or holds something else.
    pub async fn open(database: &Database, connections: u32, clock: &Clock) -> Result<Self, StoreError> {
        let engine = match database {
            Database::Sqlite(path) => Engine::Sqlite(Sqlite::open(path, connections).await?),
            Database::Postgres(options) => {
                Engine::Postgres(Postgres::open(options, connections, clock).await?)
            }
        };
        Ok(Self { engine, meter: None })
    }

    /// The same, with each call counted and timed.
    #[must_use]
    pub fn measured(self, meter: Meter) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// Its connections.
    pub fn pool(&self) -> Pool {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.pool(),
            Engine::Postgres(postgres) => postgres.pool(),
        }
    }

    /// Whether writes of a session wait for each other with a connection in their hands.
    pub fn locks_rows(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Finishes what is being written and lets the database go.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        either!(self, "ping", database => database.ping())
    }

    /// Makes a session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_session(&self, new: &NewSession) -> Result<(), StoreError> {
        either!(self, "create_session", database => database.create_session(new))
    }

    /// A session that is open at `now`.
    ///
    /// # Errors
    /// When it is not, or the database does not answer.
    pub async fn session(&self, id: SessionId, now: Timestamp) -> Result<SessionRecord, TransactionError> {
        either!(self, "session", database => database.session(id, now))
    }

    /// An open session and its active participants in order of joining, as of one moment.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn participants(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<(SessionRecord, Vec<ParticipantRecord>), TransactionError> {
        either!(self, "participants", database => database.participants(id, now))
    }

    /// An open session and who is in it.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn roster(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<(SessionRecord, Vec<Profile>), TransactionError> {
        let (session, participants) = self.participants(id, now).await?;
        Ok((session, participants.into_iter().map(|participant| participant.profile).collect()))
    }

    /// Lets somebody in, if the session is open and not locked, has a place, and nobody has that name.
    ///
    /// # Errors
    /// The first of these that does not hold, or the database does not answer.
    pub async fn join(
        &self,
        id: SessionId,
        new: NewParticipant,
        places: usize,
        now: Timestamp,
    ) -> Result<(SessionRecord, Profile), TransactionError> {
        either!(self, "join", database => database.join(id, new, places, now))
    }

    /// Takes somebody out of an open session: its watch generation after that. Of them stays that they were in it, for
    /// as long as it is open.
    ///
    /// # Errors
    /// When the session is not open, or the participant is not in it (any more).
    pub async fn leave(
        &self,
        id: SessionId,
        user: &UserId,
        how: Departure,
        now: Timestamp,
    ) -> Result<u32, TransactionError> {
        either!(self, "leave", database => database.leave(id, user, how, now))
    }

    /// Sends the watchers of an open session away: its watch generation after that.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn revoke_watching(&self, id: SessionId, now: Timestamp) -> Result<u32, TransactionError> {
        either!(self, "revoke_watching", database => database.revoke_watching(id, now))
    }

    /// The links of an active participant of an open session.
    ///
    /// # Errors
    /// When the session is not open, or nobody by that id is in it.
    pub async fn tracker(&self, user: &UserId, now: Timestamp) -> Result<TrackerRecord, TransactionError> {
        either!(self, "tracker", database => database.tracker(user, now))
    }

    /// Revokes the links of a participant, as far as they are older than this.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoke_trackers(&self, user: &UserId) -> Result<(), StoreError> {
        either!(self, "revoke_trackers", database => database.revoke_trackers(user))
    }

    /// Gives a tracker id to each of those present in an open session who has none: all of them after that.
    ///
    /// # Errors
    /// When the session is not open, or the database does not answer.
    pub async fn assign_tracker_ids(
        &self,
        id: SessionId,
        present: &[Profile],
        now: Timestamp,
    ) -> Result<TrackerIds, TransactionError> {
        either!(self, "assign_tracker_ids", database => database.assign_tracker_ids(id, present, now))
    }

    /// Ends an open session, and deletes all of it but its id and its times.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn end(&self, id: SessionId, now: Timestamp) -> Result<EndedSession, TransactionError> {
        either!(self, "end", database => database.end(id, now))
    }

    /// Changes an open session: how it stands after that.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn update(
        &self,
        id: SessionId,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<SessionRecord, TransactionError> {
        either!(self, "update", database => database.update(id, change, now))
    }

    /// Writes signs of life down; a time never goes back.
    ///
    /// # Errors
    /// When the database does not answer; some may be written then.
    pub async fn save_seen(&self, seen: &[(SessionId, UserId, Timestamp)]) -> Result<(), StoreError> {
        either!(self, "save_seen", database => database.save_seen(seen))
    }

    /// Ends every session whose time is up, or that nobody has used since `idle_since`, and deletes all of them but
    /// their ids and times: which those were. Of several nodes that do this at once, each session is given to one.
    ///
    /// # Errors
    /// When the database does not answer before any is ended.
    pub async fn expire_sessions(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        either!(self, "expire_sessions", database => database.expire_sessions(now, idle_since))
    }

    /// Takes everyone out who gave no sign of life since `silent_since`: who those were. Of several nodes that
    /// do this at once, each participant is given to one.
    ///
    /// # Errors
    /// When the database does not answer before anyone is taken out.
    pub async fn time_out_participants(
        &self,
        silent_since: Timestamp,
    ) -> Result<Vec<(SessionId, UserId)>, StoreError> {
        either!(self, "time_out_participants", database => database.time_out_participants(silent_since))
    }

    /// Deletes what is left of sessions that ended before a time: how many.
    ///
    /// # Errors
    /// When the database does not answer; some may be deleted then.
    pub async fn purge(&self, ended_before: Timestamp) -> Result<u64, StoreError> {
        either!(self, "purge", database => database.purge(ended_before))
    }

    /// Takes what was deleted out of the files, as far as they are ours: a server has its own ways.
    ///
    /// # Errors
    /// When somebody else is using the file, so that it has to be tried again.
    pub async fn wipe(&self) -> Result<(), StoreError> {
        either!(self, "wipe", database => database.wipe())
    }

    /// Does what [`Self::wipe`] leaves out for large files, which takes longer: writes them anew if something was
    /// deleted.
    ///
    /// # Errors
    /// As [`Self::wipe`].
    pub async fn rewrite(&self) -> Result<(), StoreError> {
        either!(self, "rewrite", database => database.rewrite())
    }

    /// The session that comes after another one, or the first, with all that stands here of it, open or not. The
    /// order is the database's own.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stored_after(&self, last: Option<SessionId>) -> Result<Option<StoredSession>, StoreError> {
        either!(self, "stored_after", database => database.stored_after(last))
    }

    /// Takes in a session of another database as it is, without what is deleted when a session ends or somebody leaves:
    /// whether it did, since one of that id is left as it is. Where names of people who are there look the same, the
    /// later ones get a number.
    ///
    /// # Errors
    /// When the database does not answer, or cannot hold it.
    pub async fn take_in(&self, session: &StoredSession) -> Result<bool, StoreError> {
        let session = &session.without_the_past();
        either!(self, "take_in", database => database.take_in(session))
    }
}
