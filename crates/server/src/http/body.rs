//! Request bodies: bounded in size and time, JSON objects with any content type.

use std::fmt::Display;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tagalong_core::limits::{
    LARGE_BODY_BYTES_MAX, LARGE_BODY_DISCARDED_BYTES_MAX, REQUEST_BODY_BYTES_MAX,
    REQUEST_BODY_BYTES_PER_SECOND, REQUEST_BODY_DEADLINE, REQUEST_BODY_DEADLINE_MAX,
};
use tagalong_core::participant::{AvatarColor, DisplayName};
use tagalong_core::problem::Problem;
use tagalong_core::session::SessionName;
use tagalong_platform::clock::Clock;
use tagalong_realtime::body_limit::{BodyLimit, BodyPermit, BodySender, NoPermit};
use tagalong_realtime::rates::Address;

use super::api_error::{ApiError, Details};
use super::state::State;

/// After this a client without a permit for a large body may try again.
const PERMIT_RETRY: Duration = Duration::from_secs(2);

/// A body within the size limit.
pub(super) struct BoundedBody(Bytes);

/// A body that may be large.
pub(crate) enum LargeBody {
    /// A large one has a permit as long as it is held.
    Read(Bytes, Option<BodyPermit>),
    /// Too large to be kept.
    Discarded,
}

impl FromRequest<State> for BoundedBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &State) -> Result<Self, ApiError> {
        let mut incoming = Incoming::new(request, &state.api.clock);
        let mut bytes = incoming.buffer(REQUEST_BODY_BYTES_MAX);
        while let Some(more) = incoming.next().await? {
            if bytes.len() + more.len() > REQUEST_BODY_BYTES_MAX {
                return Err(Problem::PayloadTooLarge.into());
            }
            bytes.extend_from_slice(&more);
        }
        Ok(Self(bytes.into()))
    }
}

impl LargeBody {
    /// Reads a body, with a permit if it is larger than an ordinary one.
    pub(crate) async fn read(
        request: Request,
        (bodies, clock): (&BodyLimit, &Clock),
        sender: &BodySender,
        address: Address,
    ) -> Result<Self, ApiError> {
        let mut incoming = Incoming::new(request, clock);
        if incoming.declared.is_some_and(|bytes| bytes > LARGE_BODY_BYTES_MAX) {
            return incoming.discard().await.map(|()| Self::Discarded);
        }
        let mut bytes = incoming.buffer(REQUEST_BODY_BYTES_MAX);
        let mut permitted = None;
        while let Some(more) = incoming.next().await? {
            let length = bytes.len() + more.len();
            if length > LARGE_BODY_BYTES_MAX {
                drop((bytes, permitted));
                return incoming.discard().await.map(|()| Self::Discarded);
            }
            if length > REQUEST_BODY_BYTES_MAX && permitted.is_none() {
                permitted = Some(bodies.take(sender, address).map_err(refused)?);
            }
            bytes.extend_from_slice(&more);
        }
        Ok(Self::Read(bytes.into(), permitted))
    }
}

fn refused(reason: NoPermit) -> ApiError {
    let refusal = match reason {
        NoPermit::Client => ApiError::from(Problem::RateLimited)
            .saying("Too many large requests at once: send them one after the other"),
        NoPermit::Process => Problem::Unavailable.into(),
    };
    refusal.after(PERMIT_RETRY)
}

/// A body on its way in. Its deadline moves with the bytes that have come, up to a maximum.
struct Incoming<'a> {
    body: Body,
    declared: Option<usize>,
    received: usize,
    began: std::time::Instant,
    clock: &'a Clock,
}

impl<'a> Incoming<'a> {
    fn new(request: Request, clock: &'a Clock) -> Self {
        let body = request.into_body();
        let declared = axum::body::HttpBody::size_hint(&body).exact();
        let declared = declared.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        Self { body, declared, received: 0, began: clock.instant(), clock }
    }

    /// A buffer of the declared length, if that is ordinary. Incoming bytes are copied, because a slice of the input
    /// would keep the connection's whole buffer.
    fn buffer(&self, bytes_max: usize) -> Vec<u8> {
        Vec::with_capacity(self.declared.unwrap_or_default().min(bytes_max))
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let deadline = self.clock.sleep_until(self.began + time_for(self.received));
            let frame = tokio::select! {
                frame = self.body.frame() => frame,
                () = deadline => return Err(Problem::RequestTimeout.into()),
            };
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(Problem::InvalidParameters.into()),
                // Trailers are ignored.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.received = self.received.saturating_add(bytes.len());
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// Reads the rest and keeps none of it.
    async fn discard(mut self) -> Result<(), ApiError> {
        while self.received <= LARGE_BODY_DISCARDED_BYTES_MAX {
            if self.next().await?.is_none() {
                return Ok(());
            }
        }
        Err(Problem::PayloadTooLarge.into())
    }
}

/// The total time that a client may take until the next bytes, after `received` bytes.
fn time_for(received: usize) -> Duration {
    let bought = u64::try_from(received / REQUEST_BODY_BYTES_PER_SECOND).unwrap_or(u64::MAX);
    REQUEST_BODY_DEADLINE.saturating_add(Duration::from_secs(bought)).min(REQUEST_BODY_DEADLINE_MAX)
}

impl BoundedBody {
    /// Reads a JSON object whose fields are all of type [`Field`]. An empty body, or `null`, has no fields; of a field
    /// that is repeated the last counts; unknown fields are ignored.
    pub(super) fn read<T: DeserializeOwned>(&self, message: &'static str) -> Result<(T, Invalid), ApiError> {
        let bytes: &[u8] = if self.0.is_empty() { b"null" } else { &self.0 };
        let fields = serde_json::from_slice::<Option<Map<String, Value>>>(bytes);
        match fields.and_then(|fields| T::deserialize(Value::Object(fields.unwrap_or_default()))) {
            Ok(body) => Ok((body, Invalid { details: Details::new(), message })),
            Err(_) => {
                let details = Details::from([("body", vec!["must be a JSON object".to_owned()])]);
                Err(ApiError::invalid(message, details))
            }
        }
    }
}

/// One field of a body. An invalid value is no error of the body, so that one answer names all that is wrong.
#[derive(Default)]
pub(super) enum Field<T> {
    /// It was not sent.
    #[default]
    Missing,
    /// It was sent as `null`: in a change this says something.
    Null,
    /// It was sent and is valid.
    Valid(T),
    /// It was sent and is not, and why.
    Invalid(String),
}

impl<'de, T: FromJson> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Null,
            value => T::from_json(value).map_or_else(Self::Invalid, Self::Valid),
        })
    }
}

impl<T: FromJson> Field<T> {
    /// Text that was not sent is invalid for the same reason as empty text.
    pub(super) fn or_empty_text(self) -> Self {
        match self {
            Self::Missing | Self::Null => {
                T::from_json(Value::from("")).map_or_else(Self::Invalid, Self::Valid)
            }
            sent => sent,
        }
    }
}

/// What a field is parsed into.
pub(super) trait FromJson: Sized {
    /// Parses a value that is not `null`, or says what is wrong with it.
    fn from_json(value: Value) -> Result<Self, String>;
}

impl FromJson for bool {
    fn from_json(value: Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "must be true or false".to_owned())
    }
}

impl FromJson for DisplayName {
    fn from_json(value: Value) -> Result<Self, String> {
        text(&value, Self::parse)
    }
}

impl FromJson for AvatarColor {
    fn from_json(value: Value) -> Result<Self, String> {
        text(&value, Self::parse)
    }
}

/// A name that may be blank, which is none.
impl FromJson for Option<SessionName> {
    fn from_json(value: Value) -> Result<Self, String> {
        text(&value, SessionName::parse)
    }
}

fn text<T, E: Display>(value: &Value, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, String> {
    parse(value.as_str().ok_or("must be text")?).map_err(|error| error.to_string())
}

/// A whole number, also written as text; nothing if it is none, since its range is known only to the handler.
pub(super) struct WholeNumber(pub(super) Option<u64>);

impl FromJson for WholeNumber {
    fn from_json(value: Value) -> Result<Self, String> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole and small"
        )]
        let whole =
            |number: f64| (number.fract() == 0.0 && (0.0..1e9).contains(&number)).then_some(number as u64);
        Ok(Self(match value {
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => number.as_f64().and_then(whole),
            _ => None,
        }))
    }
}

/// What is wrong with a body, field by field.
pub(super) struct Invalid {
    details: Details,
    message: &'static str,
}

impl Invalid {
    /// The value of a field; nothing if there is none, or if it is invalid, which is noted.
    pub(super) fn take<T>(&mut self, name: &'static str, field: Field<T>) -> Option<T> {
        match field {
            Field::Missing | Field::Null => None,
            Field::Valid(value) => Some(value),
            Field::Invalid(reason) => {
                self.note(name, reason);
                None
            }
        }
    }

    /// Records the error of a field.
    pub(super) fn note(&mut self, name: &'static str, reason: String) {
        self.details.entry(name).or_default().push(reason);
    }

    /// Fails if a field has an error.
    pub(super) fn check(self) -> Result<(), ApiError> {
        if self.details.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.message, self.details)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_come_keep_a_slow_body_alive_up_to_a_bound() {
        let seconds = |received| time_for(received).as_secs();
        assert_eq!((seconds(0), seconds(1_023), seconds(10 * 1024)), (10, 10, 20));
        // A phone that sends 5 KB a second is never late.
        assert!((0..50).all(|second| seconds(5_000 * second) > second as u64));
        assert_eq!((seconds(110 * 1024), seconds(usize::MAX)), (120, 120));
    }
}
