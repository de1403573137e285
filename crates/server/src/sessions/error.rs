//! Why a domain call was not done.

use tagalong_core::session::Rejection;
use tokio::task::JoinError;

use crate::write_locks::LockTimeout;
use tagalong_platform::entropy::NoEntropy;
use tagalong_store::{StoreError, TransactionError};

/// Why a domain call was not done. What the public is told of it stands in `http/api_error.rs`.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The rules of the session say no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Earlier writes of the session took too long.
    #[error(transparent)]
    Busy(#[from] LockTimeout),
    /// No id can be made.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// A fault of ours: the call panicked. Whether it was done is not known.
    #[error("the call did not come to its end: {0}")]
    Interrupted(#[from] JoinError),
}

impl From<TransactionError> for SessionError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Rejected(rejection) => Self::Rejected(rejection),
            TransactionError::Store(error) => Self::Store(error),
        }
    }
}
