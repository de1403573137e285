//! Holds every frame that a test hears against the description that the server gives of its protocols.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Server};
use crate::schema::Schemas;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(tagalong::http::live_description);
static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| Schemas::of(&DESCRIPTION));

/// How a client came in, as the description calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    PhoenixV1,
    PhoenixV2,
    Plain,
}

impl Protocol {
    /// The protocol that a path with its query leads to.
    pub(crate) fn at(path: &str) -> Self {
        if path.starts_with("/ws") {
            Self::Plain
        } else if path.contains("vsn=2") {
            Self::PhoenixV2
        } else {
            Self::PhoenixV1
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::PhoenixV1 => "phoenixV1",
            Self::PhoenixV2 => "phoenixV2",
            Self::Plain => "plain",
        }
    }

    fn event(self, frame: &Value) -> &str {
        let event = match self {
            Self::PhoenixV1 => &frame["event"],
            Self::PhoenixV2 => &frame[3],
            Self::Plain => &frame["type"],
        };
        event.as_str().unwrap()
    }

    /// All that the server says it sends here.
    fn described(self) -> BTreeSet<String> {
        let messages = DESCRIPTION["channels"][self.key()]["messages"].as_object().unwrap();
        messages.keys().filter(|name| !name.ends_with(".sent")).cloned().collect()
    }
}

/// Fails when a frame is not as described.
pub(crate) fn check(protocol: Protocol, frame: &Value) {
    let event = protocol.event(frame);
    let message = &DESCRIPTION["components"]["messages"][format!("{}.{event}", protocol.key())];
    assert!(message.is_object(), "nothing says that {protocol:?} sends {event}");
    if let Err(wrong) = SCHEMAS.check(&message["payload"], frame) {
        panic!("{protocol:?}: {wrong} in {frame}");
    }
}

/// All that one client hears of somebody else's visit, from joining to the end.
async fn visited(protocol: Protocol) -> BTreeSet<String> {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = match protocol {
        Protocol::Plain => server.plain(&token).await,
        Protocol::PhoenixV2 => server.joined(&session, &token).await,
        Protocol::PhoenixV1 => old(&server, &session.id, &token).await,
    };
    client.hears_presence = true;
    let watch = server.request("POST", &format!("/api/sessions/{}/watch", session.id), None, "").await;
    let watch = watch.body["websocket_token"].as_str().unwrap().to_owned();
    let mut watcher = match protocol {
        Protocol::Plain => server.plain(&watch).await,
        Protocol::PhoenixV2 => server.joined(&session, &watch).await,
        Protocol::PhoenixV1 => old(&server, &session.id, &watch).await,
    };
    let (ben, token) = server.join(&session, "Ben").await;
    let mut other = server.plain(&token).await;
    // Presence follows a little later, for all who have joined meanwhile.
    server.clock.advance(Duration::from_millis(250));
    other.send(r#"{"type":"status_update","data":{"status":"hidden"}}"#).await;
    other.send(r#"{"type":"location_update","data":{"lat":1,"lng":2,"heading":3}}"#).await;
    for what in ["ping", "dance"] {
        client.send(&push(protocol, &session.id, what)).await;
    }
    let mut heard = BTreeSet::new();
    while !["location_update", "presence_diff"].iter().all(|event| heard.contains(*event)) {
        hear(&mut client, protocol, &mut heard).await;
    }
    let path = format!("/api/sessions/{}", session.id);
    let leave = format!("{path}/participants/{ben}");
    assert_eq!(server.request("DELETE", &leave, Some(&token), "").await.status, 200);
    let locked = server.request("PATCH", &path, Some(&session.creator), r#"{"locked":true}"#).await;
    assert_eq!(locked.status, 200);
    while !heard.contains("dismissed") {
        hear(&mut watcher, protocol, &mut heard).await;
    }
    assert_eq!(server.request("DELETE", &path, Some(&session.creator), "").await.status, 200);
    let last = if protocol == Protocol::Plain { "session_ended" } else { "phx_close" };
    while !heard.contains(last) {
        hear(&mut client, protocol, &mut heard).await;
    }
    heard
}

async fn hear(client: &mut Client, protocol: Protocol, heard: &mut BTreeSet<String>) {
    let frame = client.heard().await;
    heard.insert(protocol.event(&frame).to_owned());
}

async fn old(server: &Server, session: &str, token: &str) -> Client {
    let mut client = server.open(&format!("/socket/websocket?token={token}&vsn=1.0.0"), &[]).await.unwrap();
    client.send(&push(Protocol::PhoenixV1, session, "phx_join")).await;
    for event in ["phx_reply", "initial_participants", "initial_locations"] {
        assert_eq!(client.heard().await["event"], event);
    }
    client
}

fn push(protocol: Protocol, session: &str, event: &str) -> String {
    let topic = format!("location:{session}");
    match protocol {
        Protocol::PhoenixV1 => json!({"topic": topic, "event": event, "payload": {}, "ref": "1"}),
        Protocol::PhoenixV2 => json!(["1", "2", topic, event, {}]),
        Protocol::Plain => json!({"type": event}),
    }
    .to_string()
}

#[tokio::test]
async fn all_that_is_described_is_sent_and_nothing_else() {
    for protocol in [Protocol::PhoenixV1, Protocol::PhoenixV2, Protocol::Plain] {
        let mut heard = visited(protocol).await;
        heard.extend(["initial_participants", "initial_locations"].map(str::to_owned));
        assert_eq!(heard, protocol.described(), "{protocol:?}");
    }
}

#[tokio::test]
async fn the_server_hands_the_description_of_its_protocols_out() {
    let server = Server::start().await;
    let answer = server.request("GET", "/api/asyncapi.json", None, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body, *DESCRIPTION);
    assert_eq!(answer.body["asyncapi"], "3.0.0");
}

#[test]
fn every_reference_leads_somewhere_and_every_example_is_as_its_schema_says() {
    let mut references = Vec::new();
    collect(&DESCRIPTION, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(DESCRIPTION.pointer(pointer).is_some(), "{reference}");
    }
    for (name, message) in DESCRIPTION["components"]["messages"].as_object().unwrap() {
        let checked = SCHEMAS.check(&message["payload"], &message["examples"][0]["payload"]);
        assert_eq!(checked, Ok(()), "{name}");
    }
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_messages_that_it_gives_as_examples_are_accepted() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = server.plain(&token).await;
    for event in ["location_update", "status_update", "ping"] {
        let message = &DESCRIPTION["components"]["messages"][format!("plain.{event}.sent")];
        client.send(&message["examples"][0]["payload"].to_string()).await;
    }
    assert_eq!(client.heard().await["type"], "pong");
}
