//! Tracker apps and two nodes: whichever node a phone's request comes to.

use std::time::Duration;

use tagalong_core::time::Timestamp;
use tempfile::TempDir;

use super::redis_server::RedisServer;
use super::{Person, node};
use crate::trackers::{address, location};

#[tokio::test]
async fn an_app_on_one_node_and_a_browser_on_another_see_each_other() {
    let (redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
    let [one, two] = [node(&database, &redis.url()).await, node(&database, &redis.url()).await];
    let session = one.session().await;
    let (ada, token) = one.join(&session, "Ada").await;
    let mut ben = Person::join(&two, &session, "Ben").await;
    let app = address(&one, &session, &ada, &token, "owntracks").await;
    ben.move_to(5.0).await;
    ben.has_heard_all().await;

    let seconds = || tagalong_platform::clock::Clock::system().now().as_millis().div_euclid(1000);
    let answer = one.fetch("POST", &app, &[], location(1.0, seconds())).await;
    assert_eq!(answer.status, 200);
    ben.sees(&ada, 1.0).await;
    let friends: serde_json::Value = serde_json::from_slice(&answer.bytes).unwrap();
    assert_eq!((&friends[0]["lat"], &friends[1]["name"]), (&5.0.into(), &"Ben".into()));

    // The link is as good on the other node, and as dead once it is revoked on the first.
    assert_eq!(two.fetch("POST", &app, &[], location(2.0, seconds() + 1)).await.status, 200);
    ben.sees(&ada, 2.0).await;
    let revoke = format!("/api/sessions/{}/participants/{ada}/trackers", session.id);
    assert_eq!(one.request("DELETE", &revoke, Some(&token), "").await.status, 200);
    for node in [&two, &one] {
        let answer = node.fetch("POST", &app, &[], location(3.0, seconds() + 2)).await;
        assert_eq!((answer.status, &answer.bytes[..]), (200, &b"[]"[..]));
    }
    ben.has_heard_all().await;
}

#[tokio::test]
async fn redis_keeps_a_position_for_as_long_as_its_session_shows_it() {
    let (redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
    let node = node(&database, &redis.url()).await;
    let made = node.request("POST", "/api/sessions", None, r#"{"location_ttl_seconds":900}"#).await;
    let id = made.body["session_id"].as_str().unwrap().to_owned();
    let session = crate::harness::Session { id, creator: String::new() };
    let (ada, token) = node.join(&session, "Ada").await;
    let app = address(&node, &session, &ada, &token, "traccar").await;
    let taken: Timestamp = tagalong_platform::clock::Clock::system().now().minus(Duration::from_secs(100));
    let path = format!("{app}?lat=1&lon=2&timestamp={}", taken.as_millis());
    assert_eq!(node.fetch("GET", &path, &[], "").await.status, 200);
    super::until("the key is there", async || {
        let answer = redis.ask(&format!("TTL locations:{{{}}}:{ada}\r\n", session.id)).await;
        let ttl = answer.and_then(|answer| answer.trim().trim_start_matches(':').parse::<i64>().ok());
        ttl.is_some_and(|ttl| (790..=800).contains(&ttl))
    })
    .await;
}
