//! Decisions that both databases share.

use std::collections::BTreeSet;
use std::time::Duration;

use tagalong_core::id::{SessionId, UserId};
use tagalong_core::json::to_json;
use tagalong_core::limits::DISPLAY_NAME_CHARS_MAX;
use tagalong_core::participant::{AvatarColor, ConfusableKey, DisplayName, Profile};
use tagalong_core::session::{Closed, Rejection, SessionName};
use tagalong_core::time::Timestamp;
use tagalong_core::tracker_ids::TrackerIds;

use super::{
    Departure, NewParticipant, ParticipantRecord, SessionChange, SessionRecord, StoreError,
    StoredParticipant, TrackerRecord, TransactionError,
};

/// Room for a blank, brackets and any number.
const NUMBER_CHARS_MAX: usize = 13;

/// A session as it stands in a database.
pub(super) struct SessionRow {
    pub(super) id: SessionId,
    pub(super) name: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) is_active: bool,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) locked: bool,
    pub(super) participant_count: u32,
    pub(super) location_ttl_seconds: i32,
    pub(super) watch_generation: i32,
}

impl SessionRow {
    /// The session, if it is open.
    pub(super) fn open(self, now: Timestamp) -> Result<SessionRecord, Closed> {
        match self.closed(now) {
            Some(closed) => Err(closed),
            None => Ok(SessionRecord {
                id: self.id,
                name: self.name.as_deref().and_then(SessionName::restore),
                created_at: self.created_at,
                expires_at: self.expires_at,
                participant_count: self.participant_count,
                locked: self.locked,
                location_ttl: Duration::from_secs(u64::try_from(self.location_ttl_seconds).unwrap_or(0)),
                watch_generation: u32::try_from(self.watch_generation).unwrap_or(0),
            }),
        }
    }

    /// Whether it is over, and why. The answer stays the same as time passes: what was ended before its time
    /// was up has ended, what was not has expired, also after the cleanup has marked it. For what nobody uses the
    /// cleanup brings that time forward.
    fn closed(&self, now: Timestamp) -> Option<Closed> {
        if self.is_active {
            return (self.expires_at <= now).then_some(Closed::Expired);
        }
        let expired = self.ended_at.is_some_and(|ended_at| ended_at >= self.expires_at);
        Some(if expired { Closed::Expired } else { Closed::Ended })
    }
}

/// Seconds as they stand in a database.
pub(super) fn seconds(life: Duration) -> i32 {
    i32::try_from(life.as_secs()).unwrap_or(i32::MAX)
}

/// A number as it stands in a database that has none as large.
pub(super) fn integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The watch generation after a departure.
pub(super) fn after_departure(session: &SessionRecord, how: Departure) -> u32 {
    match how {
        Departure::Left => session.watch_generation,
        Departure::Removed => session.watch_generation.saturating_add(1),
    }
}

/// The name of somebody who was to be let in stands there already: a user id is random, so that two people can have
/// nothing else in common.
pub(super) fn name_taken(error: StoreError) -> TransactionError {
    match error {
        StoreError::Conflict => Rejection::NameTaken.into(),
        error => error.into(),
    }
}

/// The owner of a tracker link, if they are active and their session is open.
pub(super) fn tracker(
    session: SessionRow,
    is_in: bool,
    generation: i32,
    ids: Option<&str>,
    now: Timestamp,
) -> Result<TrackerRecord, TransactionError> {
    let session = session.open(now)?;
    if !is_in {
        return Err(Rejection::ParticipantLeft.into());
    }
    let generation = u32::try_from(generation).unwrap_or(0);
    let (session, location_ttl) = (session.id, session.location_ttl);
    Ok(TrackerRecord { session, generation, location_ttl, tracker_ids: tracker_ids(ids) })
}

/// Tracker ids as they stand in a database; none if they cannot be read.
pub(super) fn tracker_ids(json: Option<&str>) -> TrackerIds {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// Tracker ids as they are to stand in a database.
pub(super) fn tracker_ids_json(ids: &TrackerIds) -> Option<String> {
    (!ids.is_empty()).then(|| to_json(ids))
}

/// A participant as they stand in a database. Rows of older systems followed other rules and are read all the
/// same.
pub(super) fn participant(
    user_id: &str,
    display_name: &str,
    avatar_color: &str,
    last_seen: Timestamp,
) -> ParticipantRecord {
    let profile = Profile {
        user_id: UserId::restore(user_id),
        display_name: DisplayName::restore(display_name),
        avatar_color: AvatarColor::restore(avatar_color),
    };
    ParticipantRecord { profile, last_seen }
}

/// Whether a session takes somebody new beside those who are `present`, and what the others will know of them.
/// Whether the name is free is for the database's index to say.
pub(super) fn admit<'a>(
    session: &SessionRecord,
    present: usize,
    used_colors: impl Iterator<Item = &'a str> + Clone,
    new: NewParticipant,
    places: usize,
) -> Result<Profile, Rejection> {
    if session.locked {
        return Err(Rejection::Locked);
    }
    if present >= places {
        return Err(Rejection::Full);
    }
    let avatar_color = new.avatar_color.unwrap_or_else(|| AvatarColor::unused(used_colors));
    Ok(Profile { user_id: new.user_id, display_name: new.display_name, avatar_color })
}

/// The names of who was there before keys were unique, in order of joining. What a name keys like is decided by
/// the program, so no migration can write it down.
#[derive(Default)]
pub(super) struct ConfusableKeys {
    caseless: BTreeSet<(SessionId, String)>,
    skeletons: BTreeSet<(SessionId, String)>,
}

impl ConfusableKeys {
    /// The name that somebody keeps, and its key. Of several people in a session whose names look the same, the
    /// later ones get a number.
    pub(super) fn keep(&mut self, session: SessionId, name: &str) -> (String, ConfusableKey) {
        let mut kept = name.to_owned();
        let mut number = 1_u32;
        loop {
            let key = DisplayName::restore(&kept).confusable_key();
            if self.take(session, &key) {
                return (kept, key);
            }
            number += 1;
            let stem: String = name.chars().take(DISPLAY_NAME_CHARS_MAX - NUMBER_CHARS_MAX).collect();
            kept = format!("{stem} ({number})");
        }
    }

    /// Takes a key in a session, if neither of its keys is taken there.
    fn take(&mut self, session: SessionId, key: &ConfusableKey) -> bool {
        let (caseless, skeleton) = ((session, key.caseless.clone()), (session, key.skeleton.clone()));
        let free = !self.caseless.contains(&caseless) && !self.skeletons.contains(&skeleton);
        if free {
            self.caseless.insert(caseless);
            self.skeletons.insert(skeleton);
        }
        free
    }

    /// The same for somebody from another database, whose names are unique only among those who are there.
    pub(super) fn restore(
        &mut self,
        session: SessionId,
        somebody: &StoredParticipant,
    ) -> (String, ConfusableKey) {
        let name = &somebody.display_name;
        if somebody.is_active {
            self.keep(session, name.as_str())
        } else {
            (name.as_str().to_owned(), name.confusable_key())
        }
    }
}

/// The session after a change. One that is locked is watched by nobody who was let watch before.
pub(super) fn changed(session: SessionRecord, change: &SessionChange) -> SessionRecord {
    // Where the longest was longer before, nobody who only asks for more time is given less.
    let expires_at = change.expires_at.map_or(session.expires_at, |end| {
        end.at.min(session.created_at.plus(end.longest).max(session.expires_at))
    });
    let locks = change.locked == Some(true) && !session.locked;
    SessionRecord {
        watch_generation: session.watch_generation.saturating_add(locks.into()),
        name: change.name.clone().unwrap_or(session.name),
        expires_at,
        locked: change.locked.unwrap_or(session.locked),
        ..session
    }
}
