//! Connections to a database server that may be slow, frozen or gone: no caller waits for long, and a connection with
//! unfinished work is never given to the next caller.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection, Postgres as Dialect};
use tagalong_platform::clock::Clock;

use crate::StoreError;

/// How long a caller waits for an answer, all in all.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);
/// The part of it for getting a connection.
const CONNECTION_PATIENCE: Duration = Duration::from_millis(1_500);
/// How much of that an idle connection may take to show that it still lives. After a failover, the rest is
/// enough to make a new one.
const PROBE_DEADLINE: Duration = Duration::from_millis(500);

/// A connection of the pool for as long as one piece of work takes.
pub(super) struct Lease {
    connection: PoolConnection<Dialect>,
    settled: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within {} ms", .0.as_millis())]
struct Late(Duration);

/// Up to `connections` of them, made when they are needed.
pub(super) fn pool(options: PgConnectOptions, connections: u32, clock: &Clock) -> PgPool {
    let clock = clock.clone();
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(CONNECTION_PATIENCE)
        // The pool's own test has no deadline: one connection that the network forgot would take all the time.
        .test_before_acquire(false)
        .before_acquire(move |connection, _| Box::pin(probe(connection, clock.clone())))
        .connect_lazy_with(options)
}

async fn probe(connection: &mut PgConnection, clock: Clock) -> Result<bool, sqlx::Error> {
    let answer = clock.timeout(PROBE_DEADLINE, connection.ping()).await;
    Ok(answer.is_some_and(|answer| answer.is_ok()))
}

/// Runs the work within the deadline.
pub(super) async fn bounded<T, E: From<StoreError>>(
    clock: &Clock,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let late = || Err(StoreError::Unavailable(Late(ANSWER_DEADLINE).into()).into());
    clock.timeout(ANSWER_DEADLINE, work).await.unwrap_or_else(late)
}

impl Lease {
    /// Takes a connection out of the pool.
    pub(super) async fn take(pool: &PgPool) -> Result<Self, StoreError> {
        Ok(Self { connection: pool.acquire().await?, settled: false })
    }

    /// The work is done, well or not: the connection may go back.
    pub(super) fn settle<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.settled = true;
        result
    }
}

impl Drop for Lease {
    /// Work that was cancelled, by its deadline or because the client disconnected, leaves a connection with an
    /// outstanding answer. It is closed, and the server rolls back.
    fn drop(&mut self) {
        if !self.settled {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
