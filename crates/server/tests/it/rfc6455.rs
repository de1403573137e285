//! RFC 6455, section by section: bytes in, what comes back. The cases are those of the Autobahn test suite that
//! apply to a server that does not echo and takes messages of 16 KiB; at both protocols.

use crate::harness::{Server, Session};
use crate::wire::{BINARY, CLOSE, CONTINUATION, FIN, Heard, PING, PONG, TEXT, Wire, frame, head, reason};

/// A protocol, and a message that it answers: what stands for an echo.
struct Protocol {
    path: String,
    question: &'static str,
    answer: &'static str,
    /// The code for text that is none of the protocol's messages; the plain protocol only says so.
    no_message: Option<u16>,
}

struct Fixture {
    server: Server,
    protocols: [Protocol; 2],
}

impl Fixture {
    async fn new() -> Self {
        let server = Server::start().await;
        let session = server.session().await;
        let protocols = protocols(&server, &session).await;
        Self { server, protocols }
    }

    /// Sends bytes at each protocol of a connection of its own, at once and byte by byte, and hears what comes.
    async fn each(
        &self,
        name: &str,
        bytes: impl Fn(&Protocol) -> Vec<u8>,
        expected: impl Fn(&Protocol) -> Vec<Heard>,
    ) {
        for protocol in &self.protocols {
            for slowly in [false, true] {
                let bytes = bytes(protocol);
                if slowly && bytes.len() > 600 {
                    continue;
                }
                let mut wire = protocol.enter(&self.server).await;
                if slowly {
                    wire.dribble(&bytes).await;
                } else {
                    wire.send(&bytes).await;
                }
                for (number, expected) in expected(protocol).into_iter().enumerate() {
                    let shown = format!("{name}, {}, slowly {slowly}, answer {number}", &protocol.path[..4]);
                    assert_eq!(wire.hear().await, expected, "{shown}");
                }
            }
        }
    }

    /// Bytes for which a connection is failed with a code.
    async fn fails(&self, name: &str, code: u16, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.each(name, |_| bytes.to_vec(), |_| vec![Heard::Close(code), Heard::End]).await;
    }
}

async fn protocols(server: &Server, session: &Session) -> [Protocol; 2] {
    let (_, token) = server.join(session, "Ada").await;
    [
        Protocol {
            path: format!("/socket/websocket?vsn=2.0.0&token={token}"),
            question: r#"[null,"1","phoenix","heartbeat",{"x":""}]"#,
            answer: r#"[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]"#,
            no_message: Some(1011),
        },
        Protocol {
            path: format!("/ws?token={token}"),
            question: r#"{"type":"ping","x":""}"#,
            answer: r#"{"type":"pong","data":{}}"#,
            no_message: None,
        },
    ]
}

impl Protocol {
    async fn enter(&self, server: &Server) -> Wire {
        let mut wire = Wire::open(server, &self.path).await;
        if self.no_message.is_none() {
            for _ in 0..3 {
                assert!(matches!(wire.hear().await, Heard::Text(_)), "the plain protocol greets");
            }
        }
        wire
    }

    fn answer(&self) -> Heard {
        Heard::Text(self.answer.to_owned())
    }

    /// The question with bytes inside its empty text.
    fn asking(&self, inside: &[u8]) -> Vec<u8> {
        let (before, after) =
            self.question.split_at(self.question.len() - if self.no_message.is_some() { 3 } else { 2 });
        [before.as_bytes(), inside, after.as_bytes()].concat()
    }

    /// The question, so many bytes long.
    fn asking_at_length(&self, length: usize) -> Vec<u8> {
        self.asking(&vec![b'*'; length - self.question.len()])
    }
}

/// Autobahn 1: sections 5.2 and 5.6.
#[tokio::test]
async fn section_5_2_lengths() {
    let fixture = Fixture::new().await;
    for length in [64, 125, 126, 127, 128, 129, 1023, 1024, 1025, 16 * 1024] {
        let bytes = |protocol: &Protocol| frame(FIN | TEXT, protocol.asking_at_length(length));
        fixture.each(&format!("text of {length}"), bytes, |protocol| vec![protocol.answer()]).await;
    }
    for length in [16 * 1024 + 1, 65_535, 65_536, 1 << 20] {
        fixture.fails(&format!("{length}"), 1009, frame(FIN | TEXT, vec![b' '; length])).await;
        fixture.fails(&format!("{length}"), 1009, frame(FIN | BINARY, vec![b' '; length])).await;
    }
    // Declared and never sent: nothing may be set aside for it.
    for length in [1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX] {
        fixture.fails(&format!("declared {length}"), 1009, head(FIN | TEXT, length)).await;
    }
}

/// Autobahn 2: sections 5.5.2 and 5.5.3.
#[tokio::test]
async fn section_5_5_2_pings_and_pongs() {
    let fixture = Fixture::new().await;
    for payload in [&b""[..], b"Hello, world!", &[0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0], &[0xfe; 125]] {
        let pong = |_: &Protocol| vec![Heard::Pong(payload.to_vec())];
        fixture.each("2.1 to 2.4", |_| frame(FIN | PING, payload), pong).await;
    }
    fixture.fails("2.5, longer than 125", 1002, frame(FIN | PING, [0xfe; 126])).await;
    let pong_then_ask =
        |protocol: &Protocol| [frame(FIN | PONG, "unasked"), frame(FIN | TEXT, protocol.question)].concat();
    fixture.each("2.7, 2.8, unsolicited pongs", pong_then_ask, |protocol| vec![protocol.answer()]).await;
    let pong_then_ping = |_: &Protocol| [frame(FIN | PONG, "unasked"), frame(FIN | PING, "asked")].concat();
    fixture.each("2.9", pong_then_ping, |_| vec![Heard::Pong(b"asked".to_vec())]).await;
    let ten = |_: &Protocol| (0..10).flat_map(|n: u8| frame(FIN | PING, [n])).collect();
    fixture.each("2.10", ten, |_| (0..10).map(|n| Heard::Pong(vec![n])).collect()).await;
}

/// Autobahn 3: section 5.2, with no extension negotiated.
#[tokio::test]
async fn section_5_2_reserved_bits() {
    let fixture = Fixture::new().await;
    for bits in 1..=7_u8 {
        for opcode in [TEXT, BINARY, PING, PONG, CLOSE] {
            let name = format!("3.{bits} on {opcode:x}");
            fixture.fails(&name, 1002, frame(FIN | bits << 4 | opcode, "")).await;
        }
        let after = |protocol: &Protocol| {
            [frame(FIN | TEXT, protocol.question), frame(FIN | bits << 4 | TEXT, "*")].concat()
        };
        fixture
            .each("after a message", after, |protocol| {
                vec![protocol.answer(), Heard::Close(1002), Heard::End]
            })
            .await;
    }
}

/// Autobahn 4: section 5.2.
#[tokio::test]
async fn section_5_2_reserved_opcodes() {
    let fixture = Fixture::new().await;
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in ["", "reserved"] {
            fixture.fails(&format!("4, opcode {opcode}"), 1002, frame(FIN | opcode, payload)).await;
        }
        let inside = [frame(TEXT, "["), frame(FIN | opcode, "")].concat();
        fixture.fails(&format!("4, opcode {opcode} inside a message"), 1002, inside).await;
    }
}

/// Autobahn 5: section 5.4.
#[tokio::test]
async fn section_5_4_fragments() {
    let fixture = Fixture::new().await;
    fixture.fails("5.1", 1002, frame(PING, "fragment")).await;
    fixture.fails("5.2", 1002, frame(PONG, "fragment")).await;
    fixture.fails("5.5.1, a fragmented close", 1002, frame(CLOSE, reason(1000, ""))).await;

    let split = |protocol: &Protocol, at: usize, between: &[u8]| {
        let (one, other) = protocol.question.split_at(at);
        [&frame(TEXT, one)[..], between, &frame(FIN | CONTINUATION, other)].concat()
    };
    for at in [0, 1, 20] {
        fixture
            .each("5.3 to 5.5", |protocol| split(protocol, at, &[]), |protocol| vec![protocol.answer()])
            .await;
    }
    let pinged = |protocol: &Protocol| vec![Heard::Pong(b"between".to_vec()), protocol.answer()];
    fixture.each("5.6 to 5.8", |protocol| split(protocol, 5, &frame(FIN | PING, "between")), pinged).await;

    for fin in [0, FIN] {
        let lone = frame(fin | CONTINUATION, "nothing to continue");
        fixture.fails("5.9 to 5.14", 1002, &lone).await;
        let after = |protocol: &Protocol| [frame(FIN | TEXT, protocol.question), lone.clone()].concat();
        fixture
            .each("5.15 to 5.17", after, |protocol| vec![protocol.answer(), Heard::Close(1002), Heard::End])
            .await;
    }
    for opcode in [TEXT, BINARY] {
        let two = [frame(TEXT, "one"), frame(FIN | opcode, "another")].concat();
        fixture.fails("5.18, a message inside another", 1002, two).await;
    }
    let many = |protocol: &Protocol| {
        let bytes = protocol.question.as_bytes();
        let pieces = bytes.chunks(1).enumerate().flat_map(|(number, piece)| {
            let first = match number {
                0 => TEXT,
                last if last + 1 == bytes.len() => FIN | CONTINUATION,
                _ => CONTINUATION,
            };
            [frame(first, piece), frame(FIN | PING, [number as u8])].concat()
        });
        pieces.collect::<Vec<u8>>()
    };
    let pongs = |protocol: &Protocol| {
        let pong = |number: usize| Heard::Pong(vec![number as u8]);
        let before = (0..protocol.question.len() - 1).map(pong);
        before.chain([protocol.answer(), pong(protocol.question.len() - 1)]).collect()
    };
    fixture.each("5.19, 5.20", many, pongs).await;
}

/// Autobahn 6: section 8.1.
#[tokio::test]
async fn section_8_1_utf_8() {
    let fixture = Fixture::new().await;
    let valid = [
        "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}",
        "\u{7f}",
        "\u{80}",
        "\u{7ff}",
        "\u{800}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10000}",
        "\u{1fffe}",
        "\u{10ffff}",
    ];
    for text in valid {
        let whole = |protocol: &Protocol| frame(FIN | TEXT, protocol.asking(text.as_bytes()));
        fixture.each(&format!("{text:?}"), whole, |protocol| vec![protocol.answer()]).await;
        // Characters may be cut by fragments; only the whole must be text.
        let cut = |protocol: &Protocol| {
            let bytes = protocol.asking(text.as_bytes());
            let at = bytes.len() - protocol.question.len() + protocol.question.find("\"\"").unwrap() + 1
                - text.len();
            let (one, other) = bytes.split_at(at + 1);
            [frame(TEXT, one), frame(FIN | CONTINUATION, other)].concat()
        };
        fixture.each(&format!("{text:?} cut"), cut, |protocol| vec![protocol.answer()]).await;
    }
    let invalid: [&[u8]; 22] = [
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80",
        b"\x80",
        b"\xbf",
        b"\x80\xbf",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xc0\x80",
        b"\xe0\x80\xaf",
        b"\xe0\x9f\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc3",
        b"\xe1\xbd",
        b"\xf0\x90\x80",
        b"\xfe",
        b"\xff",
    ];
    for bytes in invalid {
        let whole = |protocol: &Protocol| frame(FIN | TEXT, protocol.asking(bytes));
        let failed = |_: &Protocol| vec![Heard::Close(1007), Heard::End];
        fixture.each(&format!("{bytes:x?}"), whole, failed).await;
        let last =
            |protocol: &Protocol| [frame(TEXT, protocol.question), frame(FIN | CONTINUATION, bytes)].concat();
        fixture.each(&format!("{bytes:x?} as a fragment"), last, failed).await;
    }
    // Text that is cut short inside a character is not text, and binary data need not be any.
    for protocol in &fixture.protocols {
        let mut wire = protocol.enter(&fixture.server).await;
        wire.send(frame(FIN | BINARY, b"\xff\xfe")).await;
        match protocol.no_message {
            Some(code) => assert_eq!(wire.hear().await, Heard::Close(code)),
            None => {
                assert!(matches!(wire.hear().await, Heard::Text(error) if error.contains("INVALID_MESSAGE")));
            }
        }
    }
}

/// Autobahn 7: sections 5.5.1, 7.1 and 7.4.
#[tokio::test]
async fn section_7_closing() {
    let fixture = Fixture::new().await;
    let echoed = |code: u16| move |_: &Protocol| vec![Heard::Close(code), Heard::End];
    fixture.each("7.1.1 and 7.3.1, no code", |_| frame(FIN | CLOSE, ""), echoed(1005)).await;
    let after =
        |more: Vec<u8>| move |_: &Protocol| [frame(FIN | CLOSE, reason(1000, "")), more.clone()].concat();
    for more in [frame(FIN | CLOSE, ""), frame(FIN | PING, ""), frame(FIN | TEXT, "*"), frame(0x73, "*")] {
        fixture.each("7.1.2 to 7.1.4, nothing counts after it", after(more), echoed(1000)).await;
    }
    let inside =
        [frame(TEXT, "fragment"), frame(FIN | CLOSE, reason(1000, "")), frame(FIN | CONTINUATION, "*")];
    fixture.each("7.1.5, inside a message", |_| inside.concat(), echoed(1000)).await;

    fixture.fails("7.3.2, half a code", 1002, frame(FIN | CLOSE, [3])).await;
    fixture.each("7.3.4", |_| frame(FIN | CLOSE, reason(1000, "Hello World!")), echoed(1000)).await;
    fixture.each("7.3.5", |_| frame(FIN | CLOSE, reason(1000, [b'*'; 123])), echoed(1000)).await;
    fixture.fails("7.3.6, longer than 125", 1002, frame(FIN | CLOSE, reason(1000, [b'*'; 124]))).await;
    fixture.fails("7.5.1", 1007, frame(FIN | CLOSE, reason(1000, b"\xed\xa0\x80"))).await;
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999] {
        fixture.each(&format!("7.7, {code}"), |_| frame(FIN | CLOSE, reason(code, "")), echoed(code)).await;
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        fixture.fails(&format!("7.9 and 7.13, {code}"), 1002, frame(FIN | CLOSE, reason(code, ""))).await;
    }
}

/// Autobahn 9: section 10.4.
#[tokio::test]
async fn section_10_4_limits() {
    let fixture = Fixture::new().await;
    for size in [1, 1024, 16 * 1024] {
        let pieces = (16 * 1024) / size + 1;
        let mut bytes = frame(TEXT, vec![b' '; size]);
        for _ in 1..pieces {
            bytes.extend(frame(CONTINUATION, vec![b' '; size]));
        }
        fixture.fails(&format!("{pieces} fragments of {size}"), 1009, &bytes).await;
    }
    let many = |protocol: &Protocol| frame(FIN | TEXT, protocol.question).repeat(1000);
    fixture.each("9.7, many messages", many, |protocol| vec![protocol.answer(); 1000]).await;
    // 10,000 fragments, most of them empty, are one message still.
    let fragments = |protocol: &Protocol| {
        let (one, other) = protocol.question.split_at(7);
        let empty = frame(CONTINUATION, "").repeat(10_000);
        [frame(TEXT, one), empty, frame(FIN | CONTINUATION, other)].concat()
    };
    fixture.each("10,000 fragments", fragments, |protocol| vec![protocol.answer()]).await;
}

/// Section 5.1: a server must close on a frame that is not masked.
#[tokio::test]
async fn section_5_1_masks() {
    let fixture = Fixture::new().await;
    for first in [FIN | TEXT, FIN | BINARY, FIN | PING, FIN | CLOSE] {
        let mut bytes = vec![first, 2];
        bytes.extend(reason(1000, ""));
        fixture.fails("not masked", 1002, bytes).await;
    }
}

/// Sections 4.2.1 and 4.2.2, and Autobahn 12 and 13: no compression, even when a client offers it.
#[tokio::test]
async fn section_4_2_handshake() {
    let fixture = Fixture::new().await;
    for protocol in &fixture.protocols {
        let offer = "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n";
        let mut wire = Wire::open_with(&fixture.server, &protocol.path, offer).await;
        assert!(
            wire.answer.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{}",
            wire.answer
        );
        assert!(!wire.answer.contains("sec-websocket-extensions"), "{}", wire.answer);
        // A bomb that nobody has agreed to unpack.
        wire.send(frame(
            FIN | 0x40 | TEXT,
            b"\xaa\x56\x4a\x2d\x4b\x2d\x52\xb2\x52\x2a\x2e\x49\x2c\x49\x55\xaa\x05\x00",
        ))
        .await;
        assert_eq!(wire.closed().await, Some(1002));
        for (header, replaced) in [
            ("sec-websocket-version", Some("8")),
            ("sec-websocket-version", None),
            ("sec-websocket-key", None),
            ("connection", Some("keep-alive")),
            ("upgrade", Some("h2c")),
        ] {
            let request = crate::wire::upgrade(&protocol.path, "connection: close\r\n");
            let lines = request.split("\r\n").filter_map(|line| match line.split_once(": ") {
                Some((name, value)) if name == header && value != "close" => {
                    replaced.map(|new| format!("{name}: {new}"))
                }
                _ => Some(line.to_owned()),
            });
            let request = lines.collect::<Vec<_>>().join("\r\n");
            let answer = crate::attack_http::answered(&fixture.server, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{header} {replaced:?}: {answer}");
        }
    }
}
