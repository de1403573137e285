//! What only PostgreSQL has to do.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tagalong_core::problem::Problem;
use tagalong_store::{NewParticipant, Store, StoreError};
use tokio::task::JoinSet;

use crate::people::{
    PLACES, START, at, expire, join, names, new_session, open as open_session, person, problem, refusal, user,
};
use crate::races::race;
use crate::server::{Postgres, connect, shared};

pub(crate) async fn at_url(url: &str) -> Result<Store, StoreError> {
    Store::open(&url.parse().unwrap(), 8, &tagalong_platform::clock::Clock::system()).await
}

/// A store in a database of its own.
pub(crate) async fn open() -> Store {
    at_url(&shared().database().await).await.unwrap()
}

async fn two() -> (Store, Store, PgConnection) {
    let url = shared().database().await;
    (at_url(&url).await.unwrap(), at_url(&url).await.unwrap(), connect(&url).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_keep_the_places() {
    let (first, second, _) = two().await;
    let id = open_session(&first, 1).await;
    let (won, lost) = race((0..200).map(|number| {
        let store = if number % 2 == 0 { first.clone() } else { second.clone() };
        async move { store.join(id, person(&number.to_string()), 50, START).await }
    }))
    .await;
    assert_eq!((won, lost), (50, vec![Problem::SessionFull; 150]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_forty_with_one_name_on_two_nodes_one_gets_in() {
    let (first, second, _) = two().await;
    let id = open_session(&first, 1).await;
    let (won, lost) = race((0..40).map(|number| {
        let store = if number % 2 == 0 { first.clone() } else { second.clone() };
        let new = NewParticipant { user_id: user(&number.to_string()), ..person("same") };
        async move { store.join(id, new, PLACES, START).await }
    }))
    .await;
    assert_eq!((won, lost), (1, vec![Problem::DisplayNameTaken; 39]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_are_made_once_when_several_start_at_once() {
    for _ in 0..5 {
        let url = shared().database().await;
        let starts = (0..4).map(|_| {
            let url = url.clone();
            async move { at_url(&url).await }
        });
        assert_eq!(race(starts).await, (4, vec![]));
    }
}

#[tokio::test]
async fn participants_go_with_their_session_and_their_names_too() {
    let (store, _, mut beside) = two().await;
    for number in [1, 2] {
        let id = open_session(&store, number).await;
        join(&store, id, "a").await;
    }
    store.end(crate::people::session_id(1), at(1)).await.unwrap();
    assert_eq!(store.purge(at(2)).await.unwrap(), 1);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM participants").fetch_one(&mut beside).await.unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn who_holds_a_lock_for_ever_stops_others_for_a_moment() {
    let (store, _, mut beside) = two().await;
    let (held, free) = (open_session(&store, 1).await, open_session(&store, 2).await);
    let mut stuck = beside.begin().await.unwrap();
    sqlx::query("SELECT FROM sessions WHERE id = $1 FOR UPDATE")
        .bind(held.as_uuid())
        .fetch_one(&mut *stuck)
        .await
        .unwrap();
    assert_eq!(refusal(store.join(held, person("a"), PLACES, START).await), Problem::Unavailable);
    // The cleanup passes over it.
    assert_eq!(expire(&store, at(4_000), START).await, [free]);
    stuck.rollback().await.unwrap();
    join(&store, held, "a").await;
    assert_eq!(expire(&store, at(4_000), START).await, [held]);
}

async fn cut_connections(beside: &mut PgConnection) -> i64 {
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'tagalong'";
    sqlx::query_scalar(cut).fetch_one(beside).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_in_the_middle_leave_nothing_half_done() {
    let (store, _, mut beside) = two().await;
    let id = open_session(&store, 1).await;
    let mut joins = JoinSet::new();
    for number in 0..200 {
        let store = store.clone();
        joins.spawn(async move {
            let name = number.to_string();
            (store.join(id, person(&name), 50, START).await.map_err(problem), name)
        });
    }
    let (mut let_in, mut cut) = (Vec::new(), 0);
    while let Some(joined) = joins.join_next().await {
        match joined.unwrap() {
            (Ok(_), name) => let_in.push(name),
            (Err(problem), _) => assert!(matches!(problem, Problem::Unavailable | Problem::SessionFull)),
        }
        if joins.len() % 10 == 0 {
            cut += cut_connections(&mut beside).await;
        }
    }
    assert!(cut > 0);
    // A cut between the commit and its answer may have let in one more who does not know.
    let present = names(&store, id, START).await;
    assert!(present.len() <= 50 && let_in.iter().all(|name| present.contains(name)));
    assert_eq!(store.session(id, START).await.unwrap().participant_count as usize, present.len());
}

#[tokio::test]
async fn cut_connections_are_made_anew() {
    let (store, _, mut beside) = two().await;
    let id = open_session(&store, 1).await;
    for round in 0..5 {
        assert!(cut_connections(&mut beside).await > 0);
        join(&store, id, &round.to_string()).await;
    }
    assert_eq!(names(&store, id, START).await.len(), 5);
}

#[tokio::test]
async fn nobody_waits_long_for_a_server_that_is_gone_or_frozen() {
    let mut server = Postgres::start();
    let store = at_url(&server.database().await).await.unwrap();
    let id = open_session(&store, 1).await;
    for (name, harm, repair) in [
        ("a", Postgres::kill as fn(&mut Postgres), Postgres::start_again as fn(&mut Postgres)),
        ("b", Postgres::freeze, Postgres::thaw),
    ] {
        harm(&mut server);
        let all = async {
            let joins = (0..20).map(|_| store.join(id, person("late"), PLACES, START));
            let refused = futures_util::future::join_all(joins).await;
            assert!(refused.into_iter().all(|join| refusal(join) == Problem::Unavailable));
        };
        tokio::time::timeout(Duration::from_millis(2_500), all).await.unwrap();
        repair(&mut server);
        join(&store, id, name).await;
    }
    assert_eq!(names(&store, id, START).await, ["a", "b"]);
}

#[tokio::test]
async fn an_error_never_has_the_password() {
    let url = shared().url("missing").replace("user=", "password=hunter2&user=");
    let Err(StoreError::Unavailable(error)) = at_url(&url).await else { panic!("there is no such database") };
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(error.to_string().contains("\"missing\" does not exist"), "{error}");
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let store = open().await;
    store.close().await;
    assert_eq!(refusal(store.ping().await), Problem::Unavailable);
    assert_eq!(refusal(store.create_session(&new_session(1)).await), Problem::Unavailable);
}
