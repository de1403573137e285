//! `/socket/websocket`: the messages of the Phoenix protocol.

use serde::Serialize;
use tagalong_core::channel::{Channels, Join, Step};
use tagalong_core::event::{InitialLocations, InitialParticipants, TOPIC_PREFIX, topic};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::json::to_json;
use tagalong_core::phoenix::{self, Message, Status, Version};
use tagalong_core::presence::Presences;
use tagalong_core::problem::Problem;
use tagalong_core::room::Snapshot;
use tagalong_core::time::Timestamp;

use super::close_reason::CloseReason;
use super::connection::{Connection, Over};
use super::hub::NotIn;
use super::publish::Rejected;

/// The protocol state of a connection through this protocol.
pub struct PhoenixProtocol {
    channels: Channels,
}

impl PhoenixProtocol {
    pub fn new(version: Version) -> Self {
        Self { channels: Channels::new(version, |topic| topic.starts_with(TOPIC_PREFIX)) }
    }

    pub(super) fn version(&self) -> Version {
        self.channels.version()
    }

    /// The channel of a session is over: its `phx_close`.
    pub(super) fn close(&mut self, session: SessionId) -> Option<String> {
        self.channels.close(&topic(session))
    }
}

pub(super) async fn text(
    connection: &mut Connection,
    protocol: &mut PhoenixProtocol,
    text: &str,
) -> Result<(), CloseReason> {
    let message = phoenix::decode(protocol.version(), text).map_err(|_| CloseReason::Malformed)?;
    if let Over::For(wait) = connection.spend_message()? {
        let response = format!(r#"{{"reason":"rate_limited","retry_after_ms":{}}}"#, wait.as_millis().max(1));
        let answer = protocol.channels.answer(&message.join_ref, &message, Status::Error, &response);
        connection.transport.feed(answer);
        connection.count_refusal(Problem::RateLimited);
        return Ok(());
    }
    match protocol.channels.receive(&message) {
        Step::Nothing => {}
        Step::Answer(frame) => connection.transport.feed(frame),
        Step::Leave(frames) => {
            connection.membership = None;
            feed_all(connection, frames);
        }
        Step::Push(push) => {
            let (status, response) = match event(connection, &message) {
                Ok(response) => (Status::Ok, response),
                Err(rejected) => {
                    connection.count_refusal(rejected.problem);
                    (Status::Error, rejected.response())
                }
            };
            let reply = protocol.channels.reply(&push, status, &response);
            connection.feed_deferrable(reply);
        }
        Step::Join(asked) => Box::pin(join(connection, protocol, asked)).await,
    }
    Ok(())
}

pub(super) fn binary(
    connection: &mut Connection,
    protocol: &mut PhoenixProtocol,
    bytes: &[u8],
) -> Result<(), CloseReason> {
    let push = phoenix::decode_binary(bytes).map_err(|_| CloseReason::Malformed)?;
    if let Over::For(_) = connection.spend_message()? {
        connection.count_refusal(Problem::RateLimited);
        // Binary messages are never accepted, so one over the rate needs no answer of its own.
        return Ok(());
    }
    match protocol.channels.receive_binary(&push) {
        Step::Answer(frame) => connection.transport.feed(frame),
        Step::Leave(frames) => {
            connection.membership = None;
            feed_all(connection, frames);
        }
        Step::Nothing | Step::Push(_) | Step::Join(_) => {}
    }
    Ok(())
}

/// An event of a joined channel: the response, or why not.
fn event(connection: &mut Connection, message: &Message<'_>) -> Result<String, Rejected> {
    match message.event.as_ref() {
        "location_update" => {
            connection.publish(message.payload)?;
            Ok("{}".to_owned())
        }
        "status_update" => {
            connection.set_status(message.payload)?;
            Ok("{}".to_owned())
        }
        "ping" => Ok(r#"{"type":"pong","data":{}}"#.to_owned()),
        _ => Err(Problem::UnknownEvent.into()),
    }
}

impl Rejected {
    fn response(&self) -> String {
        match self.details {
            None => reason(self.problem),
            Some(details) => format!(r#"{{"reason":"{}","details":"{details}"}}"#, self.problem.reason()),
        }
    }
}

async fn join(connection: &mut Connection, protocol: &mut PhoenixProtocol, asked: Join) {
    if asked.replaces.is_some() {
        connection.membership = None;
    }
    match subscribe(connection, &asked.topic).await {
        Err(error) => {
            connection.log_failed_join("phoenix", &error);
            let problem = error.problem();
            connection.count_refusal(problem);
            let frames = protocol.channels.refuse(asked, &reason(problem));
            feed_all(connection, frames);
        }
        Ok(snapshot) => {
            let topic = asked.topic.clone();
            let frames = protocol.channels.accept(asked, &joined(connection, &snapshot));
            feed_all(connection, frames);
            // Never before the reply: the client would assign them to another channel.
            let pushes = [
                protocol.channels.push(&topic, InitialParticipants::NAME, &snapshot.participants.to_json()),
                protocol.channels.push(&topic, InitialLocations::NAME, &to_json(&snapshot.locations)),
                protocol.channels.push(&topic, Presences::STATE, &snapshot.presence.to_json()),
            ];
            feed_all(connection, pushes.into_iter().flatten().collect());
        }
    }
}

async fn subscribe(connection: &mut Connection, wanted: &str) -> Result<Snapshot, NotIn> {
    if wanted != topic(connection.claims.session) {
        return Err(Problem::Unauthorized.into());
    }
    let (membership, snapshot) = connection.live.hub.subscribe(&connection.claims).await?;
    connection.membership = Some(membership);
    Ok(snapshot)
}

/// The response to a join.
#[derive(Serialize)]
struct Joined<'a> {
    status: &'static str,
    session_id: SessionId,
    user_id: &'a UserId,
    expires_at: Timestamp,
    server_time: Timestamp,
    location_ttl_seconds: u64,
}

fn joined(connection: &Connection, snapshot: &Snapshot) -> String {
    to_json(&Joined {
        status: "joined",
        session_id: connection.claims.session,
        user_id: &connection.claims.user,
        expires_at: snapshot.ends_at,
        server_time: snapshot.participants.server_time,
        location_ttl_seconds: snapshot.location_ttl.as_secs(),
    })
}

fn reason(problem: Problem) -> String {
    format!(r#"{{"reason":"{}"}}"#, problem.reason())
}

fn feed_all(connection: &mut Connection, frames: Vec<String>) {
    for frame in frames {
        connection.transport.feed(frame);
    }
}
