//! The golden vectors of the Phoenix wire contract, on a real socket. The rules that need several topics are
//! in the core's own `golden.rs`.

use base64::Engine;
use serde_json::json;
use tagalong_core::limits::REFUSALS_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::harness::{Client, Server, Session};

async fn joined() -> (Server, Session, String, Client) {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let client = server.joined(&session, &token).await;
    (server, session, token, client)
}

#[tokio::test]
async fn vector_1_a_join_is_answered_before_anything_is_pushed() {
    let server = Server::start().await;
    let session = server.session().await;
    let (user, token) = server.join(&session, "Ada").await;
    let mut client = server.phoenix(&token).await;
    let topic = format!("location:{}", session.id);
    client.send(&format!(r#"["7","8","{topic}","phx_join",{{}}]"#)).await;
    let reply = client.heard().await;
    assert_eq!((&reply[0], &reply[1], &reply[3]), (&json!("7"), &json!("8"), &json!("phx_reply")));
    assert_eq!(reply[4]["status"], "ok");
    assert_eq!(reply[4]["response"]["status"], "joined");
    assert_eq!(reply[4]["response"]["session_id"], session.id);
    assert_eq!(reply[4]["response"]["server_time"], "2026-11-24T12:00:00.000Z");
    let participants = client.text().await;
    let shown = json!([{"user_id": user, "display_name": "Ada", "avatar_color": "#FF5733"}]);
    assert!(participants.starts_with(&format!(r#"["7",null,"{topic}","initial_participants",{{"#)));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&participants).unwrap()[4]["participants"], shown);
    assert_eq!(client.heard().await[4]["locations"], json!([]));
}

#[tokio::test]
async fn vectors_2_and_4_what_is_not_there_is_unmatched() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = server.phoenix(&token).await;
    client.send(r#"["1","1","room:x","phx_join",{}]"#).await;
    let unmatched = r#""phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]"#;
    assert_eq!(client.text().await, format!(r#"[null,"1","room:x",{unmatched}"#));
    client.send(&format!(r#"["1",2,"location:{}","ping",{{}}]"#, session.id)).await;
    assert_eq!(client.text().await, format!(r#"[null,2,"location:{}",{unmatched}"#, session.id));
}

#[tokio::test]
async fn vector_3_a_refused_join_says_why() {
    let server = Server::start().await;
    let (mine, other) = (server.session().await, server.session().await);
    let (user, token) = server.join(&mine, "Ada").await;
    let mut client = server.phoenix(&token).await;
    let reason = |reason: &str, id: &str| {
        format!(
            r#"["1","1","location:{id}","phx_reply",{{"response":{{"reason":"{reason}"}},"status":"error"}}]"#
        )
    };
    for (id, why) in [(&other.id, "unauthorized"), (&"x".to_owned(), "unauthorized")] {
        client.send(&format!(r#"["1","1","location:{id}","phx_join",{{}}]"#)).await;
        assert_eq!(client.text().await, reason(why, id));
    }
    let join = format!(r#"["1","1","location:{}","phx_join",{{}}]"#, mine.id);
    let leave = format!("/api/sessions/{}/participants/{user}", mine.id);
    assert_eq!(server.request("DELETE", &leave, Some(&token), "").await.status, 200);
    client.send(&join).await;
    assert_eq!(client.text().await, reason("unauthenticated", &mine.id));
    let end = format!("/api/sessions/{}", mine.id);
    assert_eq!(server.request("DELETE", &end, Some(&mine.creator), "").await.status, 200);
    client.send(&join).await;
    assert_eq!(client.text().await, reason("session_ended", &mine.id));
}

#[tokio::test]
async fn vectors_5_to_10_stale_null_leave_and_join_again() {
    let (_server, session, _, mut client) = joined().await;
    let topic = format!("location:{}", session.id);
    let ok = r#""phx_reply",{"response":{"type":"pong","data":{}},"status":"ok"}]"#;
    client.send(&format!(r#"["9","2","{topic}","ping",{{}}]"#)).await;
    client.silent().await;
    client.send(&format!(r#"[null,"3","{topic}","ping",{{}}]"#)).await;
    assert_eq!(client.text().await, format!(r#"["1","3","{topic}",{ok}"#));

    client.send(&format!(r#"["20","20","{topic}","phx_join",{{}}]"#)).await;
    assert!(client.text().await.starts_with(&format!(r#"["20","20","{topic}","phx_reply""#)));
    assert_eq!(client.text().await, format!(r#"["1","1","{topic}","phx_close",{{}}]"#));
    assert_eq!(client.heard().await[0], "20");
    assert_eq!(client.heard().await[3], "initial_locations");
    client.send(&format!(r#"["1","21","{topic}","ping",{{}}]"#)).await;
    client.silent().await;

    client.send(&format!(r#"["20","23","{topic}","phx_leave",{{}}]"#)).await;
    let left = r#""phx_reply",{"response":{},"status":"ok"}]"#;
    assert_eq!(client.text().await, format!(r#"["20","23","{topic}",{left}"#));
    assert_eq!(client.text().await, format!(r#"["20","20","{topic}","phx_close",{{}}]"#));
    client.send(&format!(r#"["20","24","{topic}","phx_leave",{{}}]"#)).await;
    assert_eq!(client.text().await, format!(r#"["20","24","{topic}",{left}"#));
    client.silent().await;
}

#[tokio::test]
async fn vectors_11_to_15_heartbeats_and_references() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = server.phoenix(&token).await;
    let ok = r#""phoenix","phx_reply",{"response":{},"status":"ok"}]"#;
    for (sent, back) in [
        (r#"[null,"1","phoenix","heartbeat",{}]"#, r#"[null,"1","#),
        (r#"[null,null,"phoenix","heartbeat",null]"#, "[null,null,"),
        (r#"[0,0,"phoenix","heartbeat",{}]"#, "[null,0,"),
        (r#"[null,13,"phoenix","heartbeat",{},"six"]"#, "[null,13,"),
    ] {
        client.send(sent).await;
        assert_eq!(client.text().await, format!("{back}{ok}"));
    }
    client.send(r#"[null,"5","phoenix","dance",{}]"#).await;
    let unmatched = r#"{"response":{"reason":"unmatched topic"},"status":"error"}"#;
    assert_eq!(client.text().await, format!(r#"[null,"5","phoenix","phx_reply",{unmatched}]"#));
}

#[tokio::test]
async fn vectors_16_to_21_and_33_what_closes_a_connection() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let not_utf8 = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    let reserved = Frame::message(vec![], OpCode::Data(Data::Reserved(3)), true);
    let v2 = "&vsn=2.0.0";
    let cases = [
        (v2, Message::text(r#"["1","1","t","e"]"#), 1011),
        (v2, Message::text("{not json"), 1011),
        (v2, Message::text(""), 1011),
        (v2, Message::text(r#"{"topic":"t","event":"e","payload":{},"ref":"1"}"#), 1011),
        (v2, Message::text(format!(r#"["1","1","{}","e",{{}}]"#, "t".repeat(256))), 1011),
        (v2, Message::Frame(not_utf8), 1007),
        (v2, Message::text("x".repeat(16 * 1024 + 1)), 1009),
        (v2, Message::Frame(reserved), 1002),
        (v2, Message::binary(vec![0, 9, 9]), 1011),
        ("", Message::text(r#"{"topic":"t","event":"e","payload":{}}"#), 1011),
        ("", Message::binary(vec![0, 0, 0, 0, 0]), 1011),
    ];
    for (vsn, message, code) in cases {
        let mut client = server.open(&format!("/socket/websocket?token={token}{vsn}"), &[]).await.unwrap();
        let shown = format!("{message:?}");
        client.send_message(message).await;
        assert_eq!(client.closed().await, code, "{shown:.80}");
    }
}

#[tokio::test]
async fn vectors_22_and_23_silence_closes_and_a_ping_is_no_silence() {
    let (server, _session, _, mut client) = joined().await;
    for _ in 0..4 {
        server.clock.advance(std::time::Duration::from_secs(40));
        client.send_message(Message::Ping(bytes::Bytes::new())).await;
        client.silent().await;
    }
    // A hidden tab sends its heartbeat once a minute, and a little late.
    for _ in 0..3 {
        server.clock.advance(std::time::Duration::from_secs(61));
        client.silent().await;
    }
    server.clock.advance(std::time::Duration::from_secs(74));
    client.silent().await;
    server.clock.advance(std::time::Duration::from_secs(75));
    assert_eq!(client.closed().await, 1002);
}

#[tokio::test]
async fn vector_24_fragments_are_one_message() {
    let (_server, _, _, mut client) = joined().await;
    let first = Frame::message(&br#"[null,"1","phoenix","#[..], OpCode::Data(Data::Text), false);
    let last = Frame::message(&br#""heartbeat",{}]"#[..], OpCode::Data(Data::Continue), true);
    client.send_message(Message::Frame(first)).await;
    client.send_message(Message::Frame(last)).await;
    assert_eq!(client.heard().await[1], "1");
}

#[tokio::test]
async fn vectors_25_to_28_who_is_let_in() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let versions = [
        ("", true),
        ("&vsn=1.0.0", true),
        ("&vsn=1.0.5", true),
        ("&vsn=2.0.0", true),
        ("&vsn=2.0.9", true),
        ("&vsn=1.1.0", false),
        ("&vsn=2.1.0", false),
        ("&vsn=3.0.0", false),
        ("&vsn=2", false),
        ("&vsn=abc", false),
        ("&vsn=", false),
    ];
    for (vsn, let_in) in versions {
        let opened = server.open(&format!("/socket/websocket?token={token}{vsn}"), &[]).await;
        assert_eq!(opened.err(), (!let_in).then_some(403), "{vsn}");
    }
    for token in ["", "x", &session.creator] {
        assert_eq!(server.open(&format!("/socket/websocket?token={token}"), &[]).await.err(), Some(403));
    }
    assert_eq!(server.open("/socket/websocket", &[]).await.err(), Some(403));
    let own = format!("http://{}", server.running.address);
    let path = format!("/socket/websocket?token={token}");
    for (origin, refused) in [
        (own.as_str(), None),
        ("https://evil.example", Some(403)),
        ("null", Some(403)),
        (&format!("{own}.evil.example"), Some(403)),
    ] {
        assert_eq!(server.open(&path, &[("origin", origin)]).await.err(), refused, "{origin}");
    }
}

#[tokio::test]
async fn vectors_26_29_and_30_refusals_that_are_no_upgrade() {
    let server = Server::start().await;
    let host = server.running.address;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (request, status, empty) in [
        (format!("GET /socket/websocket HTTP/1.1\r\nhost: {host}\r\n{upgrade}"), "403", true),
        (format!("GET /socket/websocket HTTP/1.1\r\nhost: {host}\r\n"), "400", false),
        (format!("POST /socket/websocket HTTP/1.1\r\nhost: {host}\r\n"), "400", true),
        (format!("GET /socket HTTP/1.1\r\nhost: {host}\r\n"), "404", false),
    ] {
        let mut stream = server.raw().await;
        stream.write_all(format!("{request}connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.ends_with("\r\n\r\n"), empty, "{answer}");
    }
}

#[tokio::test]
async fn vectors_32_and_34_without_a_version_it_is_v1() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = server.open(&format!("/socket/websocket?token={token}"), &[]).await.unwrap();
    let topic = format!("location:{}", session.id);
    client.send(&format!(r#"{{"topic":"{topic}","event":"phx_join","payload":{{}},"ref":1}}"#)).await;
    let reply = client.text().await;
    assert!(reply.starts_with(r#"{"event":"phx_reply","payload":{"response":{"#), "{reply}");
    assert!(reply.ends_with(&format!(r#""status":"ok"}},"ref":1,"topic":"{topic}"}}"#)), "{reply}");
    let participants = client.heard().await;
    assert_eq!(
        (&participants["event"], &participants["ref"]),
        (&json!("initial_participants"), &json!(null))
    );
    assert_eq!(client.heard().await["event"], "initial_locations");
    client.send(r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"3"}"#).await;
    let heartbeat =
        r#"{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"3","topic":"phoenix"}"#;
    assert_eq!(client.text().await, heartbeat);
}

/// Some V1 clients send all their JSON in binary frames; and what closes a channel says which one.
#[tokio::test]
async fn v1_takes_json_in_binary_frames_and_says_which_channel_is_closed() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = server.open(&format!("/socket/websocket?token={token}"), &[]).await.unwrap();
    let topic = format!("location:{}", session.id);
    let sent = |event: &str, refs: &str| {
        Message::binary(
            format!(r#"{{"topic":"{topic}","event":"{event}","payload":{{}},{refs}}}"#).into_bytes(),
        )
    };
    for (joined, left, closed) in [
        (r#""ref":"1","join_ref":"1""#, r#""ref":"2","join_ref":"1""#, r#""1""#),
        (r#""ref":"3""#, r#""ref":"4""#, r#""3""#),
        (r#""ref":5"#, r#""ref":6"#, "5"),
    ] {
        client.send_message(sent("phx_join", joined)).await;
        for event in ["phx_reply", "initial_participants", "initial_locations"] {
            assert_eq!(client.heard().await["event"], event);
        }
        client.send_message(sent("phx_leave", left)).await;
        assert_eq!(client.heard().await["payload"]["status"], "ok");
        let close = format!(r#"{{"event":"phx_close","payload":{{}},"ref":{closed},"topic":"{topic}"}}"#);
        assert_eq!(client.text().await, close);
    }
}

#[tokio::test]
async fn of_a_repeated_parameter_the_last_counts() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    for (query, let_in) in [
        (format!("token={token}&vsn=2.0.0&vsn=2.0.0"), true),
        (format!("token=x&token={token}&vsn=9&vsn=2.0.0"), true),
        (format!("token={token}&token=x&vsn=2.0.0"), false),
        (format!("token={token}&vsn=2.0.0&vsn=9"), false),
    ] {
        let opened = server.open(&format!("/socket/websocket?{query}"), &[]).await;
        assert_eq!(opened.map(drop).is_ok(), let_in, "{}", query.replace(&token, "T"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_position_is_named() {
    let (_server, session, _, mut client) = joined().await;
    for (position, details) in [
        (r#"{"lat":91,"lng":0}"#, "lat is out of range"),
        (r#"{"lat":1,"lng":0,"speed":-1}"#, "speed is out of range"),
        (r#"{"lat":1,"lng":0,"timestamp":"2026-11-24T12:01:02Z"}"#, "timestamp lies in the future"),
        (r#"{"lat":1}"#, "not a location object"),
    ] {
        client.send(&format!(r#"["1","2","location:{}","location_update",{position}]"#, session.id)).await;
        let response = json!({"reason": "invalid_location_data", "details": details});
        assert_eq!(client.heard().await[4]["response"], response);
    }
}

#[tokio::test]
async fn vector_35_a_stop_closes_with_1012() {
    let (server, _, _, mut client) = joined().await;
    let stopped = tokio::spawn(server.running.stop());
    assert_eq!(client.closed().await, 1012);
    drop(client);
    assert!(stopped.await.unwrap());
}

#[tokio::test]
async fn vector_36_a_binary_push_is_answered_with_an_error() {
    let (_server, session, _, mut client) = joined().await;
    let topic = format!("location:{}", session.id);
    let mut push = vec![0, 1, 1, u8::try_from(topic.len()).unwrap(), 3];
    push.extend_from_slice(format!("12{topic}bin").as_bytes());
    push.extend_from_slice(&[1, 2]);
    client.send_message(Message::binary(push)).await;
    let refused = r#"{"response":{"reason":"unsupported_payload"},"status":"error"}"#;
    assert_eq!(client.text().await, format!(r#"["1","2","{topic}","phx_reply",{refused}]"#));
}

#[tokio::test]
async fn vector_37_the_token_may_come_as_a_subprotocol() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let encoded = base64::prelude::BASE64_STANDARD_NO_PAD.encode(token);
    let offered = format!("phoenix, base64url.bearer.phx.{encoded}");
    let opened = server.open("/socket/websocket?vsn=2.0.0", &[("sec-websocket-protocol", &offered)]).await;
    assert_eq!(opened.unwrap().subprotocol.as_deref(), Some("phoenix"));
}

#[tokio::test]
async fn positions_reach_everybody_else_and_nobody_twice() {
    let (server, session, token, mut phone) = joined().await;
    let mut laptop = server.joined(&session, &token).await;
    let (_, ben) = server.join(&session, "Ben").await;
    for client in [&mut phone, &mut laptop] {
        assert_eq!(client.heard().await[3], "participant_joined");
    }
    let mut ben = server.joined(&session, &ben).await;
    let topic = format!("location:{}", session.id);
    phone.send(&format!(r#"["1","2","{topic}","location_update",{{"lat":1.5,"lng":2.5}}]"#)).await;
    assert_eq!(
        phone.text().await,
        format!(r#"["1","2","{topic}","phx_reply",{{"response":{{}},"status":"ok"}}]"#)
    );
    phone.silent().await;
    for client in [&mut laptop, &mut ben] {
        let moved = client.heard().await;
        assert_eq!(
            (&moved[0], &moved[1], &moved[3]),
            (&json!(null), &json!(null), &json!("location_update"))
        );
        assert_eq!((&moved[4]["data"]["lat"], &moved[4]["data"]["lng"]), (&json!(1.5), &json!(2.5)));
        client.silent().await;
    }
}

#[tokio::test]
async fn who_talks_too_much_is_told_when_to_go_on() {
    let server = Server::start_with(|config| config.rate_limits = true).await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = server.phoenix(&token).await;
    let mut limited = None;
    for n in 0..100 {
        client.send(&format!(r#"[null,"{n}","phoenix","heartbeat",{{}}]"#)).await;
        let answer = client.heard().await;
        assert_eq!(answer[1], n.to_string());
        if answer[4]["status"] == "error" {
            limited = Some((n, answer));
            break;
        }
    }
    let (messages, answer) = limited.unwrap();
    assert_eq!(messages, 61);
    assert_eq!(answer[4]["response"], json!({"reason": "rate_limited", "retry_after_ms": 50}));
    server.clock.advance(std::time::Duration::from_millis(50));
    client.silent().await;
    for _ in 0..=REFUSALS_MAX {
        client.send(r#"[null,"1","phoenix","heartbeat",{}]"#).await;
    }
    for _ in 0..REFUSALS_MAX {
        assert_eq!(client.heard().await[4]["response"]["reason"], "rate_limited");
    }
    assert_eq!(client.closed().await, 1008);
}

/// While positions keep a pace, the ok to one's own waits for it too, and comes with the time although nobody moves.
#[tokio::test]
async fn an_answer_that_waits_for_positions_needs_none_to_come() {
    let (server, session, _, mut ada) = joined().await;
    let (_, token) = server.join(&session, "Ben").await;
    assert_eq!(ada.heard().await[3], "participant_joined");
    let mut ben = server.plain(&token).await;
    // As many writes as pass at once.
    for _ in 0..=20 {
        ben.send(r#"{"type":"location_update","data":{"lat":1,"lng":2}}"#).await;
        assert_eq!(ada.heard().await[3], "location_update");
    }
    let topic = format!("location:{}", session.id);
    ada.send(&format!(r#"["1","9","{topic}","location_update",{{"lat":1,"lng":2}}]"#)).await;
    assert_eq!(ben.heard().await["type"], "location_update");
    server.clock.advance(std::time::Duration::from_millis(100));
    let reply = ada.heard().await;
    assert_eq!((&reply[1], &reply[4]["status"]), (&json!("9"), &json!("ok")));
}
