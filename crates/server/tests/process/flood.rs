//! A million frames that are none, against the real binary: its memory stays flat, and others are served all the
//! while.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use crate::serving::Serving;

const FRAMES: usize = 1_000_000;
/// What a server may have taken for it at any time, in KiB. One message at its limit is 16.
const GROWTH_KIB: usize = 16 * 1024;
const FLOODS_AT_ONCE: usize = 16;

/// What the plain protocol answers and goes on: no JSON, no message, binary data, a message nobody knows.
const ANSWERED: [&[u8]; 4] = [
    b"\x81\x84\0\0\0\0nope",
    b"\x81\x82\0\0\0\0[]",
    b"\x82\x82\0\0\0\0\x09\x09",
    b"\x81\x8c\0\0\0\0{\"type\":\"x\"}",
];
/// What ends a connection: no UTF-8, a fragment of nothing, reserved bits and opcodes, no mask, a ping of 126 bytes,
/// a length of 2^62 bytes.
const FATAL: [&[u8]; 7] = [
    b"\x81\x82\0\0\0\0\xff\xfe",
    b"\x80\x80\0\0\0\0",
    b"\xf1\x80\0\0\0\0",
    b"\x8b\x80\0\0\0\0",
    b"\x81\x02{}",
    b"\x89\xfe\0\x7e\0\0\0\0",
    b"\x81\xff\x40\0\0\0\0\0\0\0\0\0\0\0",
];

fn participant(server: &Serving, session: &str, name: &str) -> String {
    let join = format!("/api/sessions/{session}/join");
    let (_, joined) = server.ask("POST", &join, "", &json!({"display_name": name}).to_string()).unwrap();
    joined["websocket_token"].as_str().unwrap().to_owned()
}

fn upgraded(server: &Serving, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 101");
    stream
}

/// Sends frames of one kind and reads whatever comes, until the server closes or everything is sent.
fn flood(server: &Serving, path: &str, frame: &[u8], times: usize) {
    let mut stream = upgraded(server, path);
    let mut ear = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while ear.read(&mut buffer).is_ok_and(|read| read > 0) {}
        });
        let many = frame.repeat(100);
        for _ in 0..times / 100 {
            // A server that has closed takes no more.
            if stream.write_all(&many).is_err() {
                break;
            }
        }
        _ = stream.shutdown(Shutdown::Write);
    });
}

/// Answers that a bystander gets until it is over; between them nothing may come but who is connected.
fn bystander(server: &Serving, token: &str, over: &AtomicBool) -> usize {
    let mut socket = server.socket(&format!("/ws?token={token}")).unwrap();
    // Who takes part, where the others are, who is connected.
    for _ in 0..3 {
        socket.read().unwrap();
    }
    let mut answers = 0;
    while !over.load(Ordering::Relaxed) {
        socket.send(Message::text(r#"{"type":"ping"}"#)).unwrap();
        let answer = loop {
            match socket.read().unwrap() {
                Message::Text(text) if text.contains("presence_diff") => {}
                answer => break answer,
            }
        };
        assert_eq!(answer, Message::text(r#"{"type":"pong","data":{}}"#));
        answers += 1;
    }
    answers
}

#[test]
fn a_million_malformed_frames_take_no_memory_and_nobody_waits_for_them() {
    let home = TempDir::new().unwrap();
    let server = Serving::start_with(home.path(), &[("RATE_LIMITS", "off"), ("LOG_LEVEL", "warn")]);
    let (_, made) = server.ask("POST", "/api/sessions", "", "{}").unwrap();
    let session = made["session_id"].as_str().unwrap();
    let (attacker, other) = (participant(&server, session, "Eve"), participant(&server, session, "Ada"));
    let protocols =
        [format!("/ws?token={attacker}"), format!("/socket/websocket?vsn=2.0.0&token={attacker}")];
    let each = 1_000;
    let floods = FRAMES / each;

    let (over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let before = server.memory_kib("VmHWM");
    let answers = std::thread::scope(|scope| {
        let bystander = scope.spawn(|| bystander(&server, &other, &over));
        let attack = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= floods {
                    break;
                }
                let (protocol, frame) = match number % 2 {
                    0 => (0, ANSWERED[number / 2 % ANSWERED.len()]),
                    _ => (number / 2 % protocols.len(), FATAL[number / 2 % FATAL.len()]),
                };
                flood(&server, &protocols[protocol], frame, each);
            }
        };
        let attacks: Vec<_> = (0..FLOODS_AT_ONCE).map(|_| scope.spawn(attack)).collect();
        attacks.into_iter().for_each(|attack| attack.join().unwrap());
        over.store(true, Ordering::Relaxed);
        bystander.join().unwrap()
    });
    let grown = server.memory_kib("VmHWM") - before;
    assert!(grown < GROWTH_KIB, "{grown} KiB more than before");
    // A fair share would be an answer for each round of floods, and a bystander asks for no more than one at a time.
    assert!(answers * FLOODS_AT_ONCE * 4 >= floods, "{answers} answers beside {floods} floods");
}

/// Pongs that nobody reads wait in a bounded place: a hundred connections that ping and never read take no more
/// than a hundred others.
#[test]
fn pongs_that_nobody_reads_are_not_kept() {
    let home = TempDir::new().unwrap();
    let server = Serving::start_with(home.path(), &[("RATE_LIMITS", "off"), ("LOG_LEVEL", "warn")]);
    let (_, made) = server.ask("POST", "/api/sessions", "", "{}").unwrap();
    let session = made["session_id"].as_str().unwrap();
    // A watcher's: of a participant's connections, the oldest would be closed.
    let (_, watching) = server.ask("POST", &format!("/api/sessions/{session}/watch"), "", "").unwrap();
    let token = watching["websocket_token"].as_str().unwrap().to_owned();
    let ping = [&b"\x89\xfd\0\0\0\0"[..], &[0; 125]].concat().repeat(64);
    let before = server.memory_kib("VmHWM");
    let mut deaf: Vec<_> = (0..100).map(|_| upgraded(&server, &format!("/ws?token={token}"))).collect();
    for stream in &deaf {
        stream.set_nonblocking(true).unwrap();
    }
    // Until none of them can send any more for a while, or has sent more than any buffer holds.
    let (mut sent, mut full) = (0_usize, 0);
    while full < 200 && sent < 2 << 30 {
        let mut moved = 0;
        for stream in &mut deaf {
            moved += stream.write(&ping).unwrap_or(0);
        }
        sent += moved;
        full = if moved == 0 { full + 1 } else { 0 };
        assert_eq!(server.ask("GET", "/health/live", "", "").unwrap().0, 200);
    }
    let grown = server.memory_kib("VmHWM") - before;
    assert!(grown < GROWTH_KIB, "{grown} KiB more than before, after {sent} bytes of pings");
}
