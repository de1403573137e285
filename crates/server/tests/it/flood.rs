//! One participant within the limits harms nobody else.

use serde_json::json;
use tagalong_core::limits::CONNECTIONS_PER_PARTICIPANT_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::Server;
use crate::wire::upgrade;

/// More than a slow reader's socket and a queue of events could hold.
const STATUSES: usize = 8_000;

#[tokio::test]
async fn statuses_without_end_close_nobody_and_the_newest_arrives() {
    let server = Server::start().await;
    let session = server.session().await;
    let (attacker, token) = server.join(&session, "Attacker").await;
    let (_, victim) = server.join(&session, "Victim").await;

    // Somebody on a thin line, who reads nothing for now.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(server.running.address).await.unwrap();
    slow.write_all(upgrade(&format!("/ws?token={victim}"), "").as_bytes()).await.unwrap();
    slow.read_exact(&mut [0; 64]).await.unwrap();

    let mut connections = Vec::new();
    for number in 0..CONNECTIONS_PER_PARTICIPANT_MAX + 5 {
        connections.push(server.plain(&token).await);
        if let Some(oldest) = number.checked_sub(CONNECTIONS_PER_PARTICIPANT_MAX) {
            assert_eq!(connections[oldest].heard().await["data"]["reason"], "too_many_connections");
            assert_eq!(connections[oldest].closed().await, 1000);
        }
    }
    let open = &mut connections[5..];
    let count = open.len();
    for number in 0..STATUSES {
        let status = if (number + number / count) % 2 == 0 { "hidden" } else { "no_gps" };
        let update = json!({"type": "status_update", "data": {"status": status}}).to_string();
        open[number % count].send(&update).await;
        // The others are not what this is about: they read.
        if number % 256 == 255 {
            for connection in &mut *open {
                connection.send(r#"{"type":"ping"}"#).await;
                while connection.heard().await["type"] != "pong" {}
            }
        }
    }
    open[0].send(r#"{"type":"status_update","data":{"status":"paused"}}"#).await;
    open[0].send(r#"{"type":"ping"}"#).await;
    while open[0].heard().await["type"] != "pong" {}

    let last = format!(r#""user_id":"{attacker}","status":"paused""#);
    let (mut heard, mut some) = (String::new(), vec![0; 4096]);
    while !heard.contains(&last) {
        let read = slow.read(&mut some).await.unwrap();
        assert_ne!(read, 0, "the victim was closed");
        // A frame may come in two reads.
        let keep = heard.len().saturating_sub(1024);
        heard = heard.split_off(heard.ceil_char_boundary(keep)) + &String::from_utf8_lossy(&some[..read]);
    }
}

#[tokio::test]
async fn one_participants_connections_share_a_rate() {
    let server = Server::start_with(|config| {
        config.rate_limits = true;
        config.messages_per_second = 20;
    })
    .await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let (_, other) = server.join(&session, "Ben").await;
    let mut connections = Vec::new();
    for _ in 0..5 {
        connections.push(server.joined(&session, &token).await);
    }
    // Three seconds' worth, and one: whichever connection they come by.
    let mut taken = 0;
    for number in 0..100 {
        let connection = &mut connections[number % 5];
        connection.send(&format!(r#"[null,"{number}","phoenix","heartbeat",{{}}]"#)).await;
        taken += usize::from(connection.heard().await[4]["status"] == "ok");
    }
    assert_eq!(taken, 61);
    server.joined(&session, &other).await.silent().await;
}
