//! Errors of the database, and of transactions that apply the rules of sessions.

use std::error::Error;

use tagalong_core::session::{Closed, Rejection};
use tagalong_platform::metrics::Outcome;

/// For the log alone.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Why the database failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, or answers invalidly.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A unique index rejects the row.
    #[error("the database has a row that contradicts this one")]
    Conflict,
}

/// Why a transaction that applies the rules of a session failed.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// The rules reject it. Nothing was written.
    #[error(transparent)]
    Rejected(#[from] Rejection),
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

/// Separates failures of the database from rejections.
pub(super) trait Failure: From<StoreError> {
    /// The cause, if the database failed.
    ///
    /// # Errors
    /// This very error, if the database works.
    fn into_cause(self) -> Result<Cause, Self>;

    /// The outcome for metrics: a rejection is an answer.
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
