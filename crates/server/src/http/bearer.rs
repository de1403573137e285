//! The bearer token of a REST request, verified once.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use tagalong_core::claims::{Claims, Role};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::problem::Problem;
use tagalong_store::{ParticipantRecord, SessionRecord};

use super::api_error::ApiError;
use super::state::{Api, State};

/// The claims of a request's bearer token, if it is valid.
pub(super) fn verify(api: &Api, headers: &HeaderMap) -> Option<Claims> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = scheme.eq_ignore_ascii_case("bearer").then_some(token)?;
    api.tokens.verify(token.trim()).ok()
}

/// Whether a token still opens the session: its owner created it, is an active participant, or may still watch.
pub(super) fn is_in(claims: &Claims, session: &SessionRecord, people: &[ParticipantRecord]) -> bool {
    let holds = match claims.role {
        Role::Creator => true,
        Role::Participant => people.iter().any(|one| one.profile.user_id == claims.user),
        Role::Watcher { generation } => generation >= session.watch_generation,
    };
    holds && claims.session == session.id
}

/// Proof that a request has a valid token. [`Bearer::creator`] and the methods beside it decide what the token allows.
pub(super) struct Bearer(Claims);

impl FromRequestParts<State> for Bearer {
    type Rejection = ApiError;

    /// The guard has stored it in the request.
    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, ApiError> {
        parts.extensions.get::<Claims>().cloned().map(Self).ok_or_else(|| Problem::Unauthenticated.into())
    }
}

impl Bearer {
    /// Requires the creator's token, and counts a write.
    pub(super) fn creator(self, api: &Api, session: SessionId) -> Result<(), ApiError> {
        let allowed = self.0.session == session && self.0.role == Role::Creator;
        self.write(api, allowed).map(drop)
    }

    /// Requires a participant's token, and counts a write. Returns the participant.
    pub(super) fn participant(self, api: &Api, session: SessionId, user: &str) -> Result<UserId, ApiError> {
        let claims = &self.0;
        let allowed =
            claims.session == session && claims.role == Role::Participant && claims.user.as_str() == user;
        self.write(api, allowed).map(|claims| claims.user)
    }

    /// Requires the token of a participant or of their session's creator, and counts a write. Returns which of the two
    /// it is.
    pub(super) fn participant_or_creator(
        self,
        api: &Api,
        session: SessionId,
        user: Option<&UserId>,
    ) -> Result<Role, ApiError> {
        let claims = &self.0;
        let own = claims.role == Role::Participant && user == Some(&claims.user);
        let allowed = claims.session == session && (own || claims.role == Role::Creator);
        self.write(api, allowed).map(|claims| claims.role)
    }

    /// The write is counted before the database is asked, so that one token cannot keep it busy.
    fn write(self, api: &Api, allowed: bool) -> Result<Claims, ApiError> {
        if !allowed {
            return Err(Problem::Forbidden.into());
        }
        match api.rates.write(&self.0) {
            Ok(()) => Ok(self.0),
            Err(wait) => Err(ApiError::from(Problem::RateLimited)
                .saying("Too many changes in a short time: slow down")
                .after(wait)),
        }
    }
}
