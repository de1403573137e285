//! WebSockets that are used as nobody should: floods, silence, and frames that never end.

use std::time::Duration;

use tagalong_core::limits::{CONNECTIONS_PER_PARTICIPANT_MAX, MESSAGE_BYTES_MAX, REFUSALS_MAX};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Server, Session};
use crate::wire::{BINARY, CONTINUATION, FIN, Heard, PING, TEXT, Wire, frame, head, upgrade};

const STEP: Duration = Duration::from_secs(1);

/// The paths of both protocols for somebody new.
async fn protocols(server: &Server, session: &Session, name: &str) -> [String; 2] {
    let (_, token) = server.join(session, name).await;
    [format!("/socket/websocket?vsn=2.0.0&token={token}"), format!("/ws?token={token}")]
}

/// A connection whose joining waits for the database no more: a clock that moves would make it late.
async fn settled(server: &Server, protocol: &str) -> Wire {
    let mut wire = Wire::open(server, protocol).await;
    if protocol.starts_with("/ws") {
        assert!(matches!(wire.hear().await, Heard::Text(_)));
    }
    wire
}

#[tokio::test]
async fn floods_of_every_kind_of_frame_are_closed_with_1008() {
    let server = Server::start_with(|config| config.rate_limits = true).await;
    let session = server.session().await;
    let push = b"\0\x01\x01\x07\x0112phoenixx";
    for protocol in protocols(&server, &session, "Ada").await {
        for message in
            [frame(FIN | PING, "x"), frame(FIN | BINARY, push), frame(FIN | TEXT, r#"[null,"1","x","y",{}]"#)]
        {
            let mut wire = Wire::open(&server, &protocol).await;
            wire.send(message.repeat(100 + REFUSALS_MAX as usize)).await;
            assert_eq!(wire.closed().await, Some(1008), "{message:x?} at {protocol:.5}");
        }
    }
}

/// No FIN, no answer: what a phone in a tunnel looks like, or a machine that was unplugged.
#[tokio::test]
async fn half_open_connections_are_closed_after_the_heartbeat_timeout() {
    let server = Server::start().await;
    let session = server.session().await;
    let mut silent = Vec::new();
    for number in 0..10 {
        for protocol in protocols(&server, &session, &format!("Ada{number}")).await {
            for _ in 0..CONNECTIONS_PER_PARTICIPANT_MAX / 2 {
                silent.push(settled(&server, &protocol).await);
            }
        }
    }
    let (_, token) = server.join(&session, "Ben").await;
    let mut ben = server.plain(&token).await;
    for second in 1..=75 {
        server.clock.advance(STEP);
        if second % 20 == 0 {
            ben.send(r#"{"type":"ping"}"#).await;
            while ben.heard().await["type"] != "pong" {}
        }
    }
    for mut wire in silent {
        assert_eq!(wire.closed().await, Some(1002));
        // The goodbye is not answered either.
        let moved = async {
            loop {
                server.clock.advance(STEP);
                server.request("GET", "/health", None, "").await;
            }
        };
        tokio::select! {
            end = wire.hear() => assert_eq!(end, Heard::End),
            () = moved => {}
        }
    }
}

/// A byte a second is no sign of life: only a whole message is.
#[tokio::test]
async fn messages_that_dribble_do_not_keep_a_connection() {
    let server = Server::start().await;
    let session = server.session().await;
    for protocol in protocols(&server, &session, "Ada").await {
        for begin in
            [head(FIN | TEXT, 1000), [frame(TEXT, "["), head(CONTINUATION, 1000)].concat(), vec![FIN | TEXT]]
        {
            let mut wire = settled(&server, &protocol).await;
            wire.send(begin).await;
            let mut seconds = 0;
            let code = loop {
                wire.send(b"x").await;
                server.clock.advance(STEP);
                server.request("GET", "/health", None, "").await;
                seconds += 1;
                assert!(seconds < 85, "it may go on for ever: {protocol:.5}");
                if seconds >= 75 {
                    break wire.closed().await;
                }
            };
            assert_eq!(code, Some(1002));
        }
    }
}

#[tokio::test]
async fn upgrades_that_dribble_are_cut_off() {
    let server = Server::start().await;
    let session = server.session().await;
    for protocol in protocols(&server, &session, "Ada").await {
        let mut stream = server.raw().await;
        let request = upgrade(&protocol, "");
        let mut answer = Vec::new();
        let ended = async {
            for byte in request.bytes() {
                stream.write_all(&[byte]).await?;
                server.clock.advance(STEP);
                server.request("GET", "/health", None, "").await;
            }
            stream.read_to_end(&mut answer).await
        };
        // A reset is as good an end as an answer.
        _ = tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it may go on for ever");
        assert!(!String::from_utf8_lossy(&answer).contains(" 101 "));
    }
}

/// What is declared and never sent takes no memory: thousands of them fit where one of them would not.
#[tokio::test]
async fn declared_lengths_set_nothing_aside() {
    let server = Server::start().await;
    let session = server.session().await;
    let [phoenix, plain] = protocols(&server, &session, "Ada").await;
    let mut waiting = Vec::new();
    for number in 0..300 {
        let mut wire = Wire::open(&server, if number % 2 == 0 { &phoenix } else { &plain }).await;
        let declared = if number % 3 == 0 { 1 << 62 } else { MESSAGE_BYTES_MAX as u64 };
        wire.send(head(FIN | TEXT, declared)).await;
        waiting.push((wire, declared));
    }
    for (mut wire, declared) in waiting {
        if declared > MESSAGE_BYTES_MAX as u64 {
            assert_eq!(wire.closed().await, Some(1009));
        }
    }
    assert_eq!(server.request("GET", "/health", None, "").await.status, 200);
}

/// Of those who connect with the tokens of one session, each gets a subscription; strangers get none, whatever they
/// try.
#[tokio::test]
async fn fifty_places_hold_at_both_protocols() {
    let server = Server::start().await;
    let session = server.session().await;
    let join = format!("/api/sessions/{}/join", session.id);
    let all = (0..200).map(|n| {
        let (server, join) = (&server, &join);
        async move {
            let body = serde_json::json!({"display_name": format!("p{n}")}).to_string();
            let joined = server.request("POST", join, None, body).await;
            let token = joined.body["websocket_token"].as_str().map(str::to_owned);
            let path = |token: &str| {
                if n % 2 == 0 {
                    format!("/ws?token={token}")
                } else {
                    format!("/socket/websocket?vsn=2.0.0&token={token}")
                }
            };
            match token {
                Some(token) => server.open(&path(&token), &[]).await.ok(),
                None => {
                    assert_eq!(joined.code(), (409, "SESSION_FULL"));
                    let refused = server.open(&path("none"), &[]).await.err();
                    assert!(matches!(refused, Some(401 | 403)));
                    None
                }
            }
        }
    });
    let connected = futures_util::future::join_all(all).await.into_iter().flatten().count();
    assert_eq!(connected, 50);
    let shown = server.request("GET", &format!("/api/sessions/{}", session.id), None, "").await;
    assert_eq!(shown.body["participant_count"], 50);
}

/// Malformed messages are answered or close, protocol by protocol, and nobody else hears of them.
#[tokio::test]
async fn others_hear_nothing_of_it() {
    let server = Server::start().await;
    let session = server.session().await;
    let [phoenix, plain] = protocols(&server, &session, "Ada").await;
    let (_, ben) = server.join(&session, "Ben").await;
    let mut ben = server.plain(&ben).await;
    let deep = format!(r#"{{"type":"location_update","data":{}1{}}}"#, "[".repeat(7_000), "]".repeat(7_000));
    let huge = r#"{"type":"location_update","data":{"lat":1e999,"lng":0}}"#;
    let keys =
        format!(r#"{{"type":"location_update","data":{{{}"lat":91,"lng":0}}}}"#, r#""a":0,"#.repeat(2_000));
    let twice = r#"{"type":"location_update","data":{"lat":1,"lat":2,"lng":0}}"#;
    let mut wire = Wire::open(&server, &plain).await;
    for _ in 0..3 {
        wire.hear().await;
    }
    for message in
        [deep.as_str(), huge, &keys, twice, "\u{0}", "nul", "[[[[", r#"{"type":"ping","type":"ping"}"#]
    {
        wire.send(frame(FIN | TEXT, message)).await;
        let heard = wire.hear().await;
        assert!(
            matches!(&heard, Heard::Text(text) if text.starts_with(r#"{"type":"error""#)),
            "{message:.40}: {heard:?}"
        );
    }
    let nested = format!(r#"[null,"1","phoenix","heartbeat",{}{}]"#, "[".repeat(7_000), "]".repeat(7_000));
    for message in [nested.as_str(), "[", "null", r#"{"a":1}"#, r#"[1e999,"1","phoenix","heartbeat",{}]"#] {
        let mut wire = Wire::open(&server, &phoenix).await;
        wire.send(frame(FIN | TEXT, message)).await;
        let heard = wire.hear().await;
        assert!(matches!(heard, Heard::Close(1011) | Heard::Text(_)), "{message:.40}: {heard:?}");
    }
    ben.send(r#"{"type":"ping"}"#).await;
    assert_eq!(ben.heard().await["type"], "pong");
}
