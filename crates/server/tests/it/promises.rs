//! Sentences of SECURITY.md that no test of one part alone would hold.

use std::collections::HashSet;
use std::path::Path;

use serde_json::json;

use crate::harness::{ADMIN_TOKEN, Server};
use crate::trackers;

/// All bytes of all files in a directory.
fn bytes_of(directory: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(directory).unwrap();
    files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_position_and_no_tracker_secret_is_ever_written() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ada, token) = server.join(&session, "Wilhelmina").await;
    let (_, ben) = server.join(&session, "Ben").await;
    let address = trackers::address(&server, &session, &ada, &token, "traccar").await;
    let (mut sharer, mut reader) =
        (server.joined(&session, &token).await, server.joined(&session, &ben).await);
    let topic = format!("location:{}", session.id);
    let frame = format!(r#"["1","2","{topic}","location_update",{{"lat":12.345678901,"lng":98.765432109}}]"#);
    sharer.send(&frame).await;
    assert_eq!(reader.heard().await[4]["data"]["lat"], 12.345_678_901);
    server.fetch("GET", &format!("{address}?lat=23.456789012&lon=1"), &[], "").await;
    assert_eq!(reader.heard().await[4]["data"]["lat"], 23.456_789_012);
    drop((sharer, reader));
    let directory = server.directory.path().to_owned();
    let Server { running, directory: _kept, .. } = server;
    // Signs of life that wait are written at a stop.
    assert!(running.stop().await);
    let written = bytes_of(&directory);
    assert!(contains(&written, "Wilhelmina"), "the files are those of the session");
    let secret = address.split('/').nth_back(1).unwrap();
    for text in ["12.3456", "98.7654", "23.4567", secret, &secret[..27]] {
        assert!(!contains(&written, text), "{text}");
    }
    for place in [12.345_678_901_f64, 98.765_432_109, 23.456_789_012] {
        let binary = |bytes: [u8; 8]| !written.windows(8).any(|window| window == bytes);
        assert!(binary(place.to_be_bytes()) && binary(place.to_le_bytes()), "{place}");
    }
}

#[tokio::test]
async fn what_opens_one_thing_opens_nothing_else() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ada, token) = server.join(&session, "Ada").await;
    let address = trackers::address(&server, &session, &ada, &token, "owntracks").await;
    let secret = address.split('/').nth_back(1).unwrap();
    let path = format!("/api/sessions/{}", session.id);
    // A tracker's secret is no token, and a token no secret.
    assert_eq!(server.request("DELETE", &path, Some(secret), "").await.status, 401);
    assert_eq!(server.open(&format!("/ws?token={secret}"), &[]).await.err(), Some(401));
    assert_eq!(server.fetch("POST", &format!("/track/{token}/owntracks"), &[], "").await.status, 404);
    // The name that the dashboard has for a session is no id.
    let _connected = server.joined(&session, &token).await;
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let state = server.fetch("GET", "/dashboard/state", &[("authorization", &bearer)], "").await;
    let state: serde_json::Value = serde_json::from_slice(&state.bytes).unwrap();
    let alias = state["rooms"][0]["session"].as_str().unwrap();
    assert_eq!(server.request("GET", &format!("/api/sessions/{alias}"), None, "").await.status, 404);
    // The operator's token is nobody's in a session, and a creator's is not the operator's.
    assert_eq!(server.request("DELETE", &path, Some(ADMIN_TOKEN), "").await.status, 401);
    let creator = format!("Bearer {}", session.creator);
    assert_eq!(server.fetch("GET", "/metrics", &[("authorization", &creator)], "").await.status, 401);
}

#[tokio::test]
async fn without_a_lock_somebody_who_was_removed_can_come_again() {
    let server = Server::start().await;
    let session = server.session().await;
    let (ada, _) = server.join(&session, "Ada").await;
    let (own, join) = (
        format!("/api/sessions/{}/participants/{ada}", session.id),
        format!("/api/sessions/{}/join", session.id),
    );
    assert_eq!(server.request("DELETE", &own, Some(&session.creator), "").await.status, 200);
    let name = json!({"display_name": "Ada"}).to_string();
    assert_eq!(server.request("POST", &join, None, &*name).await.status, 201);
    let lock = json!({"locked": true}).to_string();
    let path = format!("/api/sessions/{}", session.id);
    assert_eq!(server.request("PATCH", &path, Some(&session.creator), lock).await.status, 200);
    let name = json!({"display_name": "Ben"}).to_string();
    assert_eq!(server.request("POST", &join, None, name).await.code(), (409, "SESSION_LOCKED"));
}

/// Not a proof of randomness, but one that no part of it stands still.
#[tokio::test]
async fn ids_and_the_tokens_of_long_polls_are_random_in_every_part() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let poll = format!("/socket/longpoll?token={token}&vsn=2.0.0");
    let (mut ids, mut polls) = (Vec::new(), Vec::new());
    for _ in 0..64 {
        ids.push(server.session().await.id.replace('-', ""));
        let opened = server.fetch("GET", &poll, &[], "").await;
        let opened: serde_json::Value = serde_json::from_slice(&opened.bytes).unwrap();
        polls.push(opened["token"].as_str().unwrap().trim_start_matches("poll_").to_owned());
    }
    let different = |texts: &[String], place: usize| {
        texts.iter().map(|text| text.as_bytes()[place]).collect::<HashSet<_>>().len()
    };
    for place in 0..32 {
        // 12 has the version of the id, 16 two bits of its variant.
        let least = match place {
            12 => 1,
            16 => 3,
            _ => 10,
        };
        assert!(different(&ids, place) >= least, "id, digit {place}");
        assert!(different(&polls, place) >= 10, "token of a long poll, digit {place}");
    }
}
