//! WebSocket as bytes, for what no library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::Server;

/// Nothing on loopback takes this long; a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(10);
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The first byte of a frame (RFC 6455, section 5.2): whether it is the last of its message, and its opcode.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// A frame as a client sends it: masked, its length in as few bytes as it takes.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The beginning of a masked frame that says that it has so many bytes.
pub(crate) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(0x80 | length as u8),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

/// The payload of a close frame.
pub(crate) fn reason(code: u16, text: impl AsRef<[u8]>) -> Vec<u8> {
    [&code.to_be_bytes()[..], text.as_ref()].concat()
}

/// What the server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    Text(String),
    Ping,
    Pong(Vec<u8>),
    /// A close frame with its code; 1005 is for none (RFC 6455, section 7.1.5).
    Close(u16),
    /// No more bytes.
    End,
}

/// The request that opens a WebSocket.
pub(crate) fn upgrade(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// An open WebSocket, without a library.
pub(crate) struct Wire {
    stream: TcpStream,
    /// The head of the server's answer.
    pub(crate) answer: String,
}

impl Wire {
    pub(crate) async fn open(server: &Server, path: &str) -> Self {
        Self::open_with(server, path, "").await
    }

    pub(crate) async fn open_with(server: &Server, path: &str, headers: &str) -> Self {
        let mut stream = server.raw().await;
        stream.write_all(upgrade(path, headers).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self { stream, answer }
    }

    /// Sends bytes. A server that has closed already does not take them, and the test hears it close.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Sends bytes one by one, each in a segment of its own.
    pub(crate) async fn dribble(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.set_nodelay(true).unwrap();
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
        }
    }

    /// The next frame.
    pub(crate) async fn hear(&mut self) -> Heard {
        let read = tokio::time::timeout(DEADLINE, self.read()).await.expect("nothing came");
        // A reset is as good an end as any: the kernel sends one when there was more to read.
        read.unwrap_or(Heard::End)
    }

    async fn read(&mut self) -> std::io::Result<Heard> {
        let first = self.stream.read_u8().await?;
        assert_eq!(first & 0xf0, FIN, "the server fragments nothing and reserves nothing: {first:x}");
        let mut length = u64::from(self.stream.read_u8().await?);
        assert!(length < 128, "a server masks nothing (RFC 6455, section 5.1)");
        if length == 126 {
            length = self.stream.read_u16().await?.into();
        } else if length == 127 {
            length = self.stream.read_u64().await?;
        }
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut payload).await?;
        Ok(match first & 0x0f {
            TEXT => Heard::Text(String::from_utf8(payload).unwrap()),
            PING => Heard::Ping,
            PONG => Heard::Pong(payload),
            CLOSE if payload.is_empty() => Heard::Close(1005),
            CLOSE => Heard::Close(u16::from_be_bytes([payload[0], payload[1]])),
            opcode => panic!("opcode {opcode:x}"),
        })
    }

    /// How it ends: the code of the server's close frame, or nothing when there is none.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.hear().await {
                Heard::Close(code) => return Some(code),
                Heard::End => return None,
                _ => {}
            }
        }
    }
}
