//! Who may watch, from when a token is made to when it is used, and how watchers are sent away.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Server, Session};

/// How long it takes at most until a change is told.
const LOOK: Duration = Duration::from_millis(250);

fn path(session: &Session, rest: &str) -> String {
    format!("/api/sessions/{}{rest}", session.id)
}

async fn watch(server: &Server, session: &Session) -> String {
    let watching = server.request("POST", &path(session, "/watch"), None, "").await;
    assert_eq!(watching.status, 201, "{}", watching.body);
    watching.body["websocket_token"].as_str().unwrap().to_owned()
}

async fn lock(server: &Server, session: &Session, locked: bool) {
    let change = json!({"locked": locked}).to_string();
    let changed = server.request("PATCH", &path(session, ""), Some(&session.creator), change).await;
    assert_eq!(changed.body["locked"], locked);
}

async fn remove(server: &Server, session: &Session, user: &str, token: &str) {
    let participant = path(session, &format!("/participants/{user}"));
    assert_eq!(server.request("DELETE", &participant, Some(token), "").await.status, 200);
}

/// What each protocol says to a token that is used now, whether or not anybody is in the room.
async fn is_refused(server: &Server, session: &Session, token: &str) {
    let mut client = server.phoenix(token).await;
    client.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id)).await;
    let answer = client.heard().await;
    assert_eq!(answer[4], json!({"status": "error", "response": {"reason": "watching_revoked"}}));
    let mut plain = server.open(&format!("/ws?token={token}"), &[]).await.unwrap();
    assert_eq!(plain.heard().await["data"]["code"], "WATCHING_REVOKED");
    assert_eq!(plain.closed().await, 1000);
}

async fn is_dismissed(phoenix: &mut Client, plain: &mut Client) {
    let through_phoenix = phoenix.heard().await;
    assert_eq!(through_phoenix[3], "dismissed");
    let through_plain = plain.heard().await;
    for told in [&through_phoenix[4], &through_plain] {
        assert_eq!(
            (&told["type"], &told["data"]["reason"]),
            (&json!("dismissed"), &json!("watching_revoked"))
        );
    }
    assert_eq!(phoenix.heard().await[3], "phx_close");
    phoenix.silent().await;
    assert_eq!(plain.closed().await, 1000);
}

#[tokio::test]
async fn a_token_from_before_a_removal_or_a_lock_opens_nothing_when_it_is_used() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ex, _) = server.join(&session, "Ex").await;
    let never_used = watch(&server, &session).await;
    remove(&server, &session, &ex, &session.creator).await;
    is_refused(&server, &session, &never_used).await;

    // Invited watchers ask anew; so could the person who was removed, until the session is locked.
    let asked_anew = watch(&server, &session).await;
    server.plain(&asked_anew).await.leave().await;
    lock(&server, &session, true).await;
    is_refused(&server, &session, &asked_anew).await;
    let answer = server.request("POST", &path(&session, "/watch"), None, "").await;
    assert_eq!(answer.code(), (409, "SESSION_LOCKED"));

    // In a room where somebody is, as in one that has to be read again.
    let (_, token) = {
        lock(&server, &session, false).await;
        server.join(&session, "Ada").await
    };
    let _ada = server.joined(&session, &token).await;
    for token in [&never_used, &asked_anew] {
        is_refused(&server, &session, token).await;
    }
    server.joined(&session, &watch(&server, &session).await).await.silent().await;
}

#[tokio::test]
async fn watchers_are_let_go_at_once_and_told_why() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ex, _) = server.join(&session, "Ex").await;
    let (by_themselves, own) = server.join(&session, "Leaves").await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut ada = server.joined(&session, &token).await;
    let watching = async || {
        let token = watch(&server, &session).await;
        (server.joined(&session, &token).await, server.plain(&token).await)
    };

    // Who leaves by themselves could not have been kept from watching.
    let (mut phoenix, mut plain) = watching().await;
    remove(&server, &session, &by_themselves, &own).await;
    for heard in [phoenix.heard().await, ada.heard().await] {
        assert_eq!(heard[3], "participant_left");
    }
    assert_eq!(plain.heard().await["type"], "participant_left");
    phoenix.silent().await;

    remove(&server, &session, &ex, &session.creator).await;
    is_dismissed(&mut phoenix, &mut plain).await;
    assert_eq!(ada.heard().await[3], "participant_left");

    let (mut phoenix, mut plain) = watching().await;
    let all = path(&session, "/watchers");
    for (token, code) in [(None, (401, "UNAUTHENTICATED")), (Some(token.as_str()), (403, "FORBIDDEN"))] {
        assert_eq!(server.request("DELETE", &all, token, "").await.code(), code);
    }
    assert_eq!(
        server.request("DELETE", &all, Some(&session.creator), "").await.body,
        json!({"success": true})
    );
    is_dismissed(&mut phoenix, &mut plain).await;
    ada.silent().await;

    let (mut phoenix, mut plain) = watching().await;
    lock(&server, &session, true).await;
    is_dismissed(&mut phoenix, &mut plain).await;
    assert_eq!(ada.heard().await[3], "session_updated");
    // To lock what is locked sends nobody away: nobody new can be there.
    lock(&server, &session, true).await;
    assert_eq!(ada.heard().await[3], "session_updated");
}

#[tokio::test]
async fn everyone_is_told_how_many_watch() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut ada = server.joined(&session, &token).await;
    ada.hears_presence = true;
    assert_eq!(ada.heard().await[3], "presence_state");
    let mut watchers = Vec::new();
    for count in 1..=2 {
        watchers.push(server.joined(&session, &watch(&server, &session).await).await);
        server.clock.advance(LOOK);
        let told = ada.heard().await;
        assert_eq!((&told[3], &told[4]["data"]["count"]), (&json!("presence_watchers"), &json!(count)));
    }
    for (token, count) in [(Some(&token), json!(2)), (Some(&session.creator), json!(2)), (None, Value::Null)]
    {
        let shown = server.request("GET", &path(&session, ""), token.map(String::as_str), "").await;
        assert_eq!(shown.body["watcher_count"], count);
    }
    let mut late = server.phoenix(&token).await;
    late.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id)).await;
    late.heard().await;
    assert_eq!(late.heard().await[4]["watcher_count"], 2);
    server.request("DELETE", &path(&session, "/watchers"), Some(&session.creator), "").await;
    server.clock.advance(LOOK);
    assert_eq!(ada.heard().await[4]["data"]["count"], 0);
}

/// A list of names is for those who are in, once the creator has said that nobody new may see it.
#[tokio::test]
async fn a_locked_session_tells_strangers_no_names() {
    let server = Server::start().await;
    let (session, other) = (server.session().await, server.session().await);
    let name = r#"{"name":"Alps"}"#;
    server.request("PATCH", &path(&session, ""), Some(&session.creator), name).await;
    let (_, ada) = server.join(&session, "Ada").await;
    let (ex, removed) = server.join(&session, "Ex").await;
    let (_, stranger) = server.join(&other, "Eve").await;
    let watcher = watch(&server, &session).await;
    let listed = async |token: Option<&str>| {
        let list = server.request("GET", &path(&session, "/participants"), token, "").await;
        let shown = server.request("GET", &path(&session, ""), token, "").await;
        assert_eq!(shown.status, 200);
        let (name, count) = (shown.body["name"].clone(), shown.body["participant_count"].clone());
        (list.code().1.to_owned(), name, count)
    };
    let tokens = [None, Some("x"), Some(&*removed), Some(&*stranger), Some(&*other.creator), Some(&*watcher)];
    for token in tokens {
        assert_eq!(listed(token).await, ("-".to_owned(), json!("Alps"), json!(2)));
    }
    remove(&server, &session, &ex, &session.creator).await;
    lock(&server, &session, true).await;
    for token in tokens {
        assert_eq!(listed(token).await, ("SESSION_LOCKED".to_owned(), Value::Null, json!(0)), "{token:?}");
    }
    for token in [&ada, &session.creator] {
        assert_eq!(listed(Some(token)).await, ("-".to_owned(), json!("Alps"), json!(1)));
    }
    lock(&server, &session, false).await;
    assert_eq!(listed(None).await.0, "-");
}

/// Nothing that names somebody is kept on the way, where it would be shown again after a lock.
#[tokio::test]
async fn answers_that_name_people_are_kept_nowhere() {
    let server = Server::start().await;
    let session = server.session().await;
    for rest in ["", "/participants"] {
        let fetched = server.fetch("GET", &path(&session, rest), &[], "").await;
        assert_eq!(fetched.header("cache-control"), "no-store");
    }
}
