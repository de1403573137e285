//! Readers that stop and clients that dribble.

use std::time::Duration;

use tagalong_core::limits::ANSWER_DEADLINE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::Server;
use crate::wire::{frame, upgrade};

#[tokio::test]
async fn a_reader_that_stops_delays_nobody_and_is_closed() {
    let server = Server::start_with(|config| config.flush_interval_max = Duration::ZERO).await;
    let session = server.session().await;
    let (_, ada) = server.join(&session, "Ada").await;
    let (_, ben) = server.join(&session, "Ben").await;
    let (_, cy) = server.join(&session, "Cy").await;
    let mut ada = server.plain(&ada).await;
    let mut ben = server.plain(&ben).await;

    // A reader with a small window that never reads.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stopped = socket.connect(server.running.address).await.unwrap();
    let request = format!(
        "GET /ws?token={cy} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stopped.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 64];
    stopped.read_exact(&mut first).await.unwrap();

    let padding = " ".repeat(400);
    for n in 0..3000 {
        let update =
            format!(r#"{{"type":"location_update",{padding}"data":{{"lat":1,"lng":2,"speed":{n}}}}}"#);
        ada.send(&update).await;
        assert_eq!(ben.heard().await["data"]["speed"], f64::from(n));
    }
    server.clock.advance(Duration::from_secs(16));
    ben.send(r#"{"type":"ping"}"#).await;
    assert_eq!(ben.heard().await["type"], "pong");
    // What the kernel had taken is still read; then the connection is over, well before the heartbeat timeout.
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stopped.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stopped reader was not closed");
    assert!(rest.len() < 600_000, "{} bytes were kept for it", rest.len());
}

#[tokio::test]
async fn a_client_that_sends_requests_and_never_reads_is_disconnected() {
    let server = Server::start().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut deaf = socket.connect(server.running.address).await.unwrap();
    let requests = "GET /api/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let mut sent = 0;
    // Until the server takes no more.
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(500), deaf.write(requests.as_bytes())).await
    {
        sent += written.unwrap();
        assert!(sent < 64 << 20, "it answers for ever, and keeps the answers");
    }
    // What the kernel had taken is still read; then the connection is over.
    server.clock.advance(ANSWER_DEADLINE);
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), deaf.read_to_end(&mut rest)).await;
    ended.expect("it waits for ever").unwrap();
}

/// A socket that is closed with input unread is reset, and its last word may be lost.
#[tokio::test]
async fn a_client_that_is_still_sending_receives_the_close_code() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let more = vec![b'x'; 1 << 20];
    let long = format!("POST /api/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", more.len());
    let reserved = frame(0xf0, "");
    for (path, first, last) in [
        (Some(format!("/ws?token={token}")), &reserved[..], &b"\x88\x02\x03\xea"[..]),
        (Some(format!("/socket/websocket?vsn=2.0.0&token={token}")), &reserved, b"\x88\x02\x03\xea"),
        (None, long.as_bytes(), b"}"),
    ] {
        let mut stream = server.raw().await;
        if let Some(path) = path {
            stream.write_all(upgrade(&path, "").as_bytes()).await.unwrap();
        }
        stream.write_all(&[first, &more].concat()).await.unwrap();
        let mut heard = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut heard)).await;
        // The end is one, and no reset.
        ended.unwrap().unwrap();
        assert!(heard.ends_with(last), "{}", String::from_utf8_lossy(&heard));
    }
}

#[tokio::test]
async fn a_client_that_sends_far_ahead_of_its_reading_gets_every_answer() {
    let server = Server::start().await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let mut client = server.phoenix(&token).await;
    for number in 0..3000 {
        client.send(&format!(r#"[null,{number},"phoenix","heartbeat",{{}}]"#)).await;
    }
    for number in 0..3000 {
        assert_eq!(client.heard().await[1], number);
    }
}

#[tokio::test]
async fn request_heads_that_dribble_are_cut_off_and_nobody_waits_for_them() {
    let server = Server::start().await;
    let mut dribbling = Vec::new();
    for _ in 0..100 {
        let mut stream = server.raw().await;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
        dribbling.push(stream);
    }
    assert_eq!(server.request("GET", "/health", None, "").await.status, 200);
    for mut stream in dribbling {
        let mut rest = Vec::new();
        // Each connection's own clock starts when the server first reads from it.
        let ended = async {
            loop {
                server.clock.advance(Duration::from_secs(4));
                stream.write_all(b"x").await?;
                tokio::select! {
                    read = stream.read_to_end(&mut rest) => return read,
                    _ = server.request("GET", "/health", None, "") => {}
                }
            }
        };
        // A reset is as good an end as an answer.
        let _ = tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it may go on for ever");
        let answer = String::from_utf8_lossy(&rest);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
}

#[tokio::test]
async fn a_request_body_that_dribbles_is_cut_off() {
    let server = Server::start().await;
    let mut stream = server.raw().await;
    let head = "POST /api/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    // The handler has begun once another request, sent after it, is answered.
    server.request("GET", "/health", None, "").await;
    let mut answer = vec![0; 1024];
    let read = loop {
        server.clock.advance(Duration::from_secs(11));
        match tokio::time::timeout(Duration::from_millis(200), stream.read(&mut answer)).await {
            Ok(read) => break read.unwrap(),
            Err(_) => server.request("GET", "/health", None, "").await,
        };
    };
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 408"));
}
