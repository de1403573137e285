//! Things to test with, and the cases about participants.

use std::time::Duration;

use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName};
use tagalong_core::problem::Problem;
use tagalong_core::session::SessionName;
use tagalong_core::time::Timestamp;
use tagalong_store::{Departure, NewEnd, NewParticipant, NewSession, Store, TransactionError};

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);
/// How long sessions are here.
pub(crate) const LENGTH: Duration = Duration::from_secs(3600);
/// Places that are enough.
pub(crate) const PLACES: usize = 50;

/// Some seconds after the start.
pub(crate) fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// A session of that number.
pub(crate) fn session_id(number: u8) -> SessionId {
    SessionId::from_random([number; 16])
}

/// A request to create a session.
pub(crate) fn new_session(number: u8) -> NewSession {
    NewSession {
        id: session_id(number),
        name: SessionName::parse("Alps").unwrap(),
        creator_id: UserId::from_random([number; 16]),
        created_at: START,
        expires_at: START.plus(LENGTH),
        location_ttl: Duration::from_secs(30),
    }
}

/// Makes a session.
pub(crate) async fn open(store: &Store, number: u8) -> SessionId {
    let new = new_session(number);
    store.create_session(&new).await.unwrap();
    new.id
}

/// The id of the participant with a name.
pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(&format!("user_{name}")).unwrap()
}

/// The public error.
pub(crate) fn problem(error: impl Into<TransactionError>) -> Problem {
    match error.into() {
        TransactionError::Rejected(rejection) => rejection.into(),
        TransactionError::Store(_) => Problem::Unavailable,
    }
}

/// Somebody to be let in, with their name in the id.
pub(crate) fn person(name: &str) -> NewParticipant {
    NewParticipant {
        user_id: user(name),
        display_name: DisplayName::parse(name).unwrap(),
        avatar_color: None,
    }
}

/// Lets somebody in at the start.
pub(crate) async fn join(store: &Store, id: SessionId, name: &str) {
    store.join(id, person(name), PLACES, START).await.unwrap();
}

/// What the public is told of a refusal.
pub(crate) fn refusal<T>(result: Result<T, impl Into<TransactionError>>) -> Problem {
    problem(result.err().unwrap())
}

/// A new end that is not too late.
pub(crate) fn until(at: Timestamp) -> Option<NewEnd> {
    Some(NewEnd { at, longest: 1_000 * LENGTH })
}

/// Ends what has expired or is idle: which sessions.
pub(crate) async fn expire(store: &Store, now: Timestamp, idle_since: Timestamp) -> Vec<SessionId> {
    let ended = store.expire_sessions(now, idle_since).await.unwrap();
    ended.into_iter().map(|session| session.id).collect()
}

/// The names of who is there.
pub(crate) async fn names(store: &Store, id: SessionId, now: Timestamp) -> Vec<String> {
    let (_, roster) = store.roster(id, now).await.unwrap();
    roster.iter().map(|profile| profile.display_name.as_str().to_owned()).collect()
}

pub(crate) mod cases {
    use super::*;

    pub(crate) async fn people_stand_in_order_of_joining(store: &Store) {
        let id = open(store, 1).await;
        // All at the same time, and neither by name nor by id.
        for name in ["zoe", "adam", "mia", "bob"] {
            join(store, id, name).await;
        }
        let (session, present) = store.participants(id, START).await.unwrap();
        assert_eq!(session.participant_count, 4);
        assert_eq!(names(store, id, START).await, ["zoe", "adam", "mia", "bob"]);
        assert_eq!(present[0].profile.user_id, user("zoe"));
        assert!(present.iter().all(|somebody| somebody.last_seen == START));
    }

    pub(crate) async fn a_full_session_refuses(store: &Store) {
        let id = open(store, 1).await;
        for name in ["a", "b"] {
            store.join(id, person(name), 2, START).await.unwrap();
        }
        assert_eq!(refusal(store.join(id, person("c"), 2, START).await), Problem::SessionFull);
        assert_eq!(names(store, id, START).await, ["a", "b"]);
    }

    pub(crate) async fn a_locked_session_refuses(store: &Store) {
        let id = open(store, 1).await;
        join(store, id, "a").await;
        let lock = |locked| tagalong_store::SessionChange { locked: Some(locked), ..Default::default() };
        assert!(store.update(id, &lock(true), START).await.unwrap().locked);
        assert_eq!(refusal(store.join(id, person("b"), PLACES, START).await), Problem::SessionLocked);
        store.leave(id, &user("a"), Departure::Left, START).await.unwrap();
        store.update(id, &lock(false), START).await.unwrap();
        join(store, id, "b").await;
    }

    pub(crate) async fn a_taken_name_is_refused(store: &Store) {
        let id = open(store, 1).await;
        join(store, id, "a").await;
        let other = NewParticipant { user_id: user("other"), ..person("a") };
        assert_eq!(refusal(store.join(id, other, PLACES, START).await), Problem::DisplayNameTaken);
        assert_eq!(store.session(id, START).await.unwrap().participant_count, 1);
    }

    pub(crate) async fn a_name_that_looks_like_a_taken_one_is_refused(store: &Store) {
        let (id, other) = (open(store, 1).await, open(store, 2).await);
        let called = |number: u8, name| NewParticipant {
            user_id: UserId::from_random([number; 16]),
            display_name: DisplayName::parse(name).unwrap(),
            avatar_color: None,
        };
        let (_, zoe) = store.join(id, called(1, "Zo\u{eb}"), PLACES, START).await.unwrap();
        for name in ["zo\u{eb}", "ZOE\u{308}", "\u{ff3a}o\u{eb}", "Z\u{200d}o\u{eb}"] {
            let refused = store.join(id, called(2, name), PLACES, START).await;
            assert_eq!(refusal(refused), Problem::DisplayNameTaken, "{name:?}");
        }
        // Drawn alike: a zero, a Greek and a Cyrillic letter.
        for name in ["Z0\u{eb}", "\u{396}o\u{eb}", "Z\u{43e}\u{eb}"] {
            let refused = store.join(id, called(2, name), PLACES, START).await;
            assert_eq!(refusal(refused), Problem::DisplayNameTaken, "{name:?}");
        }
        store.join(other, called(3, "zo\u{eb}"), PLACES, START).await.unwrap();
        store.join(id, called(4, "Zoe"), PLACES, START).await.unwrap();
        // The name stays as it was written, and is free for any of that look once its owner has left.
        assert_eq!(names(store, id, START).await, ["Zo\u{eb}", "Zoe"]);
        store.leave(id, &zoe.user_id, Departure::Left, START).await.unwrap();
        store.join(id, called(5, "ZO\u{cb}"), PLACES, START).await.unwrap();
        assert_eq!(names(store, id, START).await, ["Zoe", "ZO\u{cb}"]);
    }

    pub(crate) async fn a_look_may_be_longer_than_its_name(store: &Store) {
        let id = open(store, 1).await;
        // One character that stands for eighteen: of all, the one that grows most.
        let long = "\u{fdfa}".repeat(100);
        let new = |name| NewParticipant { display_name: DisplayName::parse(&long).unwrap(), ..person(name) };
        store.join(id, new("a"), PLACES, START).await.unwrap();
        assert_eq!(refusal(store.join(id, new("b"), PLACES, START).await), Problem::DisplayNameTaken);
        assert_eq!(names(store, id, START).await, [long.as_str()]);
    }

    pub(crate) async fn the_first_refusal_wins(store: &Store) {
        let id = open(store, 1).await;
        join(store, id, "a").await;
        // Full, and the name is taken.
        let again = || NewParticipant { user_id: user("other"), ..person("a") };
        assert_eq!(refusal(store.join(id, again(), 1, START).await), Problem::SessionFull);
        // Locked besides.
        let change = tagalong_store::SessionChange { locked: Some(true), ..Default::default() };
        store.update(id, &change, START).await.unwrap();
        assert_eq!(refusal(store.join(id, again(), 1, START).await), Problem::SessionLocked);
        // Ended besides.
        store.end(id, START).await.unwrap();
        assert_eq!(refusal(store.join(id, again(), 1, START).await), Problem::SessionEnded);
    }

    pub(crate) async fn colors_differ_unless_asked_for(store: &Store) {
        let id = open(store, 1).await;
        let (_, first) = store.join(id, person("a"), PLACES, START).await.unwrap();
        let (_, second) = store.join(id, person("b"), PLACES, START).await.unwrap();
        assert_ne!(first.avatar_color, second.avatar_color);
        let wanted = AvatarColor::parse("#aBcDe0").unwrap();
        let asks = NewParticipant { avatar_color: Some(wanted.clone()), ..person("c") };
        let (_, third) = store.join(id, asks, PLACES, START).await.unwrap();
        assert_eq!(third.avatar_color, wanted);
        // A participant who left has no colour any more.
        store.leave(id, &user("a"), Departure::Left, START).await.unwrap();
        let (_, fourth) = store.join(id, person("d"), PLACES, START).await.unwrap();
        assert_eq!(fourth.avatar_color, first.avatar_color);
        assert_eq!(store.roster(id, START).await.unwrap().1, [second, third, fourth]);
    }

    pub(crate) async fn leaving_frees_place_and_name(store: &Store) {
        let id = open(store, 1).await;
        store.join(id, person("a"), 1, START).await.unwrap();
        store.leave(id, &user("a"), Departure::Left, START).await.unwrap();
        assert_eq!(store.session(id, START).await.unwrap().participant_count, 0);
        let again = NewParticipant { user_id: user("second"), ..person("a") };
        store.join(id, again, 1, START).await.unwrap();
        assert_eq!(store.roster(id, START).await.unwrap().1[0].user_id, user("second"));
    }

    pub(crate) async fn leaving_is_refused_to_who_is_not_there(store: &Store) {
        let id = open(store, 1).await;
        assert_eq!(
            refusal(store.leave(id, &user("a"), Departure::Left, START).await),
            Problem::ParticipantNotFound
        );
        join(store, id, "a").await;
        store.leave(id, &user("a"), Departure::Left, START).await.unwrap();
        assert_eq!(
            refusal(store.leave(id, &user("a"), Departure::Left, START).await),
            Problem::ParticipantLeft
        );
    }

    pub(crate) async fn sessions_do_not_mix(store: &Store) {
        let (first, second) = (open(store, 1).await, open(store, 2).await);
        store.join(first, person("a"), 1, START).await.unwrap();
        store.join(second, person("a"), 1, START).await.unwrap();
        store.leave(first, &user("a"), Departure::Left, START).await.unwrap();
        assert!(names(store, first, START).await.is_empty());
        assert_eq!(names(store, second, START).await, ["a"]);
        store.end(first, START).await.unwrap();
        assert!(store.session(second, START).await.is_ok());
    }
}
