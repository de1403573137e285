//! Cases of many at once.

use std::future::Future;
use std::time::Duration;

use tagalong_core::problem::Problem;
use tagalong_store::{Departure, NewParticipant, Store, TransactionError};
use tokio::task::JoinSet;

use crate::people::{PLACES, START, at, join, names, open, person, problem, session_id, until, user};

/// Runs all of them at once: how many succeeded, and what the others were told.
pub(crate) async fn race<T: Send + 'static, E: Into<TransactionError> + Send + 'static>(
    runners: impl Iterator<Item = impl Future<Output = Result<T, E>> + Send + 'static>,
) -> (usize, Vec<Problem>) {
    let results = runners.collect::<JoinSet<_>>().join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    (won.len(), lost.into_iter().filter_map(Result::err).map(problem).collect())
}

pub(crate) async fn of_two_hundred_fifty_get_in(store: &Store) {
    let id = open(store, 1).await;
    let (won, lost) = race((0..200).map(|number| {
        let store = store.clone();
        async move { store.join(id, person(&number.to_string()), 50, START).await }
    }))
    .await;
    assert_eq!(won, 50);
    assert_eq!(lost, vec![Problem::SessionFull; 150]);
    let (session, roster) = store.roster(id, START).await.unwrap();
    assert_eq!((session.participant_count, roster.len()), (50, 50));
    let mut colors: Vec<_> = roster.iter().map(|profile| profile.avatar_color.as_str()).collect();
    colors.sort_unstable();
    colors.dedup();
    assert_eq!(colors.len(), 50);
}

pub(crate) async fn of_two_with_one_name_one_gets_in(store: &Store) {
    let id = open(store, 1).await;
    let (won, lost) = race(["one", "two"].into_iter().map(|who| {
        let store = store.clone();
        let new = NewParticipant { user_id: user(who), ..person("same") };
        async move { store.join(id, new, PLACES, START).await }
    }))
    .await;
    assert_eq!((won, lost), (1, vec![Problem::DisplayNameTaken]));
    assert_eq!(names(store, id, START).await, ["same"]);
}

pub(crate) async fn a_session_is_ended_once(store: &Store) {
    let id = open(store, 1).await;
    let (won, lost) = race((0..20).map(|_| {
        let store = store.clone();
        async move { store.end(id, START).await }
    }))
    .await;
    assert_eq!((won, lost), (1, vec![Problem::SessionEnded; 19]));
}

pub(crate) async fn a_participant_leaves_once(store: &Store) {
    let id = open(store, 1).await;
    join(store, id, "a").await;
    let (won, lost) = race((0..20).map(|_| {
        let store = store.clone();
        async move { store.leave(id, &user("a"), Departure::Left, START).await }
    }))
    .await;
    assert_eq!((won, lost), (1, vec![Problem::ParticipantLeft; 19]));
}

pub(crate) async fn nobody_joins_after_the_end(store: &Store) {
    let id = open(store, 1).await;
    let ender = store.clone();
    let end = tokio::spawn(async move { ender.end(id, START).await });
    let (_, lost) = race((0..40).map(|number| {
        let store = store.clone();
        async move { store.join(id, person(&number.to_string()), PLACES, START).await }
    }))
    .await;
    end.await.unwrap().unwrap();
    assert!(lost.iter().all(|problem| *problem == Problem::SessionEnded), "{lost:?}");
}

/// As several nodes do: each session and each participant is given to one of them, and none is forgotten.
pub(crate) async fn cleanups_at_once_share_the_work(store: &Store) {
    let (expired, silent) = ((1..=30).map(session_id), open(store, 100).await);
    for number in 1..=30 {
        open(store, number).await;
        join(store, silent, &number.to_string()).await;
    }
    let later = tagalong_store::SessionChange { expires_at: until(at(9_000)), ..Default::default() };
    store.update(silent, &later, START).await.unwrap();
    let cleanups = (0..4).map(|_| {
        let store = store.clone();
        async move {
            let ended = store.expire_sessions(at(4_000), START.minus(Duration::from_secs(1))).await?;
            Ok::<_, TransactionError>((ended, store.time_out_participants(START).await?))
        }
    });
    let (mut ended, mut gone) = (Vec::new(), Vec::new());
    for done in cleanups.collect::<JoinSet<_>>().join_all().await {
        let (some_ended, some_gone) = done.unwrap();
        ended.extend(some_ended.into_iter().map(|session| session.id));
        gone.extend(some_gone);
    }
    ended.sort_unstable();
    assert_eq!(ended, expired.collect::<Vec<_>>());
    gone.sort_unstable();
    let mut everyone: Vec<_> = (1..=30).map(|number| (silent, user(&number.to_string()))).collect();
    everyone.sort_unstable();
    assert_eq!(gone, everyone);
}

/// Joins, leaves, signs of life and cleanups of the same few sessions: nobody is told that somebody else was
/// in the way.
pub(crate) async fn everything_at_once_waits_for_nobody(store: &Store) {
    let sessions = [open(store, 1).await, open(store, 2).await, open(store, 3).await];
    let mut standing = Vec::new();
    for id in sessions {
        for number in 0..40 {
            join(store, id, &number.to_string()).await;
            standing.push((id, user(&number.to_string())));
        }
    }
    let work = (0..16_u64).map(|worker| {
        let (store, mut standing) = (store.clone(), standing.clone());
        async move {
            for round in 0..10 {
                let id = sessions[usize::try_from(worker + round).unwrap_or(0) % 3];
                let name = format!("{worker}_{round}");
                store.join(id, person(&name), 100, at(round)).await?;
                // Everyone, as each node hears of them: in an order of its own.
                standing.rotate_left(17);
                standing.reverse();
                let time = START.plus(Duration::from_millis(round * 100 + worker));
                let seen: Vec<_> = standing.iter().map(|(id, user)| (*id, user.clone(), time)).collect();
                store.save_seen(&seen).await?;
                if worker % 4 == 0 {
                    store.time_out_participants(START.minus(Duration::from_secs(1))).await?;
                    store.expire_sessions(at(round), START.minus(Duration::from_secs(1))).await?;
                    store.purge(at(round)).await?;
                }
                store.leave(id, &user(&name), Departure::Left, at(round)).await?;
            }
            Ok::<_, TransactionError>(())
        }
    });
    assert_eq!(race(work).await, (16, vec![]));
    for id in sessions {
        assert_eq!(names(store, id, at(20)).await.len(), 40);
    }
}

/// Sessions end and are deleted while signs of life of their people are written, in any order.
pub(crate) async fn ends_and_signs_of_life_wait_for_nobody(store: &Store) {
    for round in 0..3_u8 {
        let ids: Vec<_> = (1..=6).map(|number| 10 * round + number).collect();
        let mut people = Vec::new();
        for id in &ids {
            let id = open(store, *id).await;
            for number in 0..20 {
                // Neither the order of joining nor of ids is that of the table.
                let name = format!("{}_{number}", (number * 7) % 20);
                join(store, id, &format!("{name}_{id}")).await;
                people.push((id, user(&format!("{name}_{id}"))));
            }
        }
        let seen = (0..4_u64).map(|worker| {
            let (store, mut people) = (store.clone(), people.clone());
            async move {
                for step in 0..6 {
                    people.rotate_left(31);
                    people.reverse();
                    let time = START.plus(Duration::from_millis(step * 100 + worker));
                    let seen: Vec<_> = people.iter().map(|(id, user)| (*id, user.clone(), time)).collect();
                    store.save_seen(&seen).await?;
                    store.time_out_participants(START.minus(Duration::from_secs(1))).await?;
                }
                Ok::<_, TransactionError>(())
            }
        });
        let ends = ids.iter().map(|id| {
            let (store, id) = (store.clone(), session_id(*id));
            async move {
                let people = store.end(id, at(1)).await?.people.len();
                assert_eq!(people, 20);
                Ok::<_, TransactionError>(())
            }
        });
        let (seen, ends) = tokio::join!(race(seen), race(ends));
        assert_eq!((seen, ends), ((4, vec![]), (6, vec![])));
    }
}

/// A request whose client hangs up is dropped wherever it waits, also in the middle of a transaction.
pub(crate) async fn a_caller_who_goes_away_does_no_harm(store: &Store) {
    let id = open(store, 1).await;
    for step in 0..100 {
        let joining = store.join(id, person(&step.to_string()), 200, START);
        let _ = tokio::time::timeout(Duration::from_micros(step * 20), joining).await;
    }
    store.join(id, person("last"), 200, START).await.unwrap();
    let (session, roster) = store.roster(id, START).await.unwrap();
    assert_eq!(session.participant_count as usize, roster.len());
    assert_eq!(roster.last().map(|profile| &profile.user_id), Some(&user("last")));
    store.end(id, START).await.unwrap();
}
