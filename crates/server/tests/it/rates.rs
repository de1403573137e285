//! What one address may ask for, and who counts as one.

use futures_util::StreamExt;
use tagalong::config::Config;
use tagalong_core::limits::METRICS_CONNECTIONS_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::Server;

async fn limited(change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(|config| {
        config.rate_limits = true;
        change(config);
    })
    .await
}

/// The status of a request that says that it was forwarded for somebody.
async fn forwarded(server: &Server, method: &str, path: &str, client: &str) -> u16 {
    let mut stream = server.raw().await;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {client}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn too_many_sessions_are_refused_with_a_time() {
    let server = limited(|config| config.sessions_per_hour = 3).await;
    for _ in 0..3 {
        assert_eq!(server.request("POST", "/api/sessions", None, "").await.status, 201);
    }
    let refused = server.request("POST", "/api/sessions", None, "").await;
    assert_eq!(refused.code(), (429, "RATE_LIMITED"));
    assert_eq!(refused.headers["retry-after"], "1200");
    server.clock.advance(std::time::Duration::from_secs(1200));
    assert_eq!(server.request("POST", "/api/sessions", None, "").await.status, 201);
}

#[tokio::test]
async fn failed_lookups_are_limited_and_requests_with_a_token_are_not() {
    let server = limited(|config| config.misses_per_minute = 5).await;
    let session = server.session().await;
    let (ada, token) = server.join(&session, "Ada").await;
    for number in 0..5 {
        let guess = format!("/api/sessions/00000000-0000-4000-8000-00000000000{number}");
        assert_eq!(server.request("GET", &guess, None, "").await.code(), (404, "SESSION_NOT_FOUND"));
    }
    // Even a right guess is not answered now.
    let path = format!("/api/sessions/{}", session.id);
    for (method, path) in [("GET", path.clone()), ("POST", format!("{path}/join"))] {
        assert_eq!(server.request(method, &path, None, "").await.code(), (429, "RATE_LIMITED"));
    }
    let leave = format!("{path}/participants/{ada}");
    assert_eq!(server.request("DELETE", &leave, Some("wrong"), "").await.code(), (429, "RATE_LIMITED"));
    assert_eq!(server.open("/ws?token=wrong", &[]).await.err(), Some(429));
    assert_eq!(server.open("/socket/websocket?token=wrong", &[]).await.err(), Some(429));
    assert!(server.open(&format!("/ws?token={token}"), &[]).await.is_ok());
    assert_eq!(server.request("DELETE", &leave, Some(&token), "").await.status, 200);
}

#[tokio::test]
async fn an_address_holds_so_many_connections_and_no_more() {
    let server = limited(|config| config.connections_per_address = 2).await;
    let session = server.session().await;
    let (_, token) = server.join(&session, "Ada").await;
    let path = format!("/ws?token={token}");
    let first = server.open(&path, &[]).await.unwrap();
    let mut second = server.open(&path, &[]).await.unwrap();
    assert_eq!(server.open(&path, &[]).await.err(), Some(429));
    second.socket.close(None).await.unwrap();
    while second.socket.next().await.is_some() {}
    // The server counts it as closed a moment after the client does.
    let reopened = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while server.open(&path, &[]).await.is_err() {}
    });
    assert!(reopened.await.is_ok());
    drop(first);
}

/// Whether the server keeps a connection that asks for something.
async fn is_kept(server: &Server) -> bool {
    let mut stream = server.raw().await;
    // A connection that is closed at once may be so before it is written to.
    _ = stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer).await;
    answer.starts_with(b"HTTP/1.1 200")
}

#[tokio::test]
async fn connections_that_say_nothing_are_counted_too_but_for_those_of_a_proxy() {
    let stranger = limited(|config| config.tcp_connections_per_address = 3).await;
    let mut idle = [stranger.raw().await, stranger.raw().await, stranger.raw().await];
    assert!(!is_kept(&stranger).await);
    let [first, ..] = &mut idle;
    first.shutdown().await.unwrap();
    // The server counts it as closed a moment after the client does.
    let again = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while !is_kept(&stranger).await {}
    });
    assert!(again.await.is_ok());

    let proxied = limited(|config| {
        config.tcp_connections_per_address = 3;
        config.trusted_proxies = vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
    })
    .await;
    let _idle = [proxied.raw().await, proxied.raw().await, proxied.raw().await];
    assert!(is_kept(&proxied).await);
}

#[tokio::test]
async fn the_port_for_metrics_keeps_so_many_connections_and_no_more() {
    let server = Server::start_with(|config| config.metrics_bind = "127.0.0.1:0".parse().ok()).await;
    let metrics = server.running.metrics_address.unwrap();
    let mut held = Vec::new();
    for _ in 0..METRICS_CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(metrics).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ").await.unwrap();
        held.push(stream);
    }
    // By a clock that stands still, nobody else's time for a request's head is over.
    let mut refused = TcpStream::connect(metrics).await.unwrap();
    let mut answer = Vec::new();
    let end = refused.read_to_end(&mut answer);
    // Closed at once, or reset.
    _ = tokio::time::timeout(std::time::Duration::from_secs(10), end).await.expect("one more is kept");
    assert!(is_kept(&server).await, "the public port serves on");
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart_and_behind_another_they_are_not() {
    let trusted = limited(|config| {
        config.sessions_per_hour = 1;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let stranger = limited(|config| config.sessions_per_hour = 1).await;
    for (server, second) in [(&trusted, 201), (&stranger, 429)] {
        assert_eq!(forwarded(server, "POST", "/api/sessions", "198.51.100.7").await, 201);
        assert_eq!(forwarded(server, "POST", "/api/sessions", "198.51.100.8").await, second);
        assert_eq!(forwarded(server, "POST", "/api/sessions", "198.51.100.7").await, 429);
    }
}
