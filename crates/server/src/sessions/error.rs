//! Errors of domain calls.

use tagalong_core::session::Rejection;
use tagalong_platform::entropy::NoEntropy;
use tagalong_store::{StoreError, TransactionError};
use tokio::task::JoinError;

use crate::write_locks::LockTimeout;

/// Why a domain call failed. `http/api_error.rs` has the public answer.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Busy(#[from] LockTimeout),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The call panicked. It is unknown whether it took effect.
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
