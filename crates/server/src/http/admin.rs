//! Access to metrics and the dashboard requires the admin token.
//!
//! The address of a request proves nothing: a proxy connects from this machine for every client, and passes on any host
//! that the client names.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use subtle::ConstantTimeEq;
use tagalong_core::problem::Problem;

use super::api_error::ApiError;
use super::state::State;
use crate::config::Secret;

/// Proof that a request has the admin token.
pub(super) struct Admin;

impl FromRequestParts<State> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, ApiError> {
        match &state.operator.admin_token {
            Some(token) if has(token, &parts.headers) => Ok(Self),
            Some(_) => Err(Problem::Unauthenticated.into()),
            // Without a token the operator's pages are closed.
            None => Err(Problem::NotFound.into()),
        }
    }
}

fn has(token: &Secret, headers: &HeaderMap) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.split_once(' '));
    sent.is_some_and(|(scheme, sent)| {
        scheme.eq_ignore_ascii_case("bearer")
            && bool::from(sent.trim().as_bytes().ct_eq(token.expose().as_bytes()))
    })
}
