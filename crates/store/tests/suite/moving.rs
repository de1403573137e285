//! From one database to another.

use std::time::Duration;

use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName};
use tagalong_core::problem::Problem;
use tagalong_core::time::Timestamp;
use tagalong_store::transfer::{self, Taken, TransferError};
use tagalong_store::{Departure, NewParticipant, NewSession, Store, StoredParticipant, StoredSession};

use crate::people::{
    LENGTH, PLACES, START, at, join, names, new_session, open, person, refusal, session_id, user,
};

/// The time that stands where none is kept.
const LONG_AGO: Timestamp = Timestamp::from_millis(0);

/// One of everything: a session with people there and gone, one without a name that is locked and lives long, one that
/// is over.
async fn fill(store: &Store) {
    let id = open(store, 1).await;
    for name in ["zoe", "adam", "mia"] {
        join(store, id, name).await;
    }
    store.leave(id, &user("adam"), Departure::Left, at(1)).await.unwrap();
    let again = NewParticipant { user_id: user("second"), ..person("adam") };
    store.join(id, again, PLACES, at(2)).await.unwrap();
    store.revoke_trackers(&user("mia")).await.unwrap();
    store.save_seen(&[(id, user("zoe"), at(7))]).await.unwrap();
    let nameless = NewSession { name: None, location_ttl: Duration::from_secs(900), ..new_session(2) };
    store.create_session(&nameless).await.unwrap();
    let lock = tagalong_store::SessionChange { locked: Some(true), ..Default::default() };
    store.update(nameless.id, &lock, START).await.unwrap();
    let over = open(store, 3).await;
    store.end(over, at(9)).await.unwrap();
}

async fn everything(store: &Store) -> Vec<StoredSession> {
    let mut all = Vec::new();
    while let Some(session) =
        store.stored_after(all.last().map(|last: &StoredSession| last.id)).await.unwrap()
    {
        all.push(session);
    }
    all
}

async fn written(store: &Store) -> String {
    let mut lines = Vec::new();
    let taken = transfer::export(store, &mut lines).await.unwrap();
    assert_eq!(taken, Taken { sessions: 3, people: 4 });
    String::from_utf8(lines).unwrap()
}

pub(crate) async fn what_is_stored_is_told_session_by_session(store: &Store) {
    assert_eq!(store.stored_after(None).await.unwrap(), None);
    fill(store).await;
    let all = everything(store).await;
    let [first, second, third] = &all[..] else { panic!("{all:?}") };
    assert_eq!([first.id, second.id, third.id], [1, 2, 3].map(session_id));
    assert_eq!(first.creator_id, Some(UserId::from_random([1; 16])));
    assert_eq!((first.created_at, first.last_activity, first.ended_at), (START, at(7), None));
    let people: Vec<_> = first
        .participants
        .iter()
        .map(|one| (one.display_name.as_str(), one.is_active, one.last_seen, one.tracker_generation))
        .collect();
    let expected = [
        ("zoe", true, at(7), 0),
        ("?", false, LONG_AGO, 0),
        ("mia", true, START, 1),
        ("adam", true, at(2), 0),
    ];
    assert_eq!(people, expected);
    assert_eq!((&second.name, second.locked, second.location_ttl_seconds), (&None, true, 900));
    let times = [third.created_at, third.expires_at, third.last_activity].map(Some);
    assert_eq!((times, third.ended_at), ([Some(START), Some(START.plus(LENGTH)), Some(at(9))], Some(at(9))));
    let kept = (&third.name, &third.creator_id, third.is_active, third.participants.len());
    assert_eq!(kept, (&None, &None, false, 0));
}

pub(crate) async fn what_was_stored_elsewhere_is_taken_in_as_it_is(store: &Store) {
    fill(store).await;
    let id = |number: SessionId| SessionId::from_random([number.as_uuid().as_bytes()[0] + 100; 16]);
    let moved: Vec<_> =
        everything(store).await.into_iter().map(|one| StoredSession { id: id(one.id), ..one }).collect();
    for session in &moved {
        assert!(store.take_in(session).await.unwrap());
    }
    assert_eq!(everything(store).await[3..], moved);
    let [first, second, third] = [1, 2, 3].map(|number| id(session_id(number)));
    assert_eq!(names(store, first, at(10)).await, ["zoe", "mia", "adam"]);
    // Rules go on where they were.
    let zoe = NewParticipant { user_id: user("other"), ..person("ZOE") };
    assert_eq!(refusal(store.join(first, zoe, PLACES, at(10)).await), Problem::DisplayNameTaken);
    assert_eq!(refusal(store.join(second, person("bob"), PLACES, at(10)).await), Problem::SessionLocked);
    assert_eq!(refusal(store.session(third, at(10)).await), Problem::SessionEnded);
    join(store, first, "last").await;
    assert_eq!(names(store, first, at(10)).await, ["zoe", "mia", "adam", "last"]);
}

pub(crate) async fn a_session_that_is_there_is_left_as_it_is(store: &Store) {
    fill(store).await;
    let before = everything(store).await;
    let other = StoredSession { name: None, participants: Vec::new(), ..before[0].clone() };
    assert!(!store.take_in(&other).await.unwrap());
    assert_eq!(everything(store).await, before);
    let lines = written(store).await;
    let refused = transfer::import(store, lines.as_bytes()).await;
    assert!(matches!(refused, Err(TransferError::Known(2))), "{refused:?}");
}

pub(crate) async fn names_that_look_the_same_get_a_number_on_their_way_in(store: &Store) {
    let called = |name, is_active| StoredParticipant {
        user_id: UserId::parse(&format!("user_{name}_{is_active}")).unwrap(),
        display_name: DisplayName::parse(name).unwrap(),
        avatar_color: AvatarColor::parse("#aBcDe0").unwrap(),
        joined_at: START,
        last_seen: START,
        is_active,
        tracker_generation: 0,
    };
    let id = open(store, 1).await;
    let open = everything(store).await.remove(0);
    store.end(id, START).await.unwrap();
    let participants = vec![called("Ada", false), called("Ada", true), called("ADA", true)];
    let session = StoredSession { id: session_id(2), participants, ..open };
    assert!(store.take_in(&session).await.unwrap());
    assert_eq!(names(store, session.id, START).await, ["Ada", "ADA (2)"]);
}

pub(crate) async fn of_what_is_over_elsewhere_the_times_are_taken_in(store: &Store) {
    fill(store).await;
    let all = everything(store).await;
    let [first, _, third] = &all[..] else { panic!("{all:?}") };
    // As an older version has them.
    let over = StoredSession {
        id: session_id(4),
        is_active: false,
        ended_at: Some(at(9)),
        expires_at: third.expires_at,
        ..first.clone()
    };
    let mut gone = first.participants[0].clone();
    (gone.user_id, gone.is_active) = (user("gone"), false);
    let open = StoredSession { id: session_id(5), participants: vec![gone], ..first.clone() };
    for session in [&over, &open] {
        assert!(store.take_in(session).await.unwrap());
    }
    let all = everything(store).await;
    assert_eq!(all[3], StoredSession { id: over.id, ..third.clone() });
    let there = StoredParticipant { user_id: user("gone"), ..first.participants[1].clone() };
    assert_eq!(all[4].participants, [there]);
    assert_eq!(
        refusal(store.leave(open.id, &user("gone"), Departure::Left, at(9)).await),
        Problem::ParticipantLeft
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_embedded_database_to_a_server_and_back_nothing_is_lost() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let embedded = crate::sqlite::open(here.path()).await;
    fill(&embedded).await;
    let lines = written(&embedded).await;
    let server = crate::postgres::open().await;
    let taken = transfer::import(&server, lines.as_bytes()).await.unwrap();
    assert_eq!(taken, Taken { sessions: 3, people: 4 });
    assert_eq!(written(&server).await, lines);
    let again = crate::sqlite::open(there.path()).await;
    transfer::import(&again, written(&server).await.as_bytes()).await.unwrap();
    assert_eq!(written(&again).await, lines);
}

#[tokio::test]
async fn what_is_not_an_export_is_refused_by_its_line() {
    let home = tempfile::tempdir().unwrap();
    let store = crate::sqlite::open(home.path()).await;
    let head = "{\"tagalong_sessions\":1}\n";
    for (lines, said) in [
        (String::new(), "line 1: not what `tagalong export` writes"),
        ("id;name\n".into(), "line 1: not what `tagalong export` writes"),
        (
            "{\"tagalong_sessions\":2}\n".into(),
            "line 1: written in form 2, this version of tagalong reads form 1",
        ),
        (
            format!("{head}{{\"id\":\"secret\"}}\n"),
            "line 2: not a session as `tagalong export` writes it (column 15)",
        ),
    ] {
        let error = transfer::import(&store, lines.as_bytes()).await.unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    assert_eq!(transfer::import(&store, head.as_bytes()).await.unwrap(), Taken::default());
    assert_eq!(store.stored_after(None).await.unwrap(), None);
}
