//! Two nodes: watchers who are sent away through one go from the other, and so do people who are removed.

use serde_json::json;
use tempfile::TempDir;

use super::redis_server::RedisServer;
use super::{Person, node, redis_is};
use crate::harness::{At, Client, Session};
use crate::trackers::{address, location};

/// Somebody who watches through a node.
async fn watch(node: &At, session: &Session) -> (String, Client) {
    let path = format!("/api/sessions/{}/watch", session.id);
    let watching = node.request("POST", &path, None, "").await;
    let token = watching.body["websocket_token"].as_str().unwrap().to_owned();
    let client = node.joined(session, &token).await;
    (token, client)
}

async fn is_dismissed(client: &mut Client) {
    loop {
        let heard = client.heard().await;
        // Who goes with them may be told first.
        if heard[3] != "participant_left" && heard[3] != "session_updated" {
            assert_eq!(
                (&heard[3], &heard[4]["data"]["reason"]),
                (&json!("dismissed"), &json!("watching_revoked"))
            );
            break;
        }
    }
    assert_eq!(client.heard().await[3], "phx_close");
}

async fn is_refused(node: &At, session: &Session, token: &str) {
    let mut client = node.phoenix(token).await;
    client.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id)).await;
    assert_eq!(client.heard().await[4]["response"]["reason"], "watching_revoked");
}

#[tokio::test]
async fn what_one_node_revokes_ends_on_another() {
    let (mut redis, database) = (RedisServer::start().await, TempDir::new().unwrap());
    let [one, two] = [node(&database, &redis.url()).await, node(&database, &redis.url()).await];
    let session = one.session().await;
    let path = format!("/api/sessions/{}", session.id);
    let mut ada = Person::join(&two, &session, "Ada").await;
    let mut ex = Person::join(&two, &session, "Ex").await;
    ada.hears_of("participant_joined", &ex.user).await;
    let app = address(&two, &session, &ex.user, &ex.token, "owntracks").await;

    let (first, mut watcher) = watch(&two, &session).await;
    let removed = format!("{path}/participants/{}", ex.user);
    assert_eq!(one.request("DELETE", &removed, Some(&session.creator), "").await.status, 200);
    is_dismissed(&mut watcher).await;
    is_refused(&two, &session, &first).await;
    // Their connection, their token and their app are over on the other node as well.
    let left = ex.user.clone();
    ex.hears_of("participant_left", &left).await;
    assert_eq!(ex.hears().await.0, "phx_close");
    ex.push("phx_join", "{}").await;
    assert_eq!(ex.client.heard().await[4]["response"]["reason"], "unauthenticated");
    let answer = two.fetch("POST", &app, &[], location(1.0, 1_795_000_000)).await;
    assert_eq!((answer.status, &answer.bytes[..]), (200, &b"[]"[..]));
    ada.hears_of("participant_left", &left).await;

    let (second, mut watcher) = watch(&two, &session).await;
    assert_eq!(
        one.request("DELETE", &format!("{path}/watchers"), Some(&session.creator), "").await.status,
        200
    );
    is_dismissed(&mut watcher).await;
    // Without Redis nobody tells the other node, and it asks the database.
    let (third, mut watcher) = watch(&two, &session).await;
    redis.kill();
    redis_is(&two, "degraded").await;
    let locked = one.request("PATCH", &path, Some(&session.creator), r#"{"locked":true}"#).await;
    assert_eq!(locked.status, 200);
    is_dismissed(&mut watcher).await;
    for token in [&first, &second, &third] {
        is_refused(&two, &session, token).await;
    }
    let list = two.request("GET", &format!("{path}/participants"), Some(&ex.token), "").await;
    assert_eq!(list.code(), (409, "SESSION_LOCKED"));
    assert_eq!(ada.hears().await.0, "session_updated");
    ada.has_heard_all().await;
}
