//! Why the database did not do something, and why a transaction was not done that the rules of sessions decide.

use std::error::Error;

use tagalong_core::session::{Closed, Rejection};

use tagalong_platform::metrics::Outcome;

/// For the log alone.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, or not as it should.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// What was to be written contradicts what stands there already, as a unique index says.
    #[error("the database has a row that contradicts this one")]
    Conflict,
}

/// Why a transaction was not done that reads a session and asks its rules.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// The rules say no. Nothing was written.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<sqlx::Error> for TransactionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Closed> for TransactionError {
    fn from(closed: Closed) -> Self {
        Self::Rejected(closed.into())
    }
}

/// Tells a database that failed from one that said no.
pub(super) trait Failure: From<StoreError> {
    /// The cause, if the database failed.
    ///
    /// # Errors
    /// This very error, if the database works.
    fn into_cause(self) -> Result<Cause, Self>;

    /// How it counts: a no is an answer.
    fn outcome(&self) -> Outcome;
}

impl Failure for StoreError {
    fn into_cause(self) -> Result<Cause, Self> {
        match self {
            Self::Unavailable(cause) => Ok(cause),
            Self::Conflict => Err(self),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Unavailable(_) => Outcome::Failed,
            Self::Conflict => Outcome::Refused,
        }
    }
}

impl Failure for TransactionError {
    fn into_cause(self) -> Result<Cause, Self> {
        match self {
            Self::Store(error) => error.into_cause().map_err(Self::Store),
            Self::Rejected(_) => Err(self),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Store(error) => error.outcome(),
            Self::Rejected(_) => Outcome::Refused,
        }
    }
}
