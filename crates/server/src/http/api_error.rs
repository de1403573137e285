//! Refusals: what the public reads and what the log keeps, apart.

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

/// After this a client may try again when the database, or something else that is needed, did not answer.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);

/// A request that is not done, and why. Turned into its body by the request's own layer, which knows the
/// request's id.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    problem: Problem,
    message: Cow<'static, str>,
    details: Details,
    cause: Option<Cause>,
    retry_after: Option<Duration>,
}

/// Why something of ours failed: for the log alone.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The database does not answer, or others wait for it. Then all requests fail that need it.
    Database(String),
    /// Anything else.
    Other(String),
}

impl Cause {
    /// What the log says.
    pub(crate) fn text(&self) -> &str {
        let (Self::Database(text) | Self::Other(text)) = self;
        text
    }
}

/// It is done, and there is nothing more to say.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    #[schema(example = true)]
    success: bool,
}

impl Done {
    /// The only one there is.
    pub(crate) fn new() -> Self {
        Self { success: true }
    }
}

/// What is wrong with each field.
pub(crate) type Details = BTreeMap<&'static str, Vec<String>>;

/// A refusal.
#[derive(Serialize, ToSchema)]
pub(super) struct Body<'a> {
    /// A sentence for people.
    error: &'a str,
    /// What clients go by.
    code: &'static str,
    /// Stands in each line that the server logs about the request.
    request_id: &'a str,
    /// What is wrong with each field, where fields were invalid.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Vec<String>>, required = false)]
    details: &'a Details,
}

impl ApiError {
    /// Fields that are invalid.
    pub(crate) fn invalid(message: &'static str, details: Details) -> Self {
        Self { message: message.into(), details, ..Problem::InvalidParameters.into() }
    }

    /// Something that is needed does not answer: why is for the log alone.
    pub(crate) fn unavailable(cause: Cause) -> Self {
        Self { cause: Some(cause), ..Problem::Unavailable.into() }.after(UNAVAILABLE_RETRY)
    }

    /// The same in other words.
    pub(crate) fn saying(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// To be tried again after a while.
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// What it is.
    pub(crate) fn problem(&self) -> Problem {
        self.problem
    }

    /// What the log should know of it.
    pub(crate) fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// The body that the public reads.
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
