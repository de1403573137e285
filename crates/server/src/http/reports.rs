//! `/track/{secret}/{app}`: where tracker apps send positions, each in its own way.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State as With};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tagalong_core::limits::REQUEST_BODY_BYTES_MAX;
use tagalong_core::position::Position;
use tagalong_core::problem::Problem;
use tagalong_core::room::Snapshot;
use tagalong_core::time::Timestamp;
use tagalong_realtime::body_limit::{BodyPermit, BodySender};
use tagalong_realtime::hub::NotIn;
use tagalong_realtime::rates::Address;
use tagalong_store::TrackerRecord;

use super::api_error::{ApiError, Cause};
use super::body::LargeBody;
use super::negotiation::Encoding;
use super::path::InPath;
use super::state::Api;
use crate::sessions::SessionError;
use crate::trackers::link_cache::Known;
use crate::trackers::outcome::Outcome;
use crate::trackers::owntracks::{self, Friend};
use crate::trackers::{self, App, Payload, TrackerLink, Unusable};

/// A smaller answer hardly shrinks, and fits into one packet anyway.
const COMPRESSED_FROM_BYTES: usize = 1_024;

/// The secret is checked first: a request without a valid one costs only a signature.
pub(super) async fn receive(
    With(api): With<Arc<Api>>,
    InPath((secret, app)): InPath<(String, String)>,
    Extension(address): Extension<Address>,
    request: Request,
) -> Result<Response, ApiError> {
    let known = App::parse(&app).zip(TrackerLink::parse(&secret, &api.tokens));
    let (app, link) = known.ok_or(Problem::NotFound)?;
    let known = spend(&api, &link)?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let encoding = Encoding::choose(request.headers(), [Encoding::Gzip, Encoding::Identity].into_iter());
    // Read in any case: an app whose body is not read sees a broken connection, and sends it again.
    let sender = BodySender::Link(link.user.clone());
    let body = LargeBody::read(request, (&api.bodies, &api.clock), &sender, address).await?;
    let now = api.clock.system_now();
    // A batch that is too large to be read is acknowledged: the app would send it again for ever.
    let LargeBody::Read(body, permit) = body else {
        api.link_cache.note(&link, app, now, Outcome::TooLarge);
        return Ok(answer(app.yes(), encoding));
    };
    if known == Known::Over {
        return Ok(answer(app.yes(), encoding));
    }
    let said = understand(app, query, body, permit, now).await?.map_err(|unusable| {
        api.link_cache.note(&link, app, now, unusable.into());
        ApiError::from(Problem::InvalidLocation).saying(unusable.to_string())
    })?;
    match api.sessions.tracker(&link).await {
        Ok(record) => Ok(answer(take(&api, &link, record, said, app, now).await?, encoding)),
        // No such participant or session any more, or the link is revoked: it never becomes valid again.
        Err(SessionError::Rejected(_)) => {
            api.link_cache.bury(&link);
            Ok(answer(app.yes(), encoding))
        }
        Err(error) => Err(error.into()),
    }
}

/// Parses a report. A large body takes milliseconds, during which a runtime thread would serve no other connection.
async fn understand(
    app: App,
    query: String,
    body: Bytes,
    permit: Option<BodyPermit>,
    now: Timestamp,
) -> Result<Result<Payload, Unusable>, ApiError> {
    let is_large = body.len() > REQUEST_BODY_BYTES_MAX;
    let read = move || {
        // Also if the client has disconnected meanwhile: the body is held until here.
        let _permit = permit;
        app.read(trackers::Request { query: &query, body: &body }, now)
    };
    if is_large {
        Ok(tokio::task::spawn_blocking(read).await.map_err(|_| Problem::Internal)?)
    } else {
        Ok(read())
    }
}

fn spend(api: &Api, link: &TrackerLink) -> Result<Known, ApiError> {
    let step = Duration::from_secs(1) / api.config.messages_per_second.max(1);
    let step = if api.config.rate_limits { step } else { Duration::ZERO };
    let spent = api.link_cache.spend(link, step, api.clock.instant());
    spent.map_err(|wait| ApiError::from(Problem::RateLimited).after(wait))
}

async fn take(
    api: &Api,
    link: &TrackerLink,
    record: TrackerRecord,
    said: Payload,
    app: App,
    now: Timestamp,
) -> Result<Bytes, ApiError> {
    let age = |taken| api.link_cache.age(link, app, taken, now, api.clock.instant());
    let (position, outcome) = match said {
        Payload::Position(position) => {
            let age = age(position.timestamp());
            (Some((position, age)), Outcome::Shown)
        }
        Payload::Ahead(by) => {
            // The lead of the phone's clock is needed for the age of later reports.
            age(now.plus(by));
            (None, Outcome::Ahead(by))
        }
        Payload::Nothing => (None, Outcome::NoPosition),
    };
    if position.is_none() {
        api.link_cache.note(link, app, now, outcome);
        if !app.shows_others() {
            return Ok(app.yes());
        }
    }
    let others = report(api, link, app, &record, position, now).await?;
    if !app.shows_others() {
        return Ok(app.yes());
    }
    Ok(friends(api, link, record, others).await)
}

/// Publishes a position in the room, and takes the others' positions.
async fn report(
    api: &Api,
    link: &TrackerLink,
    app: App,
    record: &TrackerRecord,
    position: Option<(Position, Duration)>,
    now: Timestamp,
) -> Result<Snapshot, ApiError> {
    let age = position.as_ref().map(|(_, age)| *age);
    // The database's answer counts; a room with another state is compared with it soon.
    let (shown, others) =
        api.hub.report(record.session, &link.user, position).await.map_err(|error| match error {
            NotIn::Unread(error) => ApiError::unavailable(Cause::Database(error.to_string())),
            NotIn::Refused(problem) => ApiError::unavailable(Cause::Database(format!(
                "room and database disagree: {}",
                problem.reason()
            ))),
        })?;
    if let Some(age) = age {
        api.link_cache.note(link, app, now, Outcome::of(shown, age));
        api.metrics.positions_received.inc();
    }
    Ok(others)
}

/// The answer for an app that shows the others. Participants without a tracker id, because the database does not
/// answer, are left out this time.
async fn friends(api: &Api, link: &TrackerLink, record: TrackerRecord, others: Snapshot) -> Bytes {
    let present: Vec<_> = others.participants.participants.iter().map(|one| one.profile.clone()).collect();
    let known = record.tracker_ids.clone();
    let ids = api.sessions.tracker_ids(record, &present).await.unwrap_or(known);
    let others = others.without(&link.user);
    let friends = owntracks::friends(&others, &ids);
    let prints: Vec<u32> = friends.iter().map(Friend::card_print).collect();
    let due = api.link_cache.cards_due(link, &prints, api.clock.instant());
    owntracks::answer(&friends, &due, &api.avatars).into()
}

/// An answer, compressed if the app accepts that and it saves bytes.
fn answer(body: Bytes, encoding: Encoding) -> Response {
    let content_type = [(CONTENT_TYPE, "application/json")];
    if body.len() < COMPRESSED_FROM_BYTES {
        return (content_type, body).into_response();
    }
    let vary = [(VARY, "accept-encoding")];
    let compressed = (encoding == Encoding::Gzip).then(|| gzip(&body)).and_then(Result::ok);
    match (compressed, Encoding::Gzip.name()) {
        (Some(compressed), Some(name)) => {
            (content_type, vary, [(CONTENT_ENCODING, name)], compressed).into_response()
        }
        _ => (content_type, vary, body).into_response(),
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}
