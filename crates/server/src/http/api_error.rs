//! Errors of REST: the public body, and the cause, which only the log has.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tagalong_core::json::to_json;
use tagalong_core::problem::Problem;
use utoipa::ToSchema;

use crate::sessions::SessionError;

/// When a client may retry after the database or Redis did not answer.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);

/// Why a request failed. The request's layer turns it into the body, because it knows the request's id.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    problem: Problem,
    message: Cow<'static, str>,
    details: Details,
    cause: Option<Cause>,
    retry_after: Option<Duration>,
}

/// The internal cause, for the log only.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The database does not answer, or too many requests wait for it. All requests that need it fail.
    Database(String),
    /// Anything else.
    Other(String),
}

impl Cause {
    pub(crate) fn text(&self) -> &str {
        let (Self::Database(text) | Self::Other(text)) = self;
        text
    }
}

/// Success without further data.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    #[schema(example = true)]
    success: bool,
}

impl Done {
    pub(crate) fn new() -> Self {
        Self { success: true }
    }
}

/// Errors by field.
pub(crate) type Details = BTreeMap<&'static str, Vec<String>>;

/// An error.
#[derive(Serialize, ToSchema)]
pub(super) struct Body<'a> {
    /// A sentence for people.
    error: &'a str,
    /// The stable code, for clients.
    code: &'static str,
    /// Stands in each line that the server logs about the request.
    request_id: &'a str,
    /// Errors by field, if fields were invalid.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Vec<String>>, required = false)]
    details: &'a Details,
}

impl ApiError {
    pub(crate) fn invalid(message: &'static str, details: Details) -> Self {
        Self { message: message.into(), details, ..Problem::InvalidParameters.into() }
    }

    /// The database or Redis does not answer; the cause is for the log only.
    pub(crate) fn unavailable(cause: Cause) -> Self {
        Self { cause: Some(cause), ..Problem::Unavailable.into() }.after(UNAVAILABLE_RETRY)
    }

    /// Replaces the message.
    pub(crate) fn saying(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Adds the time after which a client may retry.
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    pub(crate) fn problem(&self) -> Problem {
        self.problem
    }

    /// The cause, for the log.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// The public body.
    pub(crate) fn body(&self, request_id: &str) -> String {
        let code = self.problem.code();
        to_json(&Body { error: &self.message, code, request_id, details: &self.details })
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            message: problem.message().into(),
            details: Details::new(),
            cause: None,
            retry_after: None,
        }
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Rejected(rejection) => Problem::from(rejection).into(),
            SessionError::Store(_) | SessionError::Busy(_) => {
                Self::unavailable(Cause::Database(error.to_string()))
            }
            SessionError::Entropy(_) | SessionError::Interrupted(_) => {
                Self::unavailable(Cause::Other(error.to_string()))
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if let Some(wait) = self.retry_after {
            // Whole seconds, and never zero.
            let seconds = HeaderValue::from(wait.as_millis().div_ceil(1000).max(1) as u64);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(self);
        response
    }
}
