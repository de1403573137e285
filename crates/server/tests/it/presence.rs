//! Who is connected right now, as the official client's `Presence` reads it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Server, Session};

/// As the setting says when nobody sets it.
const GRACE: Duration = Duration::from_secs(10);
/// How long it takes at most until a change is told.
const LOOK: Duration = Duration::from_millis(250);

fn presences(users: &[&str]) -> Value {
    let one = |user: &&str| ((*user).to_owned(), json!({"metas": [{"phx_ref": user[user.len() - 8..]}]}));
    Value::Object(users.iter().map(one).collect())
}

fn diff(joins: &[&str], leaves: &[&str]) -> Value {
    json!({"joins": presences(joins), "leaves": presences(leaves)})
}

/// A connection that has joined, and hears who is connected: as it is told when it comes.
async fn joined(server: &Server, session: &Session, token: &str) -> (Client, Value) {
    let mut client = server.joined(session, token).await;
    client.hears_presence = true;
    let told = client.heard().await;
    assert_eq!((&told[0], &told[1], &told[3]), (&json!("1"), &json!(null), &json!("presence_state")));
    (client, told[4].clone())
}

async fn hears(client: &mut Client, payload: Value) {
    let told = client.heard().await;
    assert_eq!((&told[0], &told[1], &told[3]), (&json!(null), &json!(null), &json!("presence_diff")));
    assert_eq!(told[4], payload);
}

#[tokio::test]
async fn who_comes_is_told_at_once_and_who_goes_after_a_while() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ada_id, ada) = server.join(&session, "Ada").await;
    let (ben_id, ben) = server.join(&session, "Ben").await;
    let (mut ada, state) = joined(&server, &session, &ada).await;
    assert_eq!(state, presences(&[&ada_id]));
    let (mut phone, state) = joined(&server, &session, &ben).await;
    assert_eq!(state, presences(&[&ada_id, &ben_id]));
    server.clock.advance(LOOK);
    hears(&mut ada, diff(&[&ben_id], &[])).await;

    // A second device is no second person, and a tunnel is no leave.
    let (mut laptop, _) = joined(&server, &session, &ben).await;
    phone.leave().await;
    server.clock.advance(GRACE * 2);
    ada.silent().await;
    laptop.leave().await;
    server.clock.advance(GRACE - LOOK);
    ada.silent().await;
    let (mut phone, state) = joined(&server, &session, &ben).await;
    assert_eq!(state, presences(&[&ada_id, &ben_id]));
    server.clock.advance(GRACE * 2);
    ada.silent().await;
    phone.leave().await;
    server.clock.advance(GRACE);
    hears(&mut ada, diff(&[], &[&ben_id])).await;
    ada.silent().await;
}

#[tokio::test]
async fn a_participant_who_leaves_goes_offline_first() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, ada) = server.join(&session, "Ada").await;
    let (ben_id, ben) = server.join(&session, "Ben").await;
    let _ben = server.joined(&session, &ben).await;
    let (mut ada, _) = joined(&server, &session, &ada).await;
    let path = format!("/api/sessions/{}/participants/{ben_id}", session.id);
    assert_eq!(server.request("DELETE", &path, Some(&session.creator), "").await.status, 200);
    hears(&mut ada, diff(&[], &[&ben_id])).await;
    assert_eq!(ada.heard().await[3], "participant_left");
    server.clock.advance(GRACE);
    ada.silent().await;
}

#[tokio::test]
async fn watchers_see_who_is_there_and_are_not_there() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ada_id, ada) = server.join(&session, "Ada").await;
    let watch = server.request("POST", &format!("/api/sessions/{}/watch", session.id), None, "").await;
    let mut watcher = server.plain(watch.body["websocket_token"].as_str().unwrap()).await;
    watcher.hears_presence = true;
    assert_eq!(watcher.heard().await, json!({"type": "presence_state", "data": {}}));
    let (mut ada, state) = joined(&server, &session, &ada).await;
    assert_eq!(state, presences(&[&ada_id]));
    server.clock.advance(LOOK);
    assert_eq!(watcher.heard().await, json!({"type": "presence_diff", "data": diff(&[&ada_id], &[])}));
    assert_eq!(ada.heard().await[4], json!({"type": "presence_watchers", "data": {"count": 1}}));
    ada.silent().await;
}
