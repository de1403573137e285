//! Ids in addresses: an invalid id is answered like an unknown one.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tagalong_core::problem::Problem;

use super::api_error::ApiError;
use super::state::State;

/// The parameters of a path under `/api/sessions/{id}`.
pub(super) struct InPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<State> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(parameters)) => Ok(Self(parameters)),
            // Bytes that are not UTF-8.
            Err(_) => Err(Problem::SessionNotFound.into()),
        }
    }
}
