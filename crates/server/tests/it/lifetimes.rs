//! Ends, expiries and silences, by a clock that is moved.

use std::time::Duration;

use serde_json::json;
use tagalong_core::time::Timestamp;

use crate::harness::{Client, Server, Session};

async fn two() -> (Server, Session, Client, Client) {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, ada) = server.join(&session, "Ada").await;
    let (_, ben) = server.join(&session, "Ben").await;
    let (phoenix, plain) = (server.joined(&session, &ada).await, server.plain(&ben).await);
    (server, session, phoenix, plain)
}

async fn hears_the_end(session: &Session, mut phoenix: Client, mut plain: Client, reason: &str) {
    let ended = phoenix.heard().await;
    assert_eq!((&ended[0], &ended[3]), (&json!(null), &json!("session_ended")));
    assert_eq!(ended[4]["data"]["reason"], reason);
    assert_eq!(phoenix.text().await, format!(r#"["1","1","location:{}","phx_close",{{}}]"#, session.id));
    phoenix.silent().await;
    assert_eq!(plain.heard().await["data"]["reason"], reason);
    assert_eq!(plain.closed().await, 1000);
}

#[tokio::test]
async fn everyone_hears_when_the_creator_ends_it() {
    let (server, session, phoenix, plain) = two().await;
    let path = format!("/api/sessions/{}", session.id);
    assert_eq!(
        server.request("DELETE", &path, Some(&session.creator), "").await.body,
        json!({"success": true})
    );
    hears_the_end(&session, phoenix, plain, "ended_by_creator").await;
    let again = server.request("DELETE", &path, Some(&session.creator), "").await;
    assert_eq!(again.code(), (404, "SESSION_ENDED"));
    assert_eq!(again.body["error"], "Session already ended");
}

#[tokio::test]
async fn everyone_hears_within_a_second_that_the_time_is_up() {
    let (server, session, mut phoenix, mut plain) = two().await;
    // In steps, as time passes, so that both stay alive until half a second before the end.
    let mut left = Duration::from_millis(60 * 60_000 - 500);
    while !left.is_zero() {
        let step = left.min(Duration::from_secs(25));
        server.clock.advance(step);
        left -= step;
        phoenix.silent().await;
        plain.send(r#"{"type":"ping"}"#).await;
        assert_eq!(plain.heard().await["type"], "pong");
    }
    server.clock.advance(Duration::from_secs(1));
    hears_the_end(&session, phoenix, plain, "expired").await;
    let shown = server.request("GET", &format!("/api/sessions/{}", session.id), None, "").await;
    assert_eq!(shown.code(), (404, "SESSION_EXPIRED"));
}

#[tokio::test]
async fn a_jump_of_the_systems_clock_ends_nothing_early_and_nothing_late() {
    for hours in [1, -1] {
        let (server, session, mut phoenix, plain) = two().await;
        let start = Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
        let hour = Duration::from_secs(3600);
        server.clock.set_system(if hours > 0 { start.plus(hour) } else { start.minus(hour) });
        let mut plain = plain;
        // Almost the hour that the session has.
        for _ in 0..119 {
            server.clock.advance(Duration::from_secs(30));
            phoenix.silent().await;
            plain.send(r#"{"type":"ping"}"#).await;
            assert_eq!(plain.heard().await["type"], "pong");
        }
        let path = format!("/api/sessions/{}", session.id);
        assert_eq!(server.request("GET", &path, None, "").await.status, 200);
        // A phone whose clock is right is still believed.
        let said = (if hours > 0 { start.plus(hour * 2) } else { start }).to_string();
        let update = format!(r#"{{"lat":1,"lng":2,"timestamp":"{said}"}}"#);
        phoenix.send(&format!(r#"["1","2","location:{}","location_update",{update}]"#, session.id)).await;
        assert_eq!(phoenix.heard().await[4]["status"], "ok");
        assert_eq!(plain.heard().await["data"]["timestamp"], said);
        server.clock.advance(Duration::from_secs(31));
        hears_the_end(&session, phoenix, plain, "expired").await;
    }
}

#[tokio::test]
async fn an_extended_session_goes_on_and_its_tokens_too() {
    let (server, session, mut phoenix, _plain) = two().await;
    let path = format!("/api/sessions/{}", session.id);
    let change = r#"{"expires_in_minutes":120,"name":"Longer","locked":true}"#;
    let changed = server.request("PATCH", &path, Some(&session.creator), change).await;
    assert_eq!(changed.body["expires_at"], "2026-11-24T14:00:00.000Z");
    let told = phoenix.heard().await;
    assert_eq!(told[3], "session_updated");
    assert_eq!((&told[4]["data"]["name"], &told[4]["data"]["locked"]), (&json!("Longer"), &json!(true)));
    let join = server.request("POST", &format!("{path}/join"), None, r#"{"display_name":"Cy"}"#).await;
    assert_eq!(join.code(), (409, "SESSION_LOCKED"));
    server.clock.advance(Duration::from_secs(59 * 60));
    assert_eq!(server.request("GET", &path, Some(&session.creator), "").await.body["name"], "Longer");
    assert_eq!(server.request("DELETE", &path, Some(&session.creator), "").await.status, 200);
}

#[tokio::test]
async fn a_position_past_its_life_is_shown_to_nobody_who_comes() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, ada) = server.join(&session, "Ada").await;
    let mut ada = server.joined(&session, &ada).await;
    ada.send(&format!(r#"["1","2","location:{}","location_update",{{"lat":1,"lng":2}}]"#, session.id)).await;
    ada.heard().await;
    let (_, ben) = server.join(&session, "Ben").await;
    let join = format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id);
    for (wait, locations) in [(29, 1), (1, 0)] {
        server.clock.advance(Duration::from_secs(wait));
        let mut ben = server.phoenix(&ben).await;
        ben.send(&join).await;
        ben.heard().await;
        ben.heard().await;
        assert_eq!(ben.heard().await[4]["locations"].as_array().unwrap().len(), locations);
    }
}

#[tokio::test]
async fn who_pauses_is_gone_from_the_map_at_once() {
    let (_server, session, mut ada, mut ben) = two().await;
    let topic = format!("location:{}", session.id);
    ada.send(&format!(r#"["1","2","{topic}","location_update",{{"lat":1,"lng":2}}]"#)).await;
    assert_eq!(ben.heard().await["type"], "location_update");
    ada.heard().await;
    ada.send(&format!(r#"["1","3","{topic}","status_update",{{"status":"paused"}}]"#)).await;
    assert_eq!(ada.heard().await[4]["status"], "ok");
    let told = ben.heard().await;
    assert_eq!((&told["type"], &told["data"]["status"]), (&json!("participant_status"), &json!("paused")));
}

#[tokio::test]
async fn signs_of_life_are_written_behind() {
    let (server, session, mut phoenix, plain) = two().await;
    let path = format!("/api/sessions/{}/participants", session.id);
    server.clock.advance(Duration::from_secs(5));
    phoenix.silent().await;
    let seen = server.request("GET", &path, None, "").await;
    assert_eq!(seen.body["participants"][0]["last_seen"], "2026-11-24T12:00:00.000Z");
    server.clock.advance(Duration::from_secs(5));
    let (address, database) = (server.running.address, server.directory.path().join("tagalong.db"));
    drop((phoenix, plain));
    assert!(server.running.stop().await, "{address}");
    let store = tagalong_store::Store::open(
        &tagalong_store::Database::Sqlite(database),
        1,
        &tagalong_platform::clock::Clock::system(),
    )
    .await
    .unwrap();
    let id = tagalong_core::id::SessionId::parse(&session.id).unwrap();
    let now = tagalong_core::time::Timestamp::parse("2026-11-24T12:00:10Z").unwrap();
    let (_, participants) = store.participants(id, now).await.unwrap();
    assert_eq!(participants[0].last_seen, now);
}

/// What comes while a connection keeps its pace does not wake it: its own timer must, without another message.
#[tokio::test]
async fn what_comes_while_a_connection_keeps_its_pace_is_written_when_the_pace_allows() {
    let (server, session, mut phoenix, mut plain) = two().await;
    let update = format!(r#"["1","2","location:{}","location_update",{{"lat":1,"lng":2}}]"#, session.id);
    let burst = 21;
    for _ in 0..burst {
        phoenix.send(&update).await;
        assert_eq!(phoenix.heard().await[3], "phx_reply");
        assert_eq!(plain.heard().await["type"], "location_update");
    }
    phoenix.send(&update).await;
    assert_eq!(phoenix.heard().await[3], "phx_reply");
    server.clock.advance(Duration::from_millis(100));
    assert_eq!(plain.heard().await["type"], "location_update");
}
