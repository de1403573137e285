//! Cases about sessions and about time that passes.

use std::time::Duration;

use tagalong_core::id::SessionId;
use tagalong_core::problem::Problem;
use tagalong_core::session::SessionName;
use tagalong_core::time::Timestamp;
use tagalong_store::{Departure, NewEnd, SessionChange, Store};

use crate::people::{
    LENGTH, PLACES, START, at, expire, join, names, new_session, open, person, refusal, session_id, until,
    user,
};

/// Long before everything: nobody is idle or silent since then.
const LONG_AGO: Timestamp = Timestamp::from_millis(0);

pub(crate) async fn a_session_stands_as_it_was_made(store: &Store) {
    let new = new_session(1);
    store.create_session(&new).await.unwrap();
    let session = store.session(new.id, START).await.unwrap();
    assert_eq!((session.id, &session.name), (new.id, &new.name));
    assert_eq!((session.created_at, session.expires_at), (new.created_at, new.expires_at));
    assert_eq!((session.participant_count, session.locked), (0, false));
    let nameless = tagalong_store::NewSession { name: None, ..new_session(2) };
    store.create_session(&nameless).await.unwrap();
    assert_eq!(store.session(nameless.id, START).await.unwrap().name, None);
}

async fn refuses_everything(store: &Store, id: SessionId, now: Timestamp, problem: Problem) {
    assert_eq!(refusal(store.session(id, now).await), problem);
    assert_eq!(refusal(store.roster(id, now).await), problem);
    assert_eq!(refusal(store.participants(id, now).await), problem);
    assert_eq!(refusal(store.join(id, person("new"), PLACES, now).await), problem);
    assert_eq!(refusal(store.leave(id, &user("a"), Departure::Left, now).await), problem);
    let change = SessionChange { expires_at: until(now.plus(LENGTH)), ..Default::default() };
    assert_eq!(refusal(store.update(id, &change, now).await), problem);
    assert_eq!(refusal(store.end(id, now).await), problem);
}

pub(crate) async fn an_unknown_session_refuses_everything(store: &Store) {
    refuses_everything(store, session_id(1), START, Problem::SessionNotFound).await;
}

pub(crate) async fn an_ended_session_refuses_everything(store: &Store) {
    let id = open(store, 1).await;
    join(store, id, "a").await;
    store.end(id, at(1)).await.unwrap();
    refuses_everything(store, id, at(1), Problem::SessionEnded).await;
}

pub(crate) async fn an_expired_session_refuses_everything(store: &Store) {
    let id = open(store, 1).await;
    join(store, id, "a").await;
    let end = START.plus(LENGTH);
    assert!(store.session(id, end.minus(Duration::from_millis(1))).await.is_ok());
    // No cleanup has run yet: the row still says that it is active.
    refuses_everything(store, id, end, Problem::SessionExpired).await;
}

pub(crate) async fn why_a_session_is_over_stays_the_same(store: &Store) {
    let (ended, expired, idle) = (open(store, 1).await, open(store, 2).await, open(store, 3).await);
    let later = at(100_000);
    let longer = SessionChange { expires_at: until(later), ..Default::default() };
    store.update(idle, &longer, START).await.unwrap();
    store.end(ended, at(1)).await.unwrap();
    let mut over = expire(store, at(4000), START).await;
    over.sort_unstable();
    assert_eq!(over, [expired, idle]);
    for now in [at(4000), later, later.plus(LENGTH)] {
        assert_eq!(refusal(store.session(ended, now).await), Problem::SessionEnded);
        assert_eq!(refusal(store.session(expired, now).await), Problem::SessionExpired);
        assert_eq!(refusal(store.session(idle, now).await), Problem::SessionExpired);
    }
}

pub(crate) async fn a_session_is_changed_in_part(store: &Store) {
    let id = open(store, 1).await;
    join(store, id, "a").await;
    let before = store.session(id, START).await.unwrap();
    assert_eq!(store.update(id, &SessionChange::default(), START).await.unwrap(), before);
    let name = SessionName::parse("Pyrenees").unwrap();
    let change = SessionChange { name: Some(name.clone()), ..Default::default() };
    let renamed = store.update(id, &change, START).await.unwrap();
    assert_eq!((renamed.name, renamed.expires_at, renamed.locked), (name, before.expires_at, false));
    let change = SessionChange { name: Some(None), expires_at: until(at(5)), locked: Some(true) };
    let after = store.update(id, &change, START).await.unwrap();
    assert_eq!((&after.name, after.expires_at, after.locked), (&None, at(5), true));
    assert_eq!(after.participant_count, 1);
    assert_eq!(store.session(id, START).await.unwrap(), after);
}

pub(crate) async fn a_longer_session_is_open_for_longer(store: &Store) {
    let id = open(store, 1).await;
    let end = START.plus(LENGTH);
    let change = SessionChange { expires_at: until(end.plus(LENGTH)), ..Default::default() };
    store.update(id, &change, at(1)).await.unwrap();
    assert!(expire(store, end, LONG_AGO).await.is_empty());
    assert!(store.session(id, end).await.is_ok());
}

pub(crate) async fn a_session_never_becomes_longer_than_the_longest(store: &Store) {
    let id = open(store, 1).await;
    let ends = async |at: Timestamp, longest: Duration| {
        let change = SessionChange { expires_at: Some(NewEnd { at, longest }), ..Default::default() };
        store.update(id, &change, START).await.unwrap().expires_at
    };
    assert_eq!(ends(at(8_000), 2 * LENGTH).await, at(7_200));
    assert_eq!(ends(at(7_300), 2 * LENGTH).await, at(7_200));
    assert_eq!(ends(at(7_100), 2 * LENGTH).await, at(7_100));
    // The longest was longer before: asking for more time takes none away.
    assert_eq!(ends(at(9_000), LENGTH).await, at(7_100));
    assert_eq!(ends(at(6_000), LENGTH).await, at(6_000));
    assert_eq!(store.session(id, START).await.unwrap().expires_at, at(6_000));
}

pub(crate) async fn watchers_are_sent_away_with_who_is_removed_and_by_a_lock(store: &Store) {
    let (id, other) = (open(store, 1).await, open(store, 2).await);
    for name in ["leaves", "removed"] {
        join(store, id, name).await;
    }
    let generation = async |id| store.session(id, START).await.unwrap().watch_generation;
    assert_eq!(generation(id).await, 0);
    assert_eq!(store.leave(id, &user("leaves"), Departure::Left, START).await.unwrap(), 0);
    assert_eq!(store.leave(id, &user("removed"), Departure::Removed, START).await.unwrap(), 1);
    let again = store.leave(id, &user("removed"), Departure::Removed, START).await;
    assert_eq!((refusal(again), generation(id).await), (Problem::ParticipantLeft, 1));

    let change = |locked| SessionChange { locked, ..SessionChange::default() };
    for (locked, expected) in
        [(None, 1), (Some(false), 1), (Some(true), 2), (Some(true), 2), (Some(false), 2), (Some(true), 3)]
    {
        let changed = store.update(id, &change(locked), START).await.unwrap();
        assert_eq!((changed.watch_generation, generation(id).await), (expected, expected), "{locked:?}");
    }
    assert_eq!(store.revoke_watching(id, START).await.unwrap(), 4);
    let (session, _) = store.roster(id, START).await.unwrap();
    assert_eq!((session.watch_generation, session.locked), (4, true));
    assert_eq!(generation(other).await, 0);
    store.end(id, START).await.unwrap();
    assert_eq!(refusal(store.revoke_watching(id, START).await), Problem::SessionEnded);
}

pub(crate) async fn a_location_life_is_kept(store: &Store) {
    let location_ttl = Duration::from_secs(900);
    let new = tagalong_store::NewSession { location_ttl, ..new_session(1) };
    store.create_session(&new).await.unwrap();
    join(store, new.id, "a").await;
    assert_eq!(store.session(new.id, START).await.unwrap().location_ttl, location_ttl);
    assert_eq!(store.participants(new.id, START).await.unwrap().0.location_ttl, location_ttl);
    let change = SessionChange { locked: Some(true), ..Default::default() };
    assert_eq!(store.update(new.id, &change, START).await.unwrap().location_ttl, location_ttl);
    assert_eq!(store.tracker(&user("a"), START).await.unwrap().location_ttl, location_ttl);
}

pub(crate) async fn a_tracker_link_holds_for_a_participant_who_is_in(store: &Store) {
    let id = open(store, 1).await;
    join(store, id, "a").await;
    join(store, id, "b").await;
    let tracker = store.tracker(&user("a"), START).await.unwrap();
    assert_eq!((tracker.session, tracker.generation), (id, 0));
    store.revoke_trackers(&user("a")).await.unwrap();
    store.revoke_trackers(&user("nobody")).await.unwrap();
    assert_eq!(store.tracker(&user("a"), START).await.unwrap().generation, 1);
    assert_eq!(store.tracker(&user("b"), START).await.unwrap().generation, 0);
}

pub(crate) async fn tracker_ids_stay_with_their_owner(store: &Store) {
    let id = open(store, 1).await;
    let people = async |names: &[&str]| {
        let (_, roster) = store.roster(id, START).await.unwrap();
        roster.into_iter().filter(|one| names.contains(&one.display_name.as_str())).collect::<Vec<_>>()
    };
    for name in ["Carl", "Cass"] {
        join(store, id, name).await;
    }
    let both = people(&["Carl", "Cass"]).await;
    let given = store.assign_tracker_ids(id, &both, START).await.unwrap();
    assert_eq!(
        both.iter().map(|one| given.of(one.user_id.as_str()).unwrap()).collect::<Vec<_>>(),
        ["CA", "C2"]
    );
    store.leave(id, &both[0].user_id, Departure::Left, START).await.unwrap();
    join(store, id, "Cara").await;
    let cara = people(&["Cara"]).await;
    let given = store.assign_tracker_ids(id, &cara, START).await.unwrap();
    assert_eq!(given.of(cara[0].user_id.as_str()), Some("C3"));
    assert_eq!(given.of(both[1].user_id.as_str()), Some("C2"));
    assert_eq!(store.tracker(&both[1].user_id, START).await.unwrap().tracker_ids, given);
    assert_eq!(store.stored_after(None).await.unwrap().unwrap().tracker_ids, given);
    store.end(id, at(1)).await.unwrap();
    assert!(store.stored_after(None).await.unwrap().unwrap().tracker_ids.is_empty());
    assert_eq!(refusal(store.assign_tracker_ids(id, &cara, at(2)).await), Problem::SessionEnded);
}

pub(crate) async fn a_tracker_dies_with_what_it_belongs_to(store: &Store) {
    let (id, other) = (open(store, 1).await, open(store, 2).await);
    for (session, name) in [(id, "left"), (id, "stays"), (other, "elsewhere")] {
        join(store, session, name).await;
    }
    let problem = async |name: &str, now| refusal(store.tracker(&user(name), now).await);
    assert_eq!(problem("nobody", START).await, Problem::ParticipantNotFound);
    store.leave(id, &user("left"), Departure::Left, START).await.unwrap();
    assert_eq!(problem("left", START).await, Problem::ParticipantLeft);
    assert_eq!(problem("elsewhere", START.plus(LENGTH)).await, Problem::SessionExpired);
    store.end(id, at(1)).await.unwrap();
    // Nobody is known any more who was in a session that is over.
    assert_eq!(problem("stays", at(1)).await, Problem::ParticipantNotFound);
    assert_eq!(problem("left", at(1)).await, Problem::ParticipantNotFound);
}

pub(crate) async fn cleanup_ends_what_expired_or_is_idle_once(store: &Store) {
    let (expired, open_still) = (open(store, 1).await, open(store, 2).await);
    let longer = SessionChange { expires_at: until(at(100_000)), ..Default::default() };
    store.update(open_still, &longer, START).await.unwrap();
    let end = START.plus(LENGTH);
    assert_eq!(expire(store, end, LONG_AGO).await, [expired]);
    assert!(expire(store, end, LONG_AGO).await.is_empty());
    // Now nobody has used the other one either.
    assert_eq!(expire(store, end, START).await, [open_still]);
    assert!(expire(store, end, START).await.is_empty());
}

pub(crate) async fn joining_and_signs_of_life_keep_a_session(store: &Store) {
    let (joined, seen, idle) = (open(store, 1).await, open(store, 2).await, open(store, 3).await);
    join(store, seen, "b").await;
    store.join(joined, person("a"), PLACES, at(10)).await.unwrap();
    store.save_seen(&[(seen, user("b"), at(10))]).await.unwrap();
    assert_eq!(expire(store, at(20), at(9)).await, [idle]);
}

pub(crate) async fn who_is_silent_is_timed_out_once(store: &Store) {
    let (id, ended) = (open(store, 1).await, open(store, 2).await);
    for name in ["silent", "heard", "gone"] {
        join(store, id, name).await;
    }
    join(store, ended, "of_the_past").await;
    store.end(ended, START).await.unwrap();
    store.leave(id, &user("gone"), Departure::Left, START).await.unwrap();
    store.save_seen(&[(id, user("heard"), at(10))]).await.unwrap();
    assert_eq!(store.time_out_participants(at(9)).await.unwrap(), [(id, user("silent"))]);
    assert!(store.time_out_participants(at(9)).await.unwrap().is_empty());
    assert_eq!(names(store, id, at(10)).await, ["heard"]);
    // The name and the place are free again.
    let again = tagalong_store::NewParticipant { user_id: user("again"), ..person("silent") };
    store.join(id, again, 2, at(10)).await.unwrap();
}

pub(crate) async fn signs_of_life_never_go_back(store: &Store) {
    let id = open(store, 1).await;
    join(store, id, "a").await;
    let a = |time| (id, user("a"), time);
    store.save_seen(&[a(at(10)), a(at(5))]).await.unwrap();
    store.save_seen(&[a(at(7)), (session_id(9), user("nobody"), at(7))]).await.unwrap();
    store.save_seen(&[]).await.unwrap();
    assert_eq!(store.participants(id, START).await.unwrap().1[0].last_seen, at(10));
    // The session's last activity does not go back either, also not by a join of a clock that did.
    store.join(id, person("b"), PLACES, at(3)).await.unwrap();
    assert!(expire(store, at(20), at(9)).await.is_empty());
    assert_eq!(expire(store, at(20), at(10)).await, [id]);
}

pub(crate) async fn more_signs_of_life_than_one_transaction_takes(store: &Store) {
    let id = open(store, 1).await;
    join(store, id, "first").await;
    join(store, id, "last").await;
    let mut seen = vec![(id, user("nobody"), at(1)); 1201];
    seen[0] = (id, user("first"), at(2));
    seen[1200] = (id, user("last"), at(3));
    store.save_seen(&seen).await.unwrap();
    let times: Vec<_> = store.participants(id, START).await.unwrap().1.iter().map(|p| p.last_seen).collect();
    assert_eq!(times, [at(2), at(3)]);
}

pub(crate) async fn purge_takes_only_what_ended_long_ago(store: &Store) {
    let (early, late, still) = (open(store, 1).await, open(store, 2).await, open(store, 3).await);
    for id in [early, late, still] {
        join(store, id, "a").await;
    }
    store.end(early, at(10)).await.unwrap();
    store.end(late, at(20)).await.unwrap();
    assert_eq!(store.purge(at(10)).await.unwrap(), 0);
    assert_eq!(store.purge(at(11)).await.unwrap(), 1);
    assert_eq!(store.purge(at(11)).await.unwrap(), 0);
    assert_eq!(refusal(store.session(early, at(30)).await), Problem::SessionNotFound);
    assert_eq!(refusal(store.session(late, at(30)).await), Problem::SessionEnded);
    assert_eq!(names(store, still, at(30)).await, ["a"]);
}

pub(crate) async fn a_store_answers_pings(store: &Store) {
    store.ping().await.unwrap();
    store.clone().ping().await.unwrap();
}

pub(crate) async fn more_than_one_statement_of_a_cleanup_takes(store: &Store) {
    let numbers = 0..1_203_u128;
    let id = |number: u128| SessionId::from_random(number.to_be_bytes());
    for number in numbers.clone() {
        let new = tagalong_store::NewSession { id: id(number), ..new_session(1) };
        store.create_session(&new).await.unwrap();
    }
    let over = expire(store, at(4_000), LONG_AGO).await;
    let mut distinct = over.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!((over.len(), distinct.len()), (1_203, 1_203));
    assert_eq!(store.purge(at(5_000)).await.unwrap(), 1_203);
    assert_eq!(refusal(store.session(id(7), at(4_000)).await), Problem::SessionNotFound);
}
