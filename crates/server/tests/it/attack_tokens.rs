//! Tokens at every protocol and every path: those of others, of other roles, of what is over, and forged ones. What a
//! token may not see it does not see one byte of.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tagalong_core::claims::Role;

use crate::harness::{Server, Session};

/// A token, and what it is.
struct Held {
    what: &'static str,
    token: String,
    /// Of which session, if it holds.
    session: Option<usize>,
    role: Role,
    user: String,
}

/// Two sessions with two people, a watcher and a creator each, and tokens that are dead.
struct Stage {
    server: Server,
    sessions: [Session; 2],
    /// Text that stands in a session and in no other.
    marks: [Vec<String>; 2],
    held: Vec<Held>,
    forged: Vec<(&'static str, String)>,
}

fn encoded(part: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part)
}

/// What an attacker can make of a good token and another good one.
fn forged(good: &str, other: &str, key: &[u8]) -> Vec<(&'static str, String)> {
    let part = |token: &str, number: usize| token.split('.').nth(number).unwrap().to_owned();
    let read = |text: String| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let (head, body, signature) = (part(good, 0), part(good, 1), part(good, 2));
    let header = read(head.clone());
    let with_header = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        encoded(header.to_string())
    };
    let with_claim = |name: &str, value: &str| {
        let mut claims = read(body.clone());
        claims[name] = value.into();
        encoded(claims.to_string())
    };
    let signed = |algorithm: Algorithm, key: &[u8]| {
        let kid = header["kid"].as_str().map(str::to_owned);
        let header = Header { kid, ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, &read(body.clone()), &EncodingKey::from_secret(key)).unwrap()
    };
    vec![
        ("none", format!("{}.{body}.", with_header("alg", "none".into()))),
        ("None, signed", format!("{}.{body}.{signature}", with_header("alg", "None".into()))),
        ("no algorithm", format!("{}.{body}.{signature}", with_header("alg", Value::Null))),
        ("a public key's algorithm", format!("{}.{body}.{signature}", with_header("alg", "RS256".into()))),
        ("another length", signed(Algorithm::HS512, key)),
        ("a wrong key", signed(Algorithm::HS256, &[7; 32])),
        ("an empty key", signed(Algorithm::HS256, b"")),
        ("a key by address", format!("{}.{body}.{signature}", with_header("kid", "/dev/null".into()))),
        (
            "a key that comes along",
            format!("{}.{body}.{signature}", with_header("jku", "http://127.0.0.1/".into())),
        ),
        ("another role", format!("{head}.{}.{signature}", with_claim("role", "creator"))),
        ("another person", format!("{head}.{}.{signature}", with_claim("sub", "user_x"))),
        ("another's body", format!("{head}.{}.{signature}", part(other, 1))),
        ("another's signature", format!("{head}.{body}.{}", part(other, 2))),
        ("no signature", format!("{head}.{body}.")),
        ("no dots", format!("{head}{body}{signature}")),
        ("a fourth part", format!("{good}.x")),
        ("cut", good[..good.len() - 4].to_owned()),
        ("twice", format!("{good}{good}")),
        ("very long", format!("{good}{}", "A".repeat(5_000))),
        ("a word", "undefined".to_owned()),
    ]
}

impl Stage {
    async fn new() -> Self {
        let server = Server::start().await;
        let key = std::fs::read(server.directory.path().join("jwt.key")).unwrap();
        let sessions = [server.session().await, server.session().await];
        let mut held = Vec::new();
        let mut marks = [Vec::new(), Vec::new()];
        for (number, session) in sessions.iter().enumerate() {
            marks[number].push(session.id.clone());
            for name in ["Ada", "Ben"] {
                let name = format!("{name} of {number}");
                let (user, token) = server.join(session, &name).await;
                marks[number].extend([name, user.clone()]);
                held.push(Held {
                    what: "participant",
                    token,
                    session: Some(number),
                    role: Role::Participant,
                    user,
                });
            }
            let watch = format!("/api/sessions/{}/watch", session.id);
            let watched = server.request("POST", &watch, None, "").await;
            let token = watched.body["websocket_token"].as_str().unwrap().to_owned();
            let own =
                |what, token, role| Held { what, token, session: Some(number), role, user: String::new() };
            held.push(own("watcher", token, Role::Watcher { generation: 0 }));
            held.push(own("creator", session.creator.clone(), Role::Creator));
        }
        let forged = forged(&held[0].token, &held[4].token, &key);
        Self { server, sessions, marks, held, forged }
    }

    async fn state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        for session in &self.sessions {
            for path in ["", "/participants"] {
                let path = format!("/api/sessions/{}{path}", session.id);
                state.push(self.server.request("GET", &path, None, "").await.body);
            }
        }
        state
    }

    /// Every call that asks for a token, with whose session it is about and whether a token may make it.
    fn calls(&self) -> Vec<(&'static str, String, usize, Option<&Held>)> {
        let mut calls = Vec::new();
        for (number, session) in self.sessions.iter().enumerate() {
            let path = format!("/api/sessions/{}", session.id);
            calls.push(("PATCH", path.clone(), number, None));
            calls.push(("DELETE", path.clone(), number, None));
            for person in
                self.held.iter().filter(|held| held.session == Some(number) && held.role == Role::Participant)
            {
                calls.push(("DELETE", format!("{path}/participants/{}", person.user), number, Some(person)));
            }
        }
        calls
    }
}

#[tokio::test]
async fn a_token_does_only_what_is_its_own() {
    let stage = Stage::new().await;
    let before = stage.state().await;
    for (method, path, session, person) in stage.calls() {
        for held in &stage.held {
            let own = held.session == Some(session);
            let allowed = own
                && (held.role == Role::Creator || person.is_some_and(|person| person.token == held.token));
            if allowed {
                continue;
            }
            let answer = stage.server.request(method, &path, Some(&held.token), "{}").await;
            let shown = format!("{method} of {session} with a {}'s of {:?}", held.what, held.session);
            assert_eq!(answer.code(), (403, "FORBIDDEN"), "{shown}");
            let told = answer.body.to_string();
            assert!(!stage.marks.iter().flatten().any(|mark| told.contains(mark)), "{shown}: {told}");
        }
        for (what, token) in &stage.forged {
            let answer = stage.server.request(method, &path, Some(token), "{}").await;
            assert_eq!(answer.code(), (401, "UNAUTHENTICATED"), "{method} with {what}");
        }
    }
    assert_eq!(stage.state().await, before);
}

#[tokio::test]
async fn a_forged_token_opens_no_protocol() {
    let stage = Stage::new().await;
    let creators =
        stage.held.iter().filter(|held| held.role == Role::Creator).map(|held| ("creator's", &held.token));
    for (what, token) in stage.forged.iter().map(|(what, token)| (*what, token)).chain(creators) {
        for (path, refused) in [("/ws", 401), ("/socket/websocket", 403)] {
            let opened = stage.server.open(&format!("{path}?token={token}"), &[]).await;
            assert_eq!(opened.err(), Some(refused), "{what} at {path}");
            let hidden = base64::prelude::BASE64_STANDARD.encode(token);
            let offered = format!("phoenix, base64url.bearer.phx.{hidden}");
            if offered.len() < 8_000 {
                let opened = stage.server.open(path, &[("sec-websocket-protocol", &offered)]).await;
                assert_eq!(opened.err(), Some(refused), "{what} at {path} as a subprotocol");
            }
        }
    }
    // A good token in the wrong place is none.
    let good = format!("Bearer {}", stage.held[0].token);
    assert_eq!(stage.server.open("/ws", &[("authorization", &good)]).await.err(), Some(401));
}

/// Everyone knocks at every session; then everyone moves. Nobody hears a word of another session.
#[tokio::test]
async fn not_one_foreign_byte_is_heard() {
    let stage = Stage::new().await;
    let mut ears = Vec::new();
    for held in stage.held.iter().filter(|held| held.role != Role::Creator) {
        let own = held.session.unwrap();
        let mut phoenix = stage.server.phoenix(&held.token).await;
        let mut said = Vec::new();
        for number in [1 - own, own] {
            let topic = format!("location:{}", stage.sessions[number].id);
            let unjoined = format!(r#"["1","1","{topic}","location_update",{{"lat":1,"lng":2}}]"#);
            phoenix.send(&unjoined).await;
            assert_eq!(phoenix.heard().await[4]["response"]["reason"], "unmatched topic");
            phoenix.send(&format!(r#"["1","1","{topic}","phx_join",{{}}]"#)).await;
            let reply = phoenix.heard().await;
            if number == own {
                assert_eq!(reply[4]["status"], "ok");
                said.extend([phoenix.text().await, phoenix.text().await]);
            } else {
                assert_eq!(reply[4], json!({"response": {"reason": "unauthorized"}, "status": "error"}));
                phoenix.silent().await;
            }
        }
        ears.push((own, held, phoenix, said));
    }
    for number in 0..ears.len() {
        let (own, held, phoenix, _) = &mut ears[number];
        let (own, sends) = (*own, held.role == Role::Participant);
        let topic = format!("location:{}", stage.sessions[own].id);
        phoenix.send(&format!(r#"["1","2","{topic}","location_update",{{"lat":{own}.125,"lng":7}}]"#)).await;
        let reply = phoenix.heard().await;
        assert_eq!(reply[4]["status"], if sends { "ok" } else { "error" });
        for (_, _, phoenix, said) in ears
            .iter_mut()
            .enumerate()
            .filter(|(ear, ears)| sends && *ear != number && ears.0 == own)
            .map(|(_, ears)| ears)
        {
            said.push(phoenix.text().await);
        }
    }
    for (own, held, mut phoenix, said) in ears {
        phoenix.silent().await;
        let others = &stage.marks[1 - own];
        let foreign = |text: &String| {
            others.iter().any(|mark| text.contains(mark)) || text.contains(&format!("{}.125", 1 - own))
        };
        assert!(!said.iter().any(foreign), "{} of {own}: {said:?}", held.what);
        assert!(said.iter().any(|text| text.contains(&format!("{own}.125"))), "it hears its own session");
    }
}

#[tokio::test]
async fn a_token_is_dead_once_its_owner_left_or_its_session_is_over() {
    let server = Server::start().await;
    for (what, reason) in [
        ("left", "unauthenticated"),
        ("removed", "unauthenticated"),
        ("ended", "session_ended"),
        ("expired", "session_expired"),
    ] {
        let session = server.session().await;
        let (user, token) = server.join(&session, "Ada").await;
        let path = format!("/api/sessions/{}", session.id);
        let person = format!("{path}/participants/{user}");
        let done = match what {
            "left" => server.request("DELETE", &person, Some(&token), "").await.status,
            "removed" => server.request("DELETE", &person, Some(&session.creator), "").await.status,
            "ended" => server.request("DELETE", &path, Some(&session.creator), "").await.status,
            _ => {
                server.clock.advance(std::time::Duration::from_secs(60 * 60));
                200
            }
        };
        assert_eq!(done, 200);
        let mut phoenix = server.phoenix(&token).await;
        phoenix.send(&format!(r#"["1","1","location:{}","phx_join",{{}}]"#, session.id)).await;
        assert_eq!(
            phoenix.heard().await[4],
            json!({"response": {"reason": reason}, "status": "error"}),
            "{what}"
        );
        phoenix.silent().await;
        let mut plain = server.open(&format!("/ws?token={token}"), &[]).await.unwrap();
        assert_eq!(plain.heard().await["data"]["code"], reason.to_uppercase(), "{what}");
        assert_eq!(plain.closed().await, 1000, "{what}");
        assert_eq!(server.request("DELETE", &person, Some(&token), "").await.status, 404, "{what}");
        let over = reason != "unauthenticated";
        for method in ["PATCH", "DELETE"] {
            let answer = server.request(method, &path, Some(&session.creator), "{}").await;
            assert_eq!(answer.status, if over { 404 } else { 200 }, "{method} {what}");
        }
    }
}
