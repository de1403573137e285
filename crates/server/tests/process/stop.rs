//! How it stops, and how another one takes over.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::serving::{Serving, ask_over};

/// A participant's token in a new session.
fn token(server: &Serving) -> String {
    let (_, made) = server.ask("POST", "/api/sessions", "", "{}").unwrap();
    let join = format!("/api/sessions/{}/join", made["session_id"].as_str().unwrap());
    let (_, joined) = server.ask("POST", &join, "", r#"{"display_name":"Ada"}"#).unwrap();
    joined["websocket_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_stop_says_first_that_it_is_not_ready_and_then_sends_everyone_away() {
    let home = TempDir::new().unwrap();
    let server = Serving::start_with(home.path(), &[("SHUTDOWN_DELAY_SECONDS", "1")]);
    let mut socket = server.socket(&format!("/ws?token={}", token(&server))).unwrap();
    assert_eq!(server.ask("GET", "/health/ready", "", "").unwrap().0, 200);
    server.signal("TERM");
    let not_ready = loop {
        let (status, body) = server.ask("GET", "/health/ready", "", "").unwrap();
        if status != 200 {
            break (status, body);
        }
    };
    assert_eq!((not_ready.0, not_ready.1["status"].as_str()), (503, Some("not_ready")));
    // It still serves new clients.
    socket.send(Message::text(r#"{"type":"ping"}"#)).unwrap();
    assert_eq!(server.ask("GET", "/health/live", "", "").unwrap().0, 200);
    let code = loop {
        match socket.read() {
            Ok(Message::Close(Some(close))) => break u16::from(close.code),
            Ok(_) => {}
            Err(error) => panic!("cut without a word: {error}"),
        }
    };
    assert_eq!(code, 1012);
    while socket.read().is_ok() {}
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let home = TempDir::new().unwrap();
    let long = [("SHUTDOWN_DELAY_SECONDS", "300"), ("SHUTDOWN_TIMEOUT_SECONDS", "600")];
    let server = Serving::start_with(home.path(), &long);
    server.signal("TERM");
    while server.ask("GET", "/health/ready", "", "").unwrap().0 == 200 {}
    server.signal("INT");
    assert_eq!(server.ended(), Some(1));
}

#[test]
fn a_client_that_does_not_answer_the_goodbye_holds_nobody_up() {
    let home = TempDir::new().unwrap();
    let server = Serving::start(home.path());
    let silent = server.socket(&format!("/ws?token={}", token(&server))).unwrap();
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));
    drop(silent);
}

#[test]
fn a_connection_made_just_before_a_stop_is_still_answered() {
    let home = TempDir::new().unwrap();
    let server = Serving::start(home.path());
    let first = server.connect();
    // Connections are accepted in their order: when a later one is answered, this one is the server's.
    assert_eq!(server.ask("GET", "/health/live", "", "").unwrap().0, 200);
    server.signal("TERM");
    while server.ask("GET", "/health/live", "", "").is_some() {}
    let (status, _, _) = ask_over(first, "GET", "/health/live", "", "").expect("a request was lost");
    assert_eq!(status, 200);
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn on_a_socket_that_is_handed_over_no_connection_is_ever_refused() {
    let home = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = Serving::start_on(home.path(), &listener);
    assert_eq!(server.port(), listener.local_addr().unwrap().port());
    let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let client = *server;
        let (over, asked) = (&over, &asked);
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let (status, _) = client.ask("GET", "/health", "", "").expect("a request was lost");
                assert_eq!(status, 200);
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..5 {
            let next = Serving::start_on(home.path(), &listener);
            server.signal("TERM");
            assert_eq!(server.ended(), Some(0));
            server = next;
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(asked.load(Ordering::Relaxed) > 5);
    let mut socket = server.socket(&format!("/ws?token={}", token(&server))).unwrap();
    assert!(!matches!(socket.read(), Err(Error::ConnectionClosed)));
}
