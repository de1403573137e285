//! The database: sessions and participants, never a position.
//!
//! Methods are named after the domain; each is one transaction. SQL exists nowhere else: side by side in `sqlite.rs`
//! and `postgres/`. `rules.rs` has the decisions that both databases share.

mod address;
mod error;
mod postgres;
mod rules;
mod sqlite;
mod stored;
pub mod transfer;

use std::collections::HashMap;
use std::time::Duration;

pub use address::{Database, InvalidDatabase};
pub use stored::{StoredParticipant, StoredSession};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::session::SessionName;
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;
use tagalong_platform::clock::Clock;
use tagalong_platform::metrics::{Meter, Outcome};

use self::error::Failure;
pub use self::error::{StoreError, TransactionError};
use self::postgres::Postgres;
use self::sqlite::Sqlite;

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

/// A request to create a session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Its name, if any.
    pub name: Option<SessionName>,
    /// Who made it.
    pub creator_id: UserId,
    pub created_at: Timestamp,
    /// Its end.
    pub expires_at: Timestamp,
    /// How long its positions are shown, in whole seconds.
    pub location_ttl: Duration,
}

/// The present state of a session.
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
    /// Whether the session is locked against new participants and watchers.
    pub locked: bool,
    /// How long its positions are shown.
    pub location_ttl: Duration,
    /// How often watchers were sent away: only those who were let watch since then may.
    pub watch_generation: u32,
}

/// How a participant leaves a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departure {
    /// By themselves.
    Left,
    /// By its creator, which also revokes watching.
    Removed,
}

/// The owner of a tracker link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerRecord {
    /// The session that they are in.
    pub session: SessionId,
    /// How often their links have been revoked; only links with this number are valid.
    pub generation: u32,
    /// How long the session's positions are shown.
    pub location_ttl: Duration,
    /// The tracker ids of the session's participants.
    pub tracker_ids: TrackerIds,
}

/// A new participant.
#[derive(Clone, Debug)]
pub struct NewParticipant {
    /// Their id.
    pub user_id: UserId,
    /// Their name.
    pub display_name: DisplayName,
    /// Their colour; without one they get one that the session does not use.
    pub avatar_color: Option<AvatarColor>,
}

/// An active participant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantRecord {
    /// Who.
    pub profile: Profile,
    /// Their last activity in the database.
    pub last_seen: Timestamp,
}

/// A requested new end of a session.
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
    /// All its participants, former ones included.
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

/// A change of a session; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct SessionChange {
    /// A new name, or none any more.
    pub name: Option<Option<SessionName>>,
    /// A new end.
    pub expires_at: Option<NewEnd>,
    /// Whether the session is locked against new participants and watchers.
    pub locked: Option<bool>,
}

/// Does the same with either database, and counts it.
macro_rules! either {
    ($store:expr, $call:literal, $database:ident => $asked:expr) => {{
        let asked = async {
            match &$store.engine {
                // Boxed: a query takes up to 60 KB, and every layer above would move them with each request.
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

    /// Whether writes of a session wait for each other while each holds a connection.
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

    /// Checks the database.
    ///
    /// # Errors
    /// When it does not answer.
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

    /// An open session and its participants.
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

    /// Adds a participant, if the session is open and not locked, has a free place, and the name is free.
    ///
    /// # Errors
    /// The first of these conditions that is not met, or the database does not answer.
    pub async fn join(
        &self,
        id: SessionId,
        new: NewParticipant,
        places: usize,
        now: Timestamp,
    ) -> Result<(SessionRecord, Profile), TransactionError> {
        either!(self, "join", database => database.join(id, new, places, now))
    }

    /// Removes a participant from an open session. Returns its watch generation after that. Only the user id stays, as
    /// long as the session is open.
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

    /// Revokes watching of an open session. Returns its watch generation after that.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn revoke_watching(&self, id: SessionId, now: Timestamp) -> Result<u32, TransactionError> {
        either!(self, "revoke_watching", database => database.revoke_watching(id, now))
    }

    /// The links of an active participant of an open session.
    ///
    /// # Errors
    /// When the session is not open, or the user is not in it.
    pub async fn tracker(&self, user: &UserId, now: Timestamp) -> Result<TrackerRecord, TransactionError> {
        either!(self, "tracker", database => database.tracker(user, now))
    }

    /// Revokes all present links of a participant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoke_trackers(&self, user: &UserId) -> Result<(), StoreError> {
        either!(self, "revoke_trackers", database => database.revoke_trackers(user))
    }

    /// Gives a tracker id to each participant of an open session without one. Returns all of them.
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

    /// Ends an open session, and deletes all of it except its id and its times.
    ///
    /// # Errors
    /// When it is not open.
    pub async fn end(&self, id: SessionId, now: Timestamp) -> Result<EndedSession, TransactionError> {
        either!(self, "end", database => database.end(id, now))
    }

    /// Changes an open session. Returns its new state.
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

    /// Writes times of last activity; a time never goes back.
    ///
    /// # Errors
    /// When the database does not answer; some may be written then.
    pub async fn save_seen(&self, seen: &[(SessionId, UserId, Timestamp)]) -> Result<(), StoreError> {
        either!(self, "save_seen", database => database.save_seen(seen))
    }

    /// Ends every session that has expired, or is unused since `idle_since`, and deletes all except its id and times.
    /// Returns these sessions. If several nodes do this at once, each session is returned to one of them.
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

    /// Removes the participants without activity since `silent_since`, and returns them. If several nodes do this at
    /// once, each participant is returned to one of them.
    ///
    /// # Errors
    /// When the database does not answer before any is removed.
    pub async fn time_out_participants(
        &self,
        silent_since: Timestamp,
    ) -> Result<Vec<(SessionId, UserId)>, StoreError> {
        either!(self, "time_out_participants", database => database.time_out_participants(silent_since))
    }

    /// Deletes the rest of sessions that ended before a time. Returns their number.
    ///
    /// # Errors
    /// When the database does not answer; some may be deleted then.
    pub async fn purge(&self, ended_before: Timestamp) -> Result<u64, StoreError> {
        either!(self, "purge", database => database.purge(ended_before))
    }

    /// Removes deleted data from the files of SQLite; a database server does that itself.
    ///
    /// # Errors
    /// When another process uses the file, so that it has to be tried again.
    pub async fn wipe(&self) -> Result<(), StoreError> {
        either!(self, "wipe", database => database.wipe())
    }

    /// The slower part of [`Self::wipe`] for large files: rewrites them if data were deleted.
    ///
    /// # Errors
    /// As [`Self::wipe`].
    pub async fn rewrite(&self) -> Result<(), StoreError> {
        either!(self, "rewrite", database => database.rewrite())
    }

    /// The complete record of the session after `last`, or of the first, open or not, in the database's own order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stored_after(&self, last: Option<SessionId>) -> Result<Option<StoredSession>, StoreError> {
        either!(self, "stored_after", database => database.stored_after(last))
    }

    /// Imports a session of another database, without the data that are deleted at its end or after a leave. Returns
    /// whether it did: a session with the same id stays as it is. Later ones of confusable names get a number.
    ///
    /// # Errors
    /// When the database does not answer, or cannot hold it.
    pub async fn take_in(&self, session: &StoredSession) -> Result<bool, StoreError> {
        let session = &session.without_the_past();
        either!(self, "take_in", database => database.take_in(session))
    }
}
