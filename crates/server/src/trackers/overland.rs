//! Overland: batches of GeoJSON features, of which the newest counts. It sends a batch again until the answer is
//! exactly `TAKEN`; so invalid features are skipped.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tagalong_core::limits::{BATCH_FEATURES_MAX, REQUEST_BODY_BYTES_MAX};
use tagalong_core::position::Position;
use tagalong_core::time::Timestamp;

use super::fields::{self, Unfit};
use super::{Payload, Request, Unusable};

/// The only answer that it accepts as a success.
pub(super) const TAKEN: &str = r#"{"result":"ok"}"#;

/// Features stay text until they are read, so that a batch of a thousand is never held twice.
#[derive(Deserialize)]
struct Upload<'a> {
    /// The waiting features, the oldest first.
    #[serde(borrow)]
    locations: Option<Vec<&'a RawValue>>,
    /// The phone's present position, if more features wait than fit in a batch.
    #[serde(borrow)]
    current: Option<&'a RawValue>,
}

pub(super) fn read(request: Request<'_>, now: Timestamp) -> Result<Payload, Unusable> {
    let batch: Upload<'_> = serde_json::from_slice(request.body).map_err(|_| Unusable::Malformed)?;
    if batch.locations.is_none() && batch.current.is_none() {
        return Err(Unusable::Malformed);
    }
    let waiting = batch.locations.unwrap_or_default();
    // The oldest come first.
    let passed_over = waiting.len().saturating_sub(BATCH_FEATURES_MAX);
    let features = waiting.into_iter().skip(passed_over).chain(batch.current);
    let mut newest: Option<Position> = None;
    let mut ahead = None;
    for feature in features.filter(|feature| feature.get().len() <= REQUEST_BODY_BYTES_MAX) {
        let Ok(feature) = serde_json::from_str(feature.get()) else { continue };
        if is_about_something_else(&feature) {
            continue;
        }
        match fields::OVERLAND.read(&feature, now) {
            Ok(position) => newest = newest.into_iter().chain([position]).max_by_key(|one| one.timestamp()),
            Err(Unfit::Ahead(by)) => ahead = ahead.max(Some(by)),
            Err(Unfit::NoPlace | Unfit::NoTime) => {}
        }
    }
    Ok(match (newest, ahead) {
        // With a clock that is ahead, a fix dated now or later is old.
        (newest, Some(by)) if newest.as_ref().is_none_or(|newest| newest.timestamp() > now) => {
            Payload::Ahead(by)
        }
        (Some(newest), _) => Payload::Position(newest),
        (None, _) => Payload::Nothing,
    })
}

/// A visit, an event of the app, or a trip: dated now, but with a former place.
fn is_about_something_else(feature: &Value) -> bool {
    let says =
        |name: &str| feature["properties"].get(name).is_some_and(|value| !value.is_null() && value != "");
    says("action") || says("type")
}
