//! The plain protocol: no topics, joined on connecting, answers for errors alone.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::Server;

#[tokio::test]
async fn both_protocols_lead_to_the_same_room() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ada_id, ada) = server.join(&session, "Ada").await;
    let (_, ben) = server.join(&session, "Ben").await;
    let mut ada = server.plain(&ada).await;
    let mut ben = server.joined(&session, &ben).await;
    ada.send(r#"{"type":"location_update","data":{"lat":1,"lng":2}}"#).await;
    assert_eq!(ben.heard().await[4]["data"]["user_id"], ada_id);
    ben.send(&format!(r#"["1","2","location:{}","location_update",{{"lat":3,"lng":4}}]"#, session.id)).await;
    let moved = ada.heard().await;
    assert_eq!((&moved["type"], &moved["data"]["lat"]), (&json!("location_update"), &json!(3.0)));
}

#[tokio::test]
async fn only_errors_are_answered() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = server.plain(&token).await;
    client.send(r#"{"type":"location_update","data":{"lat":1,"lng":2}}"#).await;
    for (sent, code) in [
        (Message::text("nonsense"), "INVALID_MESSAGE_FORMAT"),
        (Message::text(r#"{"type":"dance"}"#), "UNKNOWN_EVENT"),
        (Message::text(r#"{"type":"location_update","data":{"lat":99,"lng":2}}"#), "INVALID_LOCATION_DATA"),
        (Message::text(r#"{"type":"status_update","data":{"status":"?"}}"#), "INVALID_STATUS"),
        (Message::binary(vec![1, 2]), "INVALID_MESSAGE_FORMAT"),
    ] {
        client.send_message(sent).await;
        let error = client.heard().await;
        assert_eq!((&error["type"], &error["data"]["code"]), (&json!("error"), &json!(code)));
    }
    client.send(r#"{"type":"ping"}"#).await;
    assert_eq!(client.text().await, r#"{"type":"pong","data":{}}"#);
}

#[tokio::test]
async fn who_may_not_come_in_is_told_before_the_upgrade() {
    let server = Server::start().await;
    assert_eq!(server.open("/ws?token=x", &[]).await.err(), Some(401));
    for path in ["/ws", "/ws?token=", "/ws?token=a&token=b", "/ws?token=%ff"] {
        assert_eq!(server.open(path, &[]).await.err(), Some(401), "{path}");
    }
}

#[tokio::test]
async fn a_watcher_sees_and_cannot_be_seen() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, ada) = server.join(&session, "Ada").await;
    let mut ada = server.joined(&session, &ada).await;
    let watch = server.request("POST", &format!("/api/sessions/{}/watch", session.id), None, "").await;
    assert_eq!(watch.status, 201);
    let mut watcher = server.plain(watch.body["websocket_token"].as_str().unwrap()).await;
    watcher.send(r#"{"type":"location_update","data":{"lat":1,"lng":2}}"#).await;
    assert_eq!(watcher.heard().await["data"]["code"], "FORBIDDEN");
    ada.silent().await;
    ada.send(&format!(r#"["1","2","location:{}","location_update",{{"lat":3,"lng":4}}]"#, session.id)).await;
    assert_eq!(watcher.heard().await["data"]["lat"], 3.0);
    let shown = server.request("GET", &format!("/api/sessions/{}", session.id), None, "").await;
    assert_eq!(shown.body["participant_count"], 1);
}
