//! The one connection that writes.
//!
//! A transaction costs more than its writes: a turn of the database's thread for each end, locks, pages that the next
//! one writes again. So all waiting writes go into one, and each caller is answered after the commit.

use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Sqlite, Transaction};
use tokio::sync::oneshot;

use crate::StoreError;
use crate::error::Failure;

/// Why nothing was written.
type Cause = Arc<dyn Error + Send + Sync>;
type Work = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<(), Cause>> + Send>;

/// A waiting write, and the sender for its result.
struct Write {
    work: Work,
    asker: oneshot::Sender<Result<(), Cause>>,
}

/// Takes what is to be written. Clones share the connection.
#[derive(Clone)]
pub(super) struct Writer {
    /// A pool of one connection, so that there is one writer.
    pool: SqlitePool,
    waiting: Arc<Mutex<Vec<Write>>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Writes with a pool of one connection.
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self { pool, waiting: Arc::default() }
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A transaction of its own. `BEGIN IMMEDIATE`: one that read first and wrote later could not be given the lock
    /// any more.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// Writes together with others, also if the caller is cancelled meanwhile. `work` must not write before it rejects,
    /// because others write in the same transaction. If the database fails, nothing of the transaction is written.
    ///
    /// # Errors
    /// Those of `work`, or the database does not answer.
    pub(super) async fn write<T, E>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            Box::pin(async move {
                let answered = match work(connection).await.map_err(Failure::into_cause) {
                    Err(Ok(cause)) => return Err(cause.into()),
                    Err(Err(rejected)) => Err(rejected),
                    Ok(done) => Ok(done),
                };
                // A cancelled caller needs no answer.
                _ = answer.send(answered);
                Ok(())
            })
        });
        self.enqueue(work).await.map_err(|cause| StoreError::Unavailable(Box::new(cause)))?;
        answered.await.unwrap_or_else(|lost| Err(StoreError::Unavailable(lost.into()).into()))
    }

    /// Waits for a write's transaction. The first that waits begins one; those that come before it has the
    /// connection go with it.
    async fn enqueue(&self, work: Work) -> Result<(), Cause> {
        let (asker, told) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock();
            waiting.push(Write { work, asker });
            waiting.len() == 1
        };
        if first {
            tokio::spawn(self.clone().write_waiting());
        }
        told.await.unwrap_or_else(|lost| Err(Arc::new(lost)))
    }

    async fn write_waiting(self) {
        let begun = self.begin().await;
        let writes = std::mem::take(&mut *self.waiting.lock());
        let (works, askers): (Vec<_>, Vec<_>) =
            writes.into_iter().map(|write| (write.work, write.asker)).unzip();
        let written = match begun {
            Ok(transaction) => write_all(transaction, works).await,
            Err(error) => Err(cause(error)),
        };
        for asker in askers {
            _ = asker.send(written.clone());
        }
    }
}

async fn write_all(mut transaction: Transaction<'_, Sqlite>, works: Vec<Work>) -> Result<(), Cause> {
    for work in works {
        work(&mut transaction).await?;
    }
    transaction.commit().await.map_err(cause)
}

fn cause(error: sqlx::Error) -> Cause {
    Arc::new(error)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use sqlx::sqlite::SqlitePoolOptions;
    use tagalong_core::session::Rejection;

    use super::*;
    use crate::TransactionError;

    async fn writer() -> Writer {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        sqlx::query("CREATE TABLE letters (letter TEXT UNIQUE)").execute(&pool).await.unwrap();
        Writer::new(pool)
    }

    async fn insert(write: &mut SqliteConnection, letter: &'static str) -> Result<(), TransactionError> {
        sqlx::query("INSERT INTO letters VALUES (?)").bind(letter).execute(write).await?;
        Ok(())
    }

    async fn refuse(write: &mut SqliteConnection) -> Result<(), TransactionError> {
        // A statement that does nothing, as the database refuses it, is no failure of the others'.
        insert(write, "a").await.map_err(|_| Rejection::NameTaken.into())
    }

    /// Lets all of these wait before the first is written.
    async fn together(writer: &Writer, letters: &[&'static str]) -> Vec<Result<(), Option<Rejection>>> {
        let held = writer.begin().await.unwrap();
        let asked: Vec<_> = letters
            .iter()
            .map(|letter| {
                let (writer, letter) = (writer.clone(), *letter);
                tokio::spawn(async move {
                    match letter {
                        "" => writer.write(|write| refuse(write).boxed()).await,
                        letter => writer.write(move |write| insert(write, letter).boxed()).await,
                    }
                })
            })
            .collect();
        while writer.waiting.lock().len() < letters.len() {
            tokio::task::yield_now().await;
        }
        held.rollback().await.unwrap();
        let mut answers = Vec::new();
        for asked in asked {
            answers.push(asked.await.unwrap().map_err(|error| match error {
                TransactionError::Rejected(rejection) => Some(rejection),
                TransactionError::Store(_) => None,
            }));
        }
        answers
    }

    async fn letters(writer: &Writer) -> Vec<String> {
        let query = sqlx::query_scalar("SELECT letter FROM letters ORDER BY letter");
        query.fetch_all(writer.pool()).await.unwrap()
    }

    #[tokio::test]
    async fn a_refusal_takes_nobody_along() {
        let writer = writer().await;
        let answers = together(&writer, &["a", "", "b"]).await;
        assert_eq!(answers, [Ok(()), Err(Some(Rejection::NameTaken)), Ok(())]);
        assert_eq!(letters(&writer).await, ["a", "b"]);
    }

    #[tokio::test]
    async fn what_waits_is_one_transaction_and_a_failure_leaves_nothing_of_it() {
        let writer = writer().await;
        assert_eq!(together(&writer, &["a"]).await, [Ok(())]);
        assert_eq!(together(&writer, &["b", "a", "c"]).await, [Err(None); 3]);
        assert_eq!(letters(&writer).await, ["a"]);
        assert_eq!(together(&writer, &["b", "c"]).await, [Ok(()), Ok(())]);
        assert_eq!(letters(&writer).await, ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_write_is_done_for_who_has_gone() {
        let writer = writer().await;
        let held = writer.begin().await.unwrap();
        let gone = writer.write(|write| insert(write, "a").boxed());
        assert!(gone.now_or_never().is_none());
        held.rollback().await.unwrap();
        assert_eq!(together(&writer, &["b"]).await, [Ok(())]);
        assert_eq!(letters(&writer).await, ["a", "b"]);
    }
}
