//! `/track/{secret}/{app}`: where tracker apps send positions, each in its own way.

use std::time::Duration;

use axum::extract::{Request, State as With};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tagalong_core::limits::{REQUEST_BODY_BYTES_MAX, TRACKER_BODY_BYTES_MAX};
use tagalong_core::problem::Problem;

use super::answer::Refusal;
use super::body::BoundedBody;
use super::path::InPath;
use crate::realtime::hub::NotIn;
use crate::state::State;
use crate::store::StoreError;
use crate::trackers::gate::Known;
use crate::trackers::{self, App, Said, TrackerLink};

/// A secret is checked before anything else is looked at: who has none costs us a signature.
pub(super) async fn receive(
    With(state): With<State>,
    InPath((secret, app)): InPath<(String, String)>,
    request: Request,
) -> Result<Response, Refusal> {
    let known = App::parse(&app).zip(TrackerLink::parse(&secret, &state.tokens));
    let (app, link) = known.ok_or(Problem::NotFound)?;
    let known = spend(&state, &link)?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    // Read in any case: an app whose body is not taken sees a broken connection, and sends it again.
    let bytes_max = if app == App::Overland { TRACKER_BODY_BYTES_MAX } else { REQUEST_BODY_BYTES_MAX };
    let body = BoundedBody::read(request, bytes_max, &state).await?;
    if known == Known::Over {
        return Ok(answer(app.answer(None, &state.faces)));
    }
    let said = app.read(trackers::Request { query: &query, body: body.as_ref() }, state.clock.system_now());
    let said =
        said.map_err(|unusable| Refusal::from(Problem::InvalidLocation).saying(unusable.to_string()))?;
    match take(&state, &link, said, app).await {
        Ok(answered) => Ok(answer(answered)),
        Err(over) if is_over(&over) => {
            state.gate.bury(&link);
            Ok(answer(app.answer(None, &state.faces)))
        }
        Err(error) => Err(error.into()),
    }
}

fn spend(state: &State, link: &TrackerLink) -> Result<Known, Refusal> {
    let step = Duration::from_secs(1) / state.config.messages_per_second.max(1);
    let step = if state.config.rate_limits { step } else { Duration::ZERO };
    let spent = state.gate.spend(link, step, state.clock.instant());
    spent.map_err(|wait| Refusal::from(Problem::RateLimited).after(wait))
}

async fn take(state: &State, link: &TrackerLink, said: Said, app: App) -> Result<Bytes, StoreError> {
    let record = state.sessions.tracker(link).await?;
    let position = match said {
        Said::Position(position) => Some(position),
        Said::Nothing if app.shows_others() => None,
        Said::Nothing => return Ok(app.answer(None, &state.faces)),
    };
    // What the database has just said holds; a room that knows better, or not yet, is asked again soon.
    let taken = u64::from(position.is_some());
    let others = state.hub.report(record.session, &link.user, position).await;
    let others = others.map_err(|error| match error {
        NotIn::Unread(unread @ StoreError::Unavailable(_)) => unread,
        other => StoreError::Unavailable(other.problem().reason().into()),
    })?;
    state.metrics.positions_received.inc_by(taken);
    Ok(app.answer(Some(&others.without(&link.user)), &state.faces))
}

/// Whether a link will never hold again.
fn is_over(error: &StoreError) -> bool {
    matches!(error, StoreError::Closed(_) | StoreError::ParticipantNotFound | StoreError::ParticipantLeft)
}

fn answer(body: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
