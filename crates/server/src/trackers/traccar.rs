//! The OsmAnd protocol: pairs in the query or in the body, as Traccar Client speaks it and as OsmAnd does, or the JSON
//! of Traccar Client 9.
//!
//! Traccar Client retries the first report of its queue until the answer is 2xx, and sends nothing else meanwhile. So a
//! request with a device, which the app always sends, and without a place is acknowledged: a heartbeat or an alarm
//! without a fix, cell towers only, the token for notifications.

use serde_json::Value;
use tagalong_core::time::Timestamp;

use super::fields::{self, Shape, Unfit};
use super::{Payload, Request, Unusable};

/// The names of the device.
const DEVICE: [&str; 2] = ["id", "deviceid"];
/// Fields of reports without a place.
const ABOUT: [&str; 6] = ["timestamp", "batt", "alarm", "notificationToken", "cell", "wifi"];

pub(super) fn read(request: Request<'_>, now: Timestamp, form: &Shape) -> Result<Payload, Unusable> {
    if request.body.trim_ascii_start().starts_with(b"{") {
        return json(request.body, now);
    }
    let mut pairs = fields::pairs([request.query.as_bytes(), request.body]);
    let both = pairs["location"].as_str().and_then(|both| {
        let (lat, lon) = both.split_once(',')?;
        Some([("lat", lat.to_owned()), ("lon", lon.to_owned())])
    });
    let has_place = pairs.get("location").is_some() || !form.has_no_place(&pairs);
    for (name, value) in both.into_iter().flatten() {
        pairs[name] = value.into();
    }
    let has = |names: &[&str]| names.iter().any(|name| pairs.get(*name).is_some());
    match form.read(&pairs, now) {
        Ok(position) => Ok(Payload::Position(position)),
        Err(Unfit::NoPlace) if has(&DEVICE) || (!has_place && has(&ABOUT)) => Ok(Payload::Nothing),
        Err(unfit) => unfit.said(),
    }
}

fn json(body: &[u8], now: Timestamp) -> Result<Payload, Unusable> {
    let message: Value = serde_json::from_slice(body).map_err(|_| Unusable::Malformed)?;
    let is_of_app = message.get("device_id").is_some();
    let is_heartbeat = message["location"].is_object() && fields::TRACCAR_JSON.has_no_place(&message);
    match fields::TRACCAR_JSON.read(&message, now) {
        Ok(position) => Ok(Payload::Position(position)),
        Err(Unfit::NoPlace | Unfit::NoTime) if is_of_app || is_heartbeat => Ok(Payload::Nothing),
        Err(unfit) => unfit.said(),
    }
}
