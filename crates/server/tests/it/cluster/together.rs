//! Two nodes, and nothing goes wrong: participants on one see those on the other.

use std::time::Duration;

use serde_json::json;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::time::Timestamp;
use tagalong_store::{Database, NewSession, Store};
use tempfile::TempDir;

use super::redis_server::RedisServer;
use super::{Person, first_seen, node, node_with, until};
use crate::harness::{Server, Session};

async fn pair() -> (RedisServer, TempDir, [Server; 2], Session) {
    let (redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
    let nodes = [node(&database, &redis.url()).await, node(&database, &redis.url()).await];
    let session = nodes[0].session().await;
    (redis, database, nodes, session)
}

#[tokio::test]
async fn people_on_two_nodes_see_each_other_come_move_and_go() {
    let (_redis, _database, [one, two], session) = pair().await;
    let mut ada = Person::join(&one, &session, "Ada").await;
    let mut ben = Person::join(&two, &session, "Ben").await;
    ada.hears_of("participant_joined", &ben.user).await;
    for lat in [1.0, 2.0, 3.0] {
        ada.move_to(lat).await;
        ben.sees(&ada.user, lat).await;
        ben.move_to(-lat).await;
        ada.sees(&ben.user, -lat).await;
    }
    ben.push("status_update", r#"{"status":"paused"}"#).await;
    assert_eq!(ada.hears_of("participant_status", &ben.user).await["status"], "paused");

    let path = format!("/api/sessions/{}", session.id);
    let change = r#"{"name":"Alps","locked":true}"#;
    assert_eq!(two.request("PATCH", &path, Some(&session.creator), change).await.status, 200);
    for person in [&mut ada, &mut ben] {
        let (event, data) = person.hears().await;
        assert_eq!((event.as_str(), &data["name"]), ("session_updated", &json!("Alps")));
    }
    let leave = format!("{path}/participants/{}", ben.user);
    assert_eq!(one.request("DELETE", &leave, Some(&session.creator), "").await.status, 200);
    let left = ben.user.clone();
    for person in [&mut ada, &mut ben] {
        person.hears_of("participant_left", &left).await;
    }
    assert_eq!(ben.hears().await.0, "phx_close");
    assert_eq!(two.request("DELETE", &path, Some(&session.creator), "").await.status, 200);
    let (event, data) = ada.hears().await;
    assert_eq!((event.as_str(), &data["reason"]), ("session_ended", &json!("ended_by_creator")));
    assert_eq!(ada.hears().await.0, "phx_close");
    ada.has_heard_all().await;
    ben.has_heard_all().await;
}

/// The next thing that somebody is told is who came and who went.
async fn hears_presence(person: &mut Person, joins: &[&str], leaves: &[&str]) {
    let heard = person.client.heard().await;
    assert_eq!(heard[3], "presence_diff", "{heard}");
    for (which, users) in [("joins", joins), ("leaves", leaves)] {
        let named: Vec<&String> = heard[4][which].as_object().unwrap().keys().collect();
        assert_eq!(named, users, "{which}");
    }
}

/// Hears of people, in what is told on coming or of what comes after: nodes tell each other now and then.
async fn comes_to_know(person: &mut Person, users: &[&str]) {
    let mut unknown: Vec<&str> = users.to_vec();
    while !unknown.is_empty() {
        let heard = person.client.heard().await;
        let told = if heard[3] == "presence_state" { &heard[4] } else { &heard[4]["joins"] };
        unknown.retain(|user| told[user].is_null());
    }
}

#[tokio::test]
async fn who_is_connected_to_another_node_is_seen_and_may_change_the_node_unseen() {
    let (redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
    let short = |config: &mut tagalong::config::Config| config.presence_grace = Duration::from_secs(2);
    let one = node_with(&database, &redis.url(), short).await;
    let two = node_with(&database, &redis.url(), short).await;
    let session = one.session().await;
    let mut ada = Person::join(&one, &session, "Ada").await;
    ada.client.hears_presence = true;
    assert_eq!(ada.client.heard().await[3], "presence_state");
    let mut ben = Person::join(&two, &session, "Ben").await;
    ben.client.hears_presence = true;
    comes_to_know(&mut ben, &[&ada.user]).await;
    ada.hears_of("participant_joined", &ben.user).await;
    hears_presence(&mut ada, &[&ben.user], &[]).await;

    // From one node to the other, and nobody hears of it.
    ben.client.leave().await;
    let mut again = one.joined(&session, &ben.token).await;
    let mut cyd = Person::join(&two, &session, "Cyd").await;
    cyd.client.hears_presence = true;
    comes_to_know(&mut cyd, &[&ada.user, &ben.user]).await;
    ada.hears_of("participant_joined", &cyd.user).await;
    hears_presence(&mut ada, &[&cyd.user], &[]).await;
    again.leave().await;
    for person in [&mut ada, &mut cyd] {
        hears_presence(person, &[], &[&ben.user]).await;
    }

    // A node that stops takes its word back.
    drop(cyd.client);
    assert!(two.running.stop().await);
    hears_presence(&mut ada, &[], &[&cyd.user]).await;
}

#[tokio::test]
async fn a_node_that_has_just_met_a_session_shows_its_people_at_once() {
    let (redis, _database, [one, two], session) = pair().await;
    let mut ada = Person::join(&one, &session, "Ada").await;
    let mut cyd = Person::join(&one, &session, "Cyd").await;
    ada.move_to(1.0).await;
    cyd.sees(&ada.user, 1.0).await;
    cyd.push("status_update", r#"{"status":"no_gps"}"#).await;
    ada.hears_of("participant_joined", &cyd.user).await;
    ada.hears_of("participant_status", &cyd.user).await;
    let key = format!("locations:{{{}}}:{}", session.id, ada.user);
    until("the position is in Redis", async || {
        redis.ask(&format!("PTTL {key}\r\n")).await.is_some_and(|answer| {
            let millis: i64 = answer.trim().trim_start_matches(':').parse().unwrap();
            assert!(millis <= 30_000);
            millis > 0
        })
    })
    .await;
    let (_, ben) = two.join(&session, "Ben").await;
    let (_ben, participants, locations) = first_seen(&two, &session, &ben).await;
    assert_eq!(locations.as_array().unwrap().len(), 1);
    assert_eq!((&locations[0]["user_id"], &locations[0]["lat"]), (&json!(ada.user), &json!(1.0)));
    assert!(locations[0]["age_ms"].as_u64().unwrap() < 10_000);
    assert_eq!(participants[1]["status"], "no_gps");
    assert!(participants[0]["last_position_at"].is_string());
}

/// What is still on its way when somebody moves is the business of the core's `nodes_model`.
#[tokio::test]
async fn who_moves_to_another_node_wins_there_at_once() {
    let (_redis, _database, [one, two], session) = pair().await;
    let mut ada = Person::join(&one, &session, "Ada").await;
    let mut ann = Person::join(&one, &session, "Ann").await;
    let mut ben = Person::join(&two, &session, "Ben").await;
    ann.hears_of("participant_joined", &ben.user).await;
    let mut lat = 0.0;
    for at in [&two, &one].into_iter().cycle().take(20) {
        lat += 1.0;
        ada.move_to(lat).await;
        ann.sees(&ada.user, lat).await;
        ben.sees(&ada.user, lat).await;
        ada.client = at.joined(&session, &ada.token).await;
    }
    ann.has_heard_all().await;
    ben.has_heard_all().await;
}

/// How many nodes listen to a session.
async fn listeners_are(redis: &RedisServer, session: &Session, number: usize) {
    let channel = format!("channel:session:{{{}}}", session.id);
    until(&format!("{number} nodes listen"), async || {
        let answer = redis.ask(&format!("PUBSUB NUMSUB {channel}\r\n")).await;
        answer.is_some_and(|answer| answer.trim_end().ends_with(&format!(":{number}")))
    })
    .await;
}

#[tokio::test]
async fn a_node_listens_to_a_session_while_somebody_is_there_and_no_other_does() {
    let (redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
    let hurried = |config: &mut tagalong::config::Config| {
        config.last_seen_interval = Duration::from_millis(50);
        config.location_ttl = Duration::from_secs(1);
    };
    let one = node_with(&database, &redis.url(), hurried).await;
    let _two = node_with(&database, &redis.url(), hurried).await;
    let session = one.session().await;
    let mut ada = Person::join(&one, &session, "Ada").await;
    ada.move_to(1.0).await;
    listeners_are(&redis, &session, 1).await;
    let token = ada.token.clone();
    drop(ada);
    listeners_are(&redis, &session, 0).await;
    let _ada = one.joined(&session, &token).await;
    listeners_are(&redis, &session, 1).await;
}

/// Two nodes look for what is over at the same time, all the time.
#[tokio::test]
async fn two_nodes_that_clean_up_at_the_same_moment_tell_each_thing_once() {
    let (redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
    let hurried = |config: &mut tagalong::config::Config| {
        config.cleanup_interval = Duration::from_millis(50);
        config.last_seen_interval = Duration::from_millis(50);
        config.participant_timeout = Duration::from_secs(1);
    };
    let one = node_with(&database, &redis.url(), hurried).await;
    let two = node_with(&database, &redis.url(), hurried).await;
    let store = Store::open(
        &Database::Sqlite(database.path().join("shared.db")),
        1,
        &tagalong_platform::clock::Clock::system(),
    )
    .await
    .unwrap();
    let now = tagalong_platform::clock::Clock::system().now();
    let id = SessionId::from_random([9; 16]);
    let creator_id = UserId::from_random([9; 16]);
    let expires_at = now.plus(Duration::from_secs(4));
    let new = NewSession {
        id,
        name: None,
        creator_id,
        created_at: now,
        expires_at,
        location_ttl: Duration::from_secs(30),
    };
    store.create_session(&new).await.unwrap();
    let session = Session { id: id.to_string(), creator: String::new() };
    let mut ada = Person::join(&one, &session, "Ada").await;
    let mut ben = Person::join(&two, &session, "Ben").await;
    ada.hears_of("participant_joined", &ben.user).await;
    let (silent, _) = one.join(&session, "Silent").await;
    for person in [&mut ada, &mut ben] {
        person.hears_of("participant_joined", &silent).await;
        person.hears_of("participant_left", &silent).await;
        let (event, data) = person.hears().await;
        assert_eq!((event.as_str(), &data["reason"]), ("session_ended", &json!("expired")));
        assert_eq!(person.hears().await.0, "phx_close");
        person.has_heard_all().await;
    }
    assert!(
        tagalong_platform::clock::Clock::system().now()
            < Timestamp::max(expires_at, now).plus(Duration::from_secs(3))
    );
}
