//! Request bodies: bounded in size and time, JSON objects, whatever their content type says.

use std::fmt::Display;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use tagalong_core::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_BODY_DEADLINE};
use tagalong_core::problem::Problem;

use super::answer::{Details, Refusal};
use crate::state::State;

/// The bytes of a body of bearable size.
pub(crate) struct BoundedBody(Bytes);

impl FromRequest<State> for BoundedBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &State) -> Result<Self, Refusal> {
        Self::read(request, REQUEST_BODY_BYTES_MAX, state).await
    }
}

impl BoundedBody {
    /// Reads a body of at most so many bytes.
    pub(crate) async fn read(request: Request, bytes_max: usize, state: &State) -> Result<Self, Refusal> {
        let body = Limited::new(request.into_body(), bytes_max);
        let collected = tokio::select! {
            collected = body.collect() => collected,
            () = state.clock.sleep(REQUEST_BODY_DEADLINE) => return Err(Problem::RequestTimeout.into()),
        };
        match collected {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(Problem::PayloadTooLarge.into()),
            Err(_) => Err(Problem::InvalidParameters.into()),
        }
    }
}

impl AsRef<[u8]> for BoundedBody {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The fields of a JSON object, taken one by one; what is wrong is collected, so that one answer names it all.
pub(super) struct Fields {
    fields: Map<String, Value>,
    details: Details,
    message: &'static str,
}

impl Fields {
    /// Reads a body; an empty one, or `null`, has no fields.
    pub(super) fn read(body: &BoundedBody, message: &'static str) -> Result<Self, Refusal> {
        let details = Details::new();
        if body.0.is_empty() {
            return Ok(Self { fields: Map::new(), details, message });
        }
        match serde_json::from_slice::<Option<_>>(&body.0) {
            Ok(fields) => Ok(Self { fields: fields.unwrap_or_default(), details, message }),
            Err(_) => {
                let details = Details::from([("body", vec!["must be a JSON object".to_owned()])]);
                Err(Refusal::invalid(message, details))
            }
        }
    }

    /// A field as it was sent, `null` included.
    pub(super) fn sent(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field)
    }

    /// A text field that may be missing or `null`.
    pub(super) fn text(&mut self, field: &'static str) -> Option<String> {
        match self.sent(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.wrong(field, "must be text");
                None
            }
        }
    }

    /// Understands a value, or notes what is wrong with the field.
    pub(super) fn parsed<T, E: Display>(&mut self, field: &'static str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.wrong(field, error)).ok()
    }

    /// Notes what is wrong with a field.
    pub(super) fn wrong(&mut self, field: &'static str, what: impl Display) {
        self.details.entry(field).or_default().push(what.to_string());
    }

    /// Whether a field was sent at all: in a change, `null` says something.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// Goes on only if nothing is wrong.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.details.is_empty() {
            return Ok(());
        }
        Err(Refusal::invalid(self.message, self.details.clone()))
    }
}
