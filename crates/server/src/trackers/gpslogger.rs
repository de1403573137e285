//! GPSLogger with a custom URL: the pairs of this server's template, or of its `%ALL`, in the query or in the body.

use tagalong_core::time::Timestamp;

use super::fields::{self, Unfit};
use super::{Payload, Request, Unusable};

/// The body to paste into the app.
pub(super) const BODY: &str =
    "lat=%LAT&lon=%LON&timestamp=%TIMESTAMP&acc=%ACC&alt=%ALT&spd=%SPD&dir=%DIR&batt=%BATT";

pub(super) fn read(request: Request<'_>, now: Timestamp) -> Result<Payload, Unusable> {
    let pairs = fields::pairs([request.query.as_bytes(), request.body]);
    fields::GPSLOGGER.read(&pairs, now).map(Payload::Position).or_else(Unfit::said)
}
