//! `/ws`: frames without topics, joined on connecting, answers for errors alone.

use tagalong_core::event::{InitialLocations, InitialParticipants};
use tagalong_core::json::to_json;
use tagalong_core::plain::{self, Request};
use tagalong_core::presence::Presences;
use tagalong_core::problem::Problem;

use super::close_reason::CloseReason;
use super::connection::{Connection, Over};
use super::publish::Rejected;

/// Joins the session's room, before any message.
pub(super) async fn join(connection: &mut Connection) -> Result<(), CloseReason> {
    match connection.live.hub.subscribe(&connection.claims).await {
        Ok((membership, snapshot)) => {
            connection.membership = Some(membership);
            let participants = snapshot.participants.to_json();
            let locations = to_json(&snapshot.locations);
            let presence = snapshot.presence.to_json();
            connection.transport.feed(plain::frame(InitialParticipants::NAME, &participants));
            connection.transport.feed(plain::frame(InitialLocations::NAME, &locations));
            connection.transport.feed(plain::frame(Presences::STATE, &presence));
            Ok(())
        }
        Err(error) => {
            connection.log_failed_join("plain", &error);
            let problem = error.problem();
            refuse(connection, problem);
            Err(if problem == Problem::Unavailable { CloseReason::Unavailable } else { CloseReason::Over })
        }
    }
}

pub(super) fn text(connection: &mut Connection, text: &str) -> Result<(), CloseReason> {
    if let Over::For(_) = connection.spend_message()? {
        refuse(connection, Problem::RateLimited);
        return Ok(());
    }
    let done = match plain::decode(text) {
        Err(plain::Malformed) => Err(Problem::InvalidMessage.into()),
        Ok(Request::Unknown) => Err(Problem::UnknownEvent.into()),
        Ok(Request::LocationUpdate(payload)) => connection.publish(payload),
        Ok(Request::StatusUpdate(payload)) => connection.set_status(payload).map_err(Rejected::from),
        Ok(Request::Ping) => {
            connection.transport.feed(plain::frame("pong", "{}"));
            Ok(())
        }
    };
    if let Err(rejected) = done {
        refuse(connection, rejected);
    }
    Ok(())
}

pub(super) fn binary(connection: &mut Connection) -> Result<(), CloseReason> {
    let problem = match connection.spend_message()? {
        Over::For(_) => Problem::RateLimited,
        Over::No => Problem::InvalidMessage,
    };
    refuse(connection, problem);
    Ok(())
}

fn refuse(connection: &mut Connection, rejected: impl Into<Rejected>) {
    let Rejected { problem, details } = rejected.into();
    connection.count_refusal(problem);
    let mut data = serde_json::json!({"code": problem.code(), "message": problem.message()});
    if let Some(details) = details {
        data["details"] = details.to_string().into();
    }
    let data = to_json(&data);
    connection.transport.feed(plain::frame("error", &data));
}
