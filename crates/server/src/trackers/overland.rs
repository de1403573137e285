//! Overland: batches of GeoJSON features, of which the newest counts. It keeps and sends again a batch that is
//! not answered with exactly `TAKEN`; so features that make no sense are passed over.

use serde::Deserialize;
use serde_json::value::RawValue;
use tagalong_core::limits::REQUEST_BODY_BYTES_MAX;
use tagalong_core::time::Timestamp;

use super::{Request, Said, Unusable, fields};

/// The only answer that it takes for a yes.
pub(super) const TAKEN: &str = r#"{"result":"ok"}"#;

/// Features stay text until each is looked at: a batch of a thousand is never held twice.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    locations: Vec<&'a RawValue>,
}

pub(super) fn read(request: Request<'_>, now: Timestamp) -> Result<Said, Unusable> {
    let batch: Batch<'_> = serde_json::from_slice(request.body).map_err(|_| Unusable::Malformed)?;
    let small = batch.locations.iter().filter(|feature| feature.get().len() <= REQUEST_BODY_BYTES_MAX);
    let positions = small.filter_map(|feature| {
        let feature = serde_json::from_str(feature.get()).ok()?;
        fields::OVERLAND.read(&feature, now).ok()
    });
    Ok(positions.max_by_key(|position| position.timestamp()).map_or(Said::Nothing, Said::Position))
}
