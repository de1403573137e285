//! The description of the WebSocket protocols, in AsyncAPI 3. `schemas.json` beside this file has the payloads; this
//! module describes how each protocol wraps them.

use Carries::{Bare, Fixed, Typed};
use Protocols::{Both, Phoenix, Plain};
use Side::{Client, Server};
use serde_json::{Map, Value, json};

const SCHEMAS: &str = include_str!("schemas.json");
const ABOUT: &str = "Live positions over WebSocket, after a session was joined over REST. Two protocols lead to the \
    same rooms: Phoenix Channels, for every client of that protocol, and a plain one for anything that can send \
    JSON. Clients must ignore fields that they do not know.";
const TOPIC: &str = "location:7df233e5-e71b-4e86-915d-5ac8e5216298";

/// A protocol with its own frames.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    PhoenixV2,
    PhoenixV1,
    Plain,
}

/// The protocols that have a message.
#[derive(Clone, Copy)]
enum Protocols {
    Both,
    Phoenix,
    Plain,
}

/// The sender.
#[derive(Clone, Copy)]
enum Side {
    Client,
    Server,
}

/// The payload of a message, by the name of its schema.
#[derive(Clone, Copy)]
enum Carries {
    /// An object that Phoenix clients get without an envelope.
    Bare(&'static str),
    /// An object that comes as `{"type": …, "data": …}` through every protocol.
    Typed(&'static str),
    /// As [`Bare`], about the connection rather than a session: on the topic `phoenix`.
    Fixed(&'static str),
}

struct Message {
    name: &'static str,
    from: Side,
    protocols: Protocols,
    carries: Carries,
    summary: &'static str,
}

const fn message(
    name: &'static str,
    from: Side,
    protocols: Protocols,
    carries: Carries,
    summary: &'static str,
) -> Message {
    Message { name, from, protocols, carries, summary }
}

const MESSAGES: [Message; 22] = [
    message("phx_join", Client, Phoenix, Bare("Empty"), "Join the topic of the token's session"),
    message("phx_leave", Client, Phoenix, Bare("Empty"), "Leave the channel, not the session"),
    message("heartbeat", Client, Phoenix, Fixed("Empty"), "At least once in 75 seconds"),
    message("location_update", Client, Both, Bare("NewPosition"), "I am here"),
    message("status_update", Client, Both, Bare("NewStatus"), "The client's sharing status"),
    message("ping", Client, Both, Bare("Empty"), "Checks the connection"),
    message("phx_reply", Server, Phoenix, Bare("Reply"), "The answer to one message, with its reference"),
    message("phx_close", Server, Phoenix, Bare("Empty"), "The channel is closed: do not join it again"),
    message("pong", Server, Plain, Bare("Empty"), "The answer to a ping"),
    message("error", Server, Plain, Bare("Error"), "A message was rejected, with the reason"),
    message(
        "initial_participants",
        Server,
        Both,
        Bare("InitialParticipants"),
        "All participants, after joining",
    ),
    message(
        "initial_locations",
        Server,
        Both,
        Bare("InitialLocations"),
        "The others' live positions, after that",
    ),
    message("presence_state", Server, Both, Bare("Presences"), "The connected participants, after that"),
    message(
        "presence_diff",
        Server,
        Both,
        Bare("PresenceDiff"),
        "Participants who connected or disconnected since",
    ),
    message("presence_watchers", Server, Both, Typed("Watchers"), "The number of watchers changed"),
    message("location_update", Server, Both, Typed("Moved"), "A participant's newest position"),
    message("participant_status", Server, Both, Typed("Status"), "A participant's sharing status"),
    message("participant_joined", Server, Both, Typed("Profile"), "A participant joined"),
    message(
        "participant_left",
        Server,
        Both,
        Typed("Gone"),
        "A participant left, was removed, or was inactive for too long",
    ),
    message("session_updated", Server, Both, Typed("SessionUpdate"), "The creator changed the session"),
    message(
        "dismissed",
        Server,
        Both,
        Typed("Dismissal"),
        "This connection is closed; the session continues",
    ),
    message("session_ended", Server, Both, Typed("SessionEnd"), "The session ended"),
];

/// The whole description.
pub fn description() -> Value {
    let schemas = schemas();
    let protocols = [Protocol::PhoenixV2, Protocol::PhoenixV1, Protocol::Plain];
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for protocol in protocols {
        let known: Vec<_> = MESSAGES.iter().filter(|message| message.is_known_to(protocol)).collect();
        let references = known.iter().map(|message| {
            let key = message.key();
            (key.clone(), json!({"$ref": format!("#/components/messages/{}.{key}", protocol.key())}))
        });
        channels.insert(protocol.key().to_owned(), protocol.channel(&references.collect()));
        for side in [Client, Server] {
            operations
                .insert(format!("{}.{}", protocol.key(), side.action()), protocol.operation(side, &known));
        }
        for message in known {
            messages
                .insert(format!("{}.{}", protocol.key(), message.key()), message.through(protocol, &schemas));
        }
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tagalong, live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    })
}

fn schemas() -> Value {
    // A file of ours, which a test reads too.
    serde_json::from_str(SCHEMAS).unwrap_or_default()
}

impl Side {
    /// From the server's point of view, as in AsyncAPI.
    fn action(self) -> &'static str {
        match self {
            Client => "receive",
            Server => "send",
        }
    }
}

impl Protocol {
    fn key(self) -> &'static str {
        match self {
            Self::PhoenixV2 => "phoenixV2",
            Self::PhoenixV1 => "phoenixV1",
            Self::Plain => "plain",
        }
    }

    fn channel(self, messages: &Map<String, Value>) -> Value {
        let (address, title, about, version) = match self {
            Self::PhoenixV2 => (
                "/socket/websocket",
                "Phoenix Channels, V2",
                "Frames are [join_ref, ref, topic, event, payload]. The official client is given /socket. \
                 Where no WebSocket gets through: the same by requests at /socket/longpoll.",
                Some("2.0.0"),
            ),
            Self::PhoenixV1 => (
                "/socket/websocket",
                "Phoenix Channels, V1",
                "The same in objects: {topic, event, payload, ref}.",
                Some("1.0.0"),
            ),
            Self::Plain => ("/ws", "Plain", "Joined on connecting; only errors are answered.", None),
        };
        let mut query =
            json!({"token": {"type": "string", "description": "websocket_token of join or watch"}});
        if let Some(version) = version {
            query["vsn"] = json!({"type": "string", "const": version});
        }
        json!({
            "address": address,
            "title": title,
            "description": about,
            "messages": messages,
            "bindings": {"ws": {"method": "GET", "query": {"type": "object", "required": ["token"], "properties": query}}},
        })
    }

    fn operation(self, side: Side, known: &[&Message]) -> Value {
        let own = known.iter().filter(|message| message.from.action() == side.action());
        let messages: Vec<_> = own
            .map(|message| json!({"$ref": format!("#/channels/{}/messages/{}", self.key(), message.key())}))
            .collect();
        json!({
            "action": side.action(),
            "channel": {"$ref": format!("#/channels/{}", self.key())},
            "messages": messages,
        })
    }
}

impl Message {
    fn is_known_to(&self, protocol: Protocol) -> bool {
        match self.protocols {
            Both => true,
            Phoenix => protocol != Protocol::Plain,
            Plain => protocol == Protocol::Plain,
        }
    }

    /// Distinguishes the two messages of one name.
    fn key(&self) -> String {
        match self.from {
            Client => format!("{}.sent", self.name),
            Server => self.name.to_owned(),
        }
    }

    fn through(&self, protocol: Protocol, schemas: &Value) -> Value {
        json!({
            "name": self.name,
            "title": self.name,
            "summary": self.summary,
            "payload": self.frame_schema(protocol),
            "examples": [{"payload": self.frame_example(protocol, schemas)}],
        })
    }

    fn schema(&self) -> &'static str {
        match self.carries {
            Bare(schema) | Typed(schema) | Fixed(schema) => schema,
        }
    }

    fn frame_schema(&self, protocol: Protocol) -> Value {
        let carried = json!({"$ref": format!("#/components/schemas/{}", self.schema())});
        let payload = if matches!(self.carries, Typed(_)) || protocol == Protocol::Plain {
            object(&json!({"type": constant(self.name), "data": carried}))
        } else {
            carried
        };
        let reference = json!({"description": "Any JSON that the client chose, or null"});
        let topic = match self.carries {
            Fixed(_) => constant("phoenix"),
            _ => json!({"type": "string", "description": "location:SESSION_ID"}),
        };
        match protocol {
            Protocol::Plain => payload,
            Protocol::PhoenixV2 => json!({
                "type": "array",
                "minItems": 5,
                "maxItems": 5,
                "prefixItems": [reference, reference, topic, constant(self.name), payload],
            }),
            Protocol::PhoenixV1 => object(
                &json!({"topic": topic, "event": constant(self.name), "payload": payload, "ref": reference}),
            ),
        }
    }

    fn frame_example(&self, protocol: Protocol, schemas: &Value) -> Value {
        let carried = schemas[self.schema()]["examples"][0].clone();
        let payload = if matches!(self.carries, Typed(_)) || protocol == Protocol::Plain {
            json!({"type": self.name, "data": carried})
        } else {
            carried
        };
        let topic = if matches!(self.carries, Fixed(_)) { "phoenix" } else { TOPIC };
        let (join, own) = match (self.from, self.name) {
            (Client, "heartbeat") => (Value::Null, json!("3")),
            (Client, "phx_join") => (json!("1"), json!("1")),
            (Client, _) | (Server, "phx_reply") => (json!("1"), json!("2")),
            (Server, "phx_close") => (json!("1"), json!("1")),
            (Server, "initial_participants" | "initial_locations" | "presence_state") => {
                (json!("1"), Value::Null)
            }
            (Server, _) => (Value::Null, Value::Null),
        };
        match protocol {
            Protocol::Plain => payload,
            Protocol::PhoenixV2 => json!([join, own, topic, self.name, payload]),
            Protocol::PhoenixV1 => {
                json!({"topic": topic, "event": self.name, "payload": payload, "ref": own})
            }
        }
    }
}

fn constant(text: &str) -> Value {
    json!({"type": "string", "const": text})
}

/// An object that has all of these.
fn object(properties: &Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_are_there() {
        let schemas = schemas();
        for message in &MESSAGES {
            assert!(schemas[message.schema()]["examples"][0].is_object(), "{}", message.schema());
        }
    }
}
