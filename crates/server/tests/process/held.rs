//! Memory that clients can make the real binary hold: 2,000 of each kind at once stay within a bound, and it is given
//! back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tagalong_platform::clock::Clock;
use tempfile::TempDir;

use crate::serving::Serving;

/// Connections of one address: a few less than the default limit, which leaves some to look with.
const CONNECTIONS: usize = 1_990;
/// Resident memory that all of them together may take, in KiB: what a container for a small server has to spare. The
/// largest seen was half of it.
const HELD_KIB: usize = 160 * 1024;
/// How much of that may stay with the process once they are gone, in KiB: an allocator keeps some.
const KEPT_KIB: usize = 32 * 1024;
const DEADLINE: Duration = Duration::from_secs(60);
/// Tracker links that one address can make in an hour, half of them for each of two tests.
const LINKS: usize = 30;

/// One kind of thing to hold.
struct Kind {
    name: &'static str,
    /// What connection number so-and-so sends and leaves unfinished.
    sent: Box<dyn Fn(usize) -> Vec<u8>>,
}

fn head() -> Kind {
    let head = format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx-long: {}", "x".repeat(15 * 1024));
    Kind { name: "heads", sent: Box::new(move |_| head.clone().into_bytes()) }
}

fn body() -> Kind {
    let head = "POST /api/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 16384\r\n\r\n";
    let body = format!("{head}{}", " ".repeat(16_000));
    Kind { name: "bodies", sent: Box::new(move |_| body.clone().into_bytes()) }
}

/// All but the end of a batch, of some declared length or in chunks.
fn batch(server: &Serving, length: usize, name: &'static str) -> Kind {
    let secrets: Vec<String> = (0..LINKS).map(|number| tracker_secret(server, number)).collect();
    let sent = move |number: usize| {
        let secret = &secrets[number % secrets.len()];
        let head = format!(
            "POST /track/{secret}/overland HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"
        );
        [head.into_bytes(), vec![b' '; length - 200]].concat()
    };
    Kind { name, sent: Box::new(sent) }
}

/// Asks for the largest file of the page, again and again, and reads nothing.
fn answers(server: &Serving) -> Kind {
    let (_, _, page) = server.raw("GET", "/", "", "").unwrap();
    let script = page.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js")).unwrap();
    let request = format!("GET {script} HTTP/1.1\r\nhost: localhost\r\n\r\n").repeat(20);
    Kind { name: "answers", sent: Box::new(move |_| request.clone().into_bytes()) }
}

/// The beginning of a handshake message that says that it is as long as one may be.
fn handshakes() -> Kind {
    let record = |length: usize| {
        let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
        [&[22, 3, 1, high, low][..], &vec![0; length]].concat()
    };
    let mut first = record(16_000);
    // A ClientHello of 63 KiB, of which this is the first part.
    first[5..9].copy_from_slice(&[1, 0, 0xfc, 0]);
    let sent = [first, record(16_000), record(16_000), record(8_000)].concat();
    Kind { name: "handshakes", sent: Box::new(move |_| sent.clone()) }
}

fn tracker_secret(server: &Serving, number: usize) -> String {
    let (_, made) = server.ask("POST", "/api/sessions", "", "{}").unwrap();
    let session = made["session_id"].as_str().unwrap();
    let name = json!({"display_name": format!("Eve {number}")}).to_string();
    let (_, joined) = server.ask("POST", &format!("/api/sessions/{session}/join"), "", &name).unwrap();
    let (user, token) = (joined["user_id"].as_str().unwrap(), joined["websocket_token"].as_str().unwrap());
    let path = format!("/api/sessions/{session}/participants/{user}/trackers");
    let (_, trackers) = server.ask("GET", &path, token, "").unwrap();
    let address = trackers["trackers"][0]["address"].as_str().unwrap();
    address.split('/').nth_back(1).unwrap().to_owned()
}

fn start(home: &Path, settings: &[(&str, &str)]) -> Serving {
    tagalong_loadtest::process::raise_file_limit();
    Serving::start_with(home, &[&[("LOG_LEVEL", "error")], settings].concat())
}

/// Sends as much as the server takes, and waits for it no longer than for a moment.
fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    _ = stream.write_all(bytes);
}

/// A connection with something unfinished.
fn held(server: &Serving, bytes: &[u8]) -> TcpStream {
    let mut stream = server.connect();
    send(&mut stream, bytes);
    stream
}

/// Holds as many of a kind as one address may, and looks at the server's memory meanwhile and afterwards.
fn hold(server: &Serving, kind: &Kind) {
    let before = server.memory_kib("VmRSS");
    let streams: Vec<_> = (0..CONNECTIONS).map(|number| held(server, &(kind.sent)(number))).collect();
    // Everything that was sent before this answer has been read, or will never be.
    for _ in 0..8 {
        assert_eq!(server.ask("GET", "/health/live", "", "").unwrap().0, 200, "{}", kind.name);
    }
    let most = server.memory_kib("VmHWM").saturating_sub(before);
    eprintln!("{}: {} KiB for {CONNECTIONS}", kind.name, most);
    assert!(most < HELD_KIB, "{}: {most} KiB for {CONNECTIONS}", kind.name);
    drop(streams);
    let (clock, began) = (Clock::system(), Clock::system().instant());
    loop {
        assert_eq!(server.ask("GET", "/health/live", "", "").unwrap().0, 200);
        let kept = server.memory_kib("VmRSS").saturating_sub(before);
        if kept < KEPT_KIB {
            eprintln!("{}: {kept} KiB kept", kind.name);
            break;
        }
        assert!(clock.instant() < began + DEADLINE, "{}: {kept} KiB are not given back", kind.name);
    }
}

fn hold_at_a_new_server(kind: impl Fn(&Serving) -> Kind) {
    let home = TempDir::new().unwrap();
    let server = start(home.path(), &[]);
    let kind = kind(&server);
    hold(&server, &kind);
}

#[test]
fn two_thousand_heads_fit_into_memory() {
    hold_at_a_new_server(|_| head());
}

#[test]
fn two_thousand_bodies_fit_into_memory() {
    hold_at_a_new_server(|_| body());
}

#[test]
fn two_thousand_large_bodies_fit_into_memory() {
    hold_at_a_new_server(|server| batch(server, 250_000, "large bodies"));
}

#[test]
fn two_thousand_bodies_that_are_too_large_fit_into_memory() {
    hold_at_a_new_server(|server| batch(server, 1_048_576, "bodies that are too large"));
}

#[test]
fn two_thousand_answers_that_nobody_reads_fit_into_memory() {
    hold_at_a_new_server(answers);
}

#[test]
fn two_thousand_half_open_handshakes_fit_into_memory() {
    let home = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(home.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(home.path().join("cert.pem"), made.cert.pem()).unwrap();
    let settings = [("TLS_CERT_FILE", "cert.pem"), ("TLS_KEY_FILE", "key.pem")];
    let server = start(home.path(), &settings);
    let before = server.memory_kib("VmRSS");
    let sent = handshakes();
    let streams: Vec<_> = (0..CONNECTIONS).map(|number| held(&server, &(sent.sent)(number))).collect();
    // The log is the only way to look: every request needs a handshake of its own, which is what one is given.
    let one = server.connect();
    drop(one);
    let most = server.memory_kib("VmHWM").saturating_sub(before);
    eprintln!("{}: {most} KiB for {CONNECTIONS}", sent.name);
    assert!(most < HELD_KIB, "{most} KiB");
    drop(streams);
}

/// The port for metrics cannot take the files that the public one needs, and a stranger cannot hold it for ever.
#[test]
fn connections_to_the_port_for_metrics_take_no_files_from_the_public_one() {
    let home = TempDir::new().unwrap();
    let metrics = free_port();
    let server = Serving::start_with_hard_limit(home.path(), 300, &[("METRICS_BIND", &metrics)]);
    let mut held: Vec<_> = (0..320).filter_map(|_| TcpStream::connect(&metrics).ok()).collect();
    for stream in &mut held {
        _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ");
    }
    assert_eq!(server.ask("GET", "/health/ready", "", "").unwrap().0, 200);
    // All but some are closed at once, and those when the time for a request's head is over.
    for mut stream in held {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        while stream.read(&mut [0; 512]).is_ok_and(|read| read > 0) {}
    }
    let mut scrape = TcpStream::connect(&metrics).unwrap();
    scrape.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    scrape.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// With few files the clients of one address get most of them, never all: others are still served.
#[test]
fn a_limit_of_open_files_does_not_stop_the_port() {
    let home = TempDir::new().unwrap();
    let server = Serving::start_with_hard_limit(home.path(), 300, &[]);
    let (_, made) = server.ask("POST", "/api/sessions", "", "{}").unwrap();
    let join = format!("/api/sessions/{}/join", made["session_id"].as_str().unwrap());
    let (_, joined) = server.ask("POST", &join, "", r#"{"display_name":"Eve"}"#).unwrap();
    // WebSockets that nobody closes for as long as the test waits.
    let path = format!("/socket/websocket?token={}", joined["websocket_token"].as_str().unwrap());
    let upgrade = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let held: Vec<_> = (0..400).map(|_| held(&server, upgrade.as_bytes())).collect();
    assert_eq!(server.ask_from("127.0.0.2", "GET", "/health/ready").unwrap(), 200);
    drop(held);
}

/// A session of long polls outlives its requests for a while, and needs no file meanwhile.
#[test]
fn sessions_of_long_polls_are_bounded_in_all() {
    let home = TempDir::new().unwrap();
    let server = Serving::start_with_hard_limit(home.path(), 200, &[("RATE_LIMITS", "off")]);
    let (_, made) = server.ask("POST", "/api/sessions", "", "{}").unwrap();
    let join = format!("/api/sessions/{}/join", made["session_id"].as_str().unwrap());
    let (_, ada) = server.ask("POST", &join, "", r#"{"display_name":"Ada"}"#).unwrap();
    let open = format!("/socket/longpoll?vsn=2.0.0&token={}", ada["websocket_token"].as_str().unwrap());
    let answers = (0..200).map(|_| server.ask("GET", &open, "", "").unwrap().1["status"].clone());
    let opened = answers.take_while(|status| *status == json!(410)).count();
    assert!((50..200).contains(&opened), "{opened}");
}

fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
