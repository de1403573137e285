//! Floods of writes: of one token, and of one session.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::Executor;
use tagalong::config::Config;
use tagalong_core::limits::WRITES_AT_ONCE_MAX;

use crate::harness::{Server, Session};
use crate::postgres;

async fn rename(server: &Server, session: &Session, number: usize) -> u16 {
    let path = format!("/api/sessions/{}", session.id);
    let body = json!({"name": format!("Trip {number}")}).to_string();
    server.request("PATCH", &path, Some(&session.creator), body).await.status
}

#[tokio::test]
async fn one_token_writes_at_a_pace_and_others_are_not_held_up_by_it() {
    let server = Server::start_with(|config: &mut Config| config.rate_limits = true).await;
    let (session, other) = (server.session().await, server.session().await);
    let flood = 100;
    let statuses = join_all((0..flood).map(|number| rename(&server, &session, number))).await;
    let of = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((of(200), of(429)), (WRITES_AT_ONCE_MAX as usize, flood - WRITES_AT_ONCE_MAX as usize));
    assert_eq!(rename(&server, &other, 0).await, 200);
    let (ada, token) = server.join(&session, "Ada").await;
    // A forbidden write is none: nobody uses another one's allowance up.
    let path = format!("/api/sessions/{}", session.id);
    for _ in 0..flood {
        assert_eq!(server.request("DELETE", &path, Some(&token), "").await.status, 403);
    }
    let leave = format!("{path}/participants/{ada}");
    assert_eq!(server.request("DELETE", &leave, Some(&token), "").await.status, 200);
    assert_eq!(rename(&server, &session, 0).await, 429);
    server.clock.advance(Duration::from_millis(500));
    assert_eq!(rename(&server, &session, 0).await, 200);
    assert_eq!(rename(&server, &session, 0).await, 429);
}

#[tokio::test]
async fn an_address_that_guesses_gets_no_further_with_a_header_that_is_no_token() {
    let server = Server::start_with(|config: &mut Config| {
        (config.rate_limits, config.misses_per_minute) = (true, 3);
    })
    .await;
    let session = server.session().await;
    let (real, guess) = (format!("/api/sessions/{}", session.id), format!("/api/sessions/{}", uuid()));
    let with = [("authorization", "x")];
    for _ in 0..3 {
        assert_eq!(server.fetch("GET", &guess, &with, "").await.status, 404);
    }
    assert_eq!(server.fetch("GET", &real, &with, "").await.status, 429);
    assert_eq!(server.fetch("GET", &real, &[], "").await.status, 429);
    let own = format!("Bearer {}", session.creator);
    assert_eq!(server.fetch("GET", &real, &[("authorization", &own)], "").await.status, 200);
}

/// Anybody can make a session and have its tokens.
#[tokio::test]
async fn an_address_that_guesses_gets_no_further_with_a_token_of_its_own_session() {
    let server = Server::start_with(|config: &mut Config| {
        (config.rate_limits, config.misses_per_minute) = (true, 3);
    })
    .await;
    let (own, other) = (server.session().await, server.session().await);
    let (ada, token) = server.join(&own, "Ada").await;
    let at = |session: &Session| format!("/api/sessions/{}", session.id);
    let guess = format!("/api/sessions/{}", uuid());
    for _ in 0..3 {
        assert_eq!(server.request("GET", &guess, Some(&own.creator), "").await.status, 404);
    }
    for token in [&own.creator, &token] {
        for path in [guess.clone(), at(&other), format!("{}/participants", at(&other))] {
            assert_eq!(server.request("GET", &path, Some(token), "").await.status, 429, "{path}");
        }
        assert_eq!(server.request("GET", &at(&own), Some(token), "").await.status, 200);
    }
    let leave = format!("{}/participants/{ada}", at(&own));
    assert_eq!(server.request("DELETE", &leave, Some(&token), "").await.status, 200);
}

fn uuid() -> &'static str {
    "00000000-0000-4000-8000-000000000000"
}

/// Somebody else holds the row of one session, and a hundred writes of it wait: all the others go on, with two
/// connections in all.
#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_for_one_session_hold_one_connection() {
    let url = postgres::shared().database().await;
    let server = Server::on_with(&url, |config| config.db_pool_size = 2).await;
    let session = server.session().await;
    let (ada, token) = server.join(&session, "Ada").await;
    let mut holder = postgres::connect(&url).await;
    holder.execute("BEGIN; SELECT 1 FROM sessions FOR UPDATE").await.unwrap();

    let trackers = format!("/api/sessions/{}/participants/{ada}/trackers", session.id);
    let join = format!("/api/sessions/{}/join", session.id);
    let waiting = async {
        let renames = join_all((0..50).map(|number| rename(&server, &session, number)));
        let joins = join_all((0..50).map(|number| {
            let body = json!({"display_name": format!("Ben {number}")}).to_string();
            server.request("POST", &join, None, body)
        }));
        let revoked = server.request("DELETE", &trackers, Some(&token), "");
        tokio::join!(renames, joins, revoked)
    };
    let others = async {
        for _ in 0..20 {
            let other = server.session().await;
            server.join(&other, "Cleo").await;
            assert_eq!(server.request("GET", "/health/ready", None, "").await.status, 200);
        }
        holder.execute("COMMIT").await.unwrap();
    };
    let ((renames, joins, _), ()) = tokio::join!(waiting, others);
    // The first of them waited for the row, and those behind it for the first.
    assert!(renames.contains(&200) || joins.iter().any(|joined| joined.status == 201), "{renames:?}");
}

/// Every connection of the pool is in use: whether the server is ready is still known.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_has_a_connection_of_its_own() {
    let url = postgres::shared().database().await;
    let server = Server::on_with(&url, |config| config.db_pool_size = 1).await;
    let session = server.session().await;
    let mut holder = postgres::connect(&url).await;
    holder.execute("BEGIN; SELECT 1 FROM sessions FOR UPDATE").await.unwrap();
    let waits = rename(&server, &session, 1);
    let others = async {
        let all = join_all((0..200).map(|_| server.request("GET", "/health/ready", None, ""))).await;
        assert!(all.iter().all(|answer| answer.status == 200));
        holder.execute("COMMIT").await.unwrap();
    };
    // Whether the write was still in time is for the load of the machine to say.
    tokio::join!(waits, others);
}
