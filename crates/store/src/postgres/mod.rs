//! PostgreSQL, which several nodes share: its locks and indexes keep the rules between them.

mod departures;
mod lease;
mod sql;
mod stored;

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::Profile;
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;
use tagalong_platform::clock::Clock;

use self::lease::{Lease, bounded};
use super::{
    Departure, EndedSession, NewParticipant, NewSession, ParticipantRecord, Pool, SessionChange,
    SessionRecord, StoreError, StoredSession, TrackerRecord, TransactionError,
};

/// How long a start waits for a server that starts too.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// The oldest server: the first whose own `gen_random_uuid` makes ids.
const OLDEST_SERVER: i32 = 130_000;
/// The name of the lock that makes one node at a time bring the tables up to date.
const MIGRATION_LOCK: i64 = 0x7461_6761_6c6f_6e67;
/// Rows of last activity in one statement.
const SEEN_ROWS_PER_STATEMENT: usize = 2_000;
/// Rows that one statement of a cleanup ends or deletes: no statement takes long, however much there is.
const CLEANUP_ROWS_PER_STATEMENT: i64 = 500;
/// What every connection asks of the server, in milliseconds where it is a number. It gives up shortly before
/// or after we do; a node that freezes in the middle of a transaction loses it, and others need not wait.
const SERVER_SETTINGS: [(&str, &str); 4] = [
    ("statement_timeout", "2000"),
    ("lock_timeout", "1500"),
    ("idle_in_transaction_session_timeout", "5000"),
    ("default_transaction_isolation", "read committed"),
];

/// The database server. Clones share its connections.
#[derive(Clone, Debug)]
pub(super) struct Postgres {
    pool: PgPool,
    /// One connection for questions of health: they are answered also when all others are in use.
    health: PgPool,
    clock: Clock,
}

/// Does a piece of work on a connection of its own, within the deadline.
macro_rules! leased {
    ($store:expr, $connection:ident => $work:expr) => {
        bounded(&$store.clock, async {
            let mut lease = Lease::take(&$store.pool).await?;
            let $connection: &mut PgConnection = &mut lease;
            let result = $work.await;
            lease.settle(result)
        })
        .await
    };
}

impl Postgres {
    pub(super) async fn open(
        options: &PgConnectOptions,
        connections: u32,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let options = options.clone().options(SERVER_SETTINGS);
        let named = options.get_application_name().is_some();
        let options = if named { options } else { options.application_name("tagalong") };
        let starter = PgPoolOptions::new().max_connections(1).acquire_timeout(START_PATIENCE);
        let starter = starter.connect_with(options.clone()).await.map_err(|error| match error {
            sqlx::Error::PoolTimedOut => {
                let patience = START_PATIENCE.as_secs();
                StoreError::Unavailable(format!("it does not answer, for {patience} s now").into())
            }
            error => error.into(),
        })?;
        let migrated = migrate(&starter).await;
        starter.close().await;
        migrated?;
        let health = lease::pool(options.clone(), 1, clock);
        Ok(Self { pool: lease::pool(options, connections, clock), health, clock: clock.clone() })
    }

    pub(super) fn pool(&self) -> Pool {
        let (size, idle) = (self.pool.size() as usize, self.pool.num_idle());
        let max = self.pool.options().get_max_connections() as usize;
        Pool { used: size.saturating_sub(idle), idle, max }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
        self.health.close().await;
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        bounded(&self.clock, async {
            let mut lease = Lease::take(&self.health).await?;
            let result = sql::ping(&mut lease).await;
            lease.settle(result)
        })
        .await
    }

    pub(super) async fn create_session(&self, new: &NewSession) -> Result<(), StoreError> {
        leased!(self, connection => sql::create_session(connection, new))
    }

    pub(super) async fn session(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<SessionRecord, TransactionError> {
        leased!(self, connection => sql::session(connection, id, now))
    }

    pub(super) async fn participants(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<(SessionRecord, Vec<ParticipantRecord>), TransactionError> {
        leased!(self, connection => sql::participants(connection, id, now))
    }

    pub(super) async fn join(
        &self,
        id: SessionId,
        new: NewParticipant,
        places: usize,
        now: Timestamp,
    ) -> Result<(SessionRecord, Profile), TransactionError> {
        leased!(self, connection => sql::join(connection, id, new, places, now))
    }

    pub(super) async fn leave(
        &self,
        id: SessionId,
        user: &UserId,
        how: Departure,
        now: Timestamp,
    ) -> Result<u32, TransactionError> {
        leased!(self, connection => departures::leave(connection, id, user, how, now))
    }

    pub(super) async fn revoke_watching(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Result<u32, TransactionError> {
        leased!(self, connection => departures::revoke_watching(connection, id, now))
    }

    pub(super) async fn tracker(
        &self,
        user: &UserId,
        now: Timestamp,
    ) -> Result<TrackerRecord, TransactionError> {
        leased!(self, connection => sql::tracker(connection, user, now))
    }

    pub(super) async fn revoke_trackers(&self, user: &UserId) -> Result<(), StoreError> {
        leased!(self, connection => sql::revoke_trackers(connection, user))
    }

    pub(super) async fn assign_tracker_ids(
        &self,
        id: SessionId,
        present: &[Profile],
        now: Timestamp,
    ) -> Result<TrackerIds, TransactionError> {
        leased!(self, connection => sql::assign_tracker_ids(connection, id, present, now))
    }

    pub(super) async fn end(&self, id: SessionId, now: Timestamp) -> Result<EndedSession, TransactionError> {
        leased!(self, connection => sql::end(connection, id, now))
    }

    pub(super) async fn update(
        &self,
        id: SessionId,
        change: &SessionChange,
        now: Timestamp,
    ) -> Result<SessionRecord, TransactionError> {
        leased!(self, connection => sql::update(connection, id, change, now))
    }

    pub(super) async fn save_seen(&self, seen: &[(SessionId, UserId, Timestamp)]) -> Result<(), StoreError> {
        for rows in seen.chunks(SEEN_ROWS_PER_STATEMENT) {
            leased!(self, connection => sql::save_seen(connection, rows))?;
        }
        Ok(())
    }

    pub(super) async fn expire_sessions(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<EndedSession>, StoreError> {
        let mut ended = Vec::new();
        loop {
            let some = leased!(self, connection => sql::expire_sessions(connection, now, idle_since));
            if !carry_on(&mut ended, some)? {
                return Ok(ended);
            }
        }
    }

    pub(super) async fn time_out_participants(
        &self,
        silent_since: Timestamp,
    ) -> Result<Vec<(SessionId, UserId)>, StoreError> {
        let mut gone = Vec::new();
        loop {
            let some = leased!(self, connection => sql::time_out_participants(connection, silent_since));
            if !carry_on(&mut gone, some)? {
                return Ok(gone);
            }
        }
    }

    pub(super) async fn purge(&self, ended_before: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let some = leased!(self, connection => sql::purge(connection, ended_before))?;
            deleted += some;
            if some < CLEANUP_ROWS_PER_STATEMENT.unsigned_abs() {
                return Ok(deleted);
            }
        }
    }

    /// When what was deleted leaves its files is the server's own business: docs/OPERATIONS.md.
    pub(super) async fn wipe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// As [`Self::wipe`].
    pub(super) async fn rewrite(&self) -> Result<(), StoreError> {
        Ok(())
    }

    pub(super) async fn stored_after(
        &self,
        last: Option<SessionId>,
    ) -> Result<Option<StoredSession>, StoreError> {
        leased!(self, connection => stored::after(connection, last))
    }

    pub(super) async fn take_in(&self, session: &StoredSession) -> Result<bool, StoreError> {
        leased!(self, connection => stored::take_in(connection, session))
    }
}

/// Keeps what one statement of a cleanup did: whether there may be more. What was done before the database
/// went away is done, and its people must be told.
fn carry_on<T>(done: &mut Vec<T>, some: Result<Vec<T>, StoreError>) -> Result<bool, StoreError> {
    match some {
        Err(error) if done.is_empty() => Err(error),
        Err(_) => Ok(false),
        Ok(some) => {
            let full = i64::try_from(some.len()).is_ok_and(|rows| rows >= CLEANUP_ROWS_PER_STATEMENT);
            done.extend(some);
            Ok(full)
        }
    }
}

/// Migrates the tables in one transaction, one node at a time; the next node finds it done.
///
/// Versions are kept in a table of our own name: the sibling of the replaced system may have used the
/// library's usual one.
async fn migrate(starter: &PgPool) -> Result<(), StoreError> {
    let mut write = starter.begin().await?;
    let version: String = sqlx::query_scalar("SHOW server_version_num").fetch_one(&mut *write).await?;
    if version.parse().unwrap_or(0) < OLDEST_SERVER {
        let too_old = format!("PostgreSQL 13 or newer is needed, this is {version}");
        return Err(StoreError::Unavailable(too_old.into()));
    }
    sqlx::raw_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'")
        .execute(&mut *write)
        .await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *write).await?;
    let left_behind: bool = sqlx::query_scalar(
        "SELECT to_regclass('tagalong_migrations') IS NULL
            AND coalesce(to_regclass('sessions'), to_regclass('participants')) IS NOT NULL",
    )
    .fetch_one(&mut *write)
    .await?;
    if left_behind {
        sqlx::raw_sql(include_str!("takeover.sql")).execute(&mut *write).await?;
    }
    let mut migrator = sqlx::migrate!("src/migrations/postgres");
    migrator.set_locking(false).dangerous_set_table_name("tagalong_migrations");
    let migrated = migrator.run_direct(None, &mut *write, false).await;
    migrated.map_err(|error| StoreError::Unavailable(error.into()))?;
    sql::write_confusable_keys(&mut write).await?;
    Ok(write.commit().await?)
}
