//! Who asks over REST: the bearer token that came along, verified once for each request.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::problem::Problem;

use super::answer::Refusal;
use crate::state::State;
use crate::store::{ParticipantRecord, SessionRecord};
use crate::tokens::{Pass, Role};

/// The bearer token of a request, if it is one of ours.
pub(super) fn verify(state: &State, headers: &HeaderMap) -> Option<Pass> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = scheme.eq_ignore_ascii_case("bearer").then_some(token)?;
    state.tokens.verify(token.trim()).ok()
}

/// Whether a token holds, now that it is used: its owner made the session, takes part in it, or may still watch.
pub(super) fn is_in(pass: &Pass, session: &SessionRecord, people: &[ParticipantRecord]) -> bool {
    let holds = match pass.role {
        Role::Creator => true,
        Role::Participant => people.iter().any(|one| one.profile.user_id == pass.user),
        Role::Watcher { generation } => generation >= session.watch_generation,
    };
    holds && pass.session == session.id
}

/// Proof that a request has a valid token. [`Bearer::creator`] and the methods beside it decide what the token allows.
pub(super) struct Bearer(Pass);

impl FromRequestParts<State> for Bearer {
    type Rejection = Refusal;

    /// The guard has put it there.
    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Refusal> {
        parts.extensions.get::<Pass>().cloned().map(Self).ok_or_else(|| Problem::Unauthenticated.into())
    }
}

impl Bearer {
    /// Goes on only for the creator of a session, as often as one may write.
    pub(super) fn creator(self, state: &State, session: SessionId) -> Result<(), Refusal> {
        let allowed = self.0.session == session && self.0.role == Role::Creator;
        self.write(state, allowed).map(drop)
    }

    /// Goes on only for a participant of a session, as often as one may write: who that is.
    pub(super) fn participant(
        self,
        state: &State,
        session: SessionId,
        user: &str,
    ) -> Result<UserId, Refusal> {
        let pass = &self.0;
        let allowed = pass.session == session && pass.role == Role::Participant && pass.user.as_str() == user;
        self.write(state, allowed).map(|pass| pass.user)
    }

    /// Goes on only for a participant or the creator of the session that the participant is in, as often as one may
    /// write: which of the two asks.
    pub(super) fn participant_or_creator(
        self,
        state: &State,
        session: SessionId,
        user: Option<&UserId>,
    ) -> Result<Role, Refusal> {
        let pass = &self.0;
        let own = pass.role == Role::Participant && user == Some(&pass.user);
        let allowed = pass.session == session && (own || pass.role == Role::Creator);
        self.write(state, allowed).map(|pass| pass.role)
    }

    /// The pace is counted before the database is asked: one token must not keep it busy.
    fn write(self, state: &State, allowed: bool) -> Result<Pass, Refusal> {
        if !allowed {
            return Err(Problem::Forbidden.into());
        }
        match state.rates.write(&self.0) {
            Ok(()) => Ok(self.0),
            Err(wait) => Err(Refusal::from(Problem::RateLimited)
                .saying("Too many changes in a short time: slow down")
                .after(wait)),
        }
    }
}
