//! cargo add tokio -F full && cargo add tokio-tungstenite futures-util serde_json
#![allow(clippy::disallowed_methods, reason = "an example has no clock of ours")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

type Anything = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Anything> {
    let (url, session, token) = (std::env::var("URL")?, std::env::var("SESSION")?, std::env::var("TOKEN")?);
    let address = format!("{}/socket/websocket?vsn=2.0.0&token={token}", url.replacen("http", "ws", 1));
    let topic = format!("location:{session}");
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await?;
    socket.send(text(&json!(["1", "1", topic, "phx_join", {}]))).await?;
    let mut heartbeat = tokio::time::interval(Duration::from_secs(30));
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = heartbeat.tick() => {
                socket.send(text(&json!([null, "hb", "phoenix", "heartbeat", {}]))).await?;
                continue;
            }
        };
        let Some(message) = message.transpose()? else { return Ok(()) };
        let Message::Text(frame) = message else { continue };
        let frame: Value = serde_json::from_str(&frame)?;
        if frame[3] == "phx_reply" && frame[1] == "1" && frame[4]["status"] == "ok" {
            let position = json!({"lat": 52.5145, "lng": 13.3501});
            socket.send(text(&json!(["1", "2", topic, "location_update", position]))).await?;
        } else if frame[3] == "location_update" {
            let data = &frame[4]["data"];
            let who = data["user_id"].as_str().unwrap_or_default();
            println!("{who} is at {} {}", data["lat"], data["lng"]);
        }
    }
}

fn text(frame: &Value) -> Message {
    Message::text(frame.to_string())
}
