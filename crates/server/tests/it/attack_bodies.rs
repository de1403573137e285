//! Bodies that are large, slow, or many at once.

use std::time::Duration;

use tagalong_core::limits::{LARGE_BODIES_MAX, LARGE_BODIES_PER_ADDRESS_MAX};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::Server;
use crate::trackers;

/// A batch of Overland with nothing in it, so many bytes long.
fn batch(bytes: usize) -> String {
    let (start, end) = (r#"{"locations":[],"x":""#, r#""}"#);
    format!("{start}{}{end}", " ".repeat(bytes - start.len() - end.len()))
}

async fn link(server: &Server, name: &str) -> String {
    let session = server.session().await;
    let (user, token) = server.join(&session, name).await;
    trackers::address(server, &session, &user, &token, "overland").await
}

/// A request of which the end of the body is still to come.
async fn begun(server: &Server, path: &str, length: usize, sent: &str) -> TcpStream {
    let mut stream = server.raw().await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{sent}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("the server does not close").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_acknowledged_and_not_held() {
    let server = Server::start().await;
    let address = link(&server, "Ada").await;
    for (bytes, status) in [(200_000, 200), (300_000, 200), (2_000_000, 200), (3_000_000, 413)] {
        let answer = server.fetch("POST", &address, &[], batch(bytes)).await;
        assert_eq!(answer.status, status, "{bytes}");
        if status == 200 {
            assert_eq!(answer.bytes, r#"{"result":"ok"}"#);
        }
    }
}

#[tokio::test]
async fn large_bodies_are_bounded_for_each_link_and_each_address() {
    let server = Server::start().await;
    let body = batch(100_000);
    let (first, rest) = body.split_at(50_000);
    let mut held = Vec::new();
    let mut links = Vec::new();
    for number in 0..=LARGE_BODIES_PER_ADDRESS_MAX {
        links.push(link(&server, &format!("Ada {number}")).await);
    }
    for path in links.iter().take(LARGE_BODIES_PER_ADDRESS_MAX) {
        held.push(begun(&server, path, body.len(), first).await);
    }
    // A permit is taken when the server reads on, so it is asked until all of them are.
    let refused = async {
        while server.fetch("POST", &links[LARGE_BODIES_PER_ADDRESS_MAX], &[], body.clone()).await.status
            != 429
        {}
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("all get a permit");
    let again = server.fetch("POST", &links[0], &[], body.clone()).await;
    assert_eq!((again.status, again.header("retry-after")), (429, "2"));
    // A small body needs no permit.
    assert_eq!(server.fetch("POST", &links[0], &[], batch(1_000)).await.status, 200);
    for mut stream in held {
        stream.write_all(rest.as_bytes()).await.unwrap();
        let answer = answer(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(server.fetch("POST", &links[0], &[], body).await.status, 200);
    const { assert!(LARGE_BODIES_PER_ADDRESS_MAX < LARGE_BODIES_MAX) };
}

#[tokio::test]
async fn a_body_that_dribbles_is_given_up() {
    let server = Server::start().await;
    let address = link(&server, "Ada").await;
    let body = batch(15_000);
    let dribble = begun(&server, &address, body.len(), &body[..100]).await;
    let given_up = answer(dribble);
    tokio::pin!(given_up);
    // Whenever the server has begun to read: its time is over sooner or later.
    let answer = loop {
        server.clock.advance(Duration::from_secs(1));
        tokio::select! {
            answer = &mut given_up => break answer,
            _ = server.fetch("GET", "/health/live", &[], "") => {}
        }
    };
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}
