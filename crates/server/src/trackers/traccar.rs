//! Traccar Client, old and new, and everything else that speaks the OsmAnd protocol: pairs in the query or in the
//! body, or JSON in the body.

use serde_json::Value;
use tagalong_core::time::Timestamp;

use super::{Request, Said, Unusable, fields};

pub(super) fn read(request: Request<'_>, now: Timestamp) -> Result<Said, Unusable> {
    if request.body.trim_ascii_start().starts_with(b"{") {
        let message: Value = serde_json::from_slice(request.body).map_err(|_| Unusable::Malformed)?;
        return fields::TRACCAR.read(&message, now).map(Said::Position);
    }
    let mut pairs = fields::pairs([request.query.as_bytes(), request.body]);
    let both = pairs["location"].as_str().and_then(|both| {
        let (lat, lon) = both.split_once(',')?;
        Some([("lat", lat.to_owned()), ("lon", lon.to_owned())])
    });
    for (name, value) in both.into_iter().flatten() {
        pairs[name] = value.into();
    }
    fields::OSMAND.read(&pairs, now).map(Said::Position)
}
