//! The REST calls that a generator needs before it can connect, answered without looking closely.

use tungstenite::handshake::derive_accept_key;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// An answer, and nothing more.
    Answer(String),
    /// A WebSocket for somebody of a room: the answer that opens it, and who it is.
    Upgrade { answer: String, room: u32, user: u32 },
}

/// Numbers given out so far.
#[derive(Default)]
pub(crate) struct Numbers {
    rooms: u32,
    users: u32,
}

/// A room's name on the wire, as long as a real one.
pub(crate) fn session(room: u32) -> String {
    format!("{room:08x}-0000-4000-8000-000000000000")
}

/// A user's name on the wire, as long as a real one.
pub(crate) fn user(user: u32) -> String {
    format!("user_{user:032x}")
}

/// Reads one request: what it asks for, and how many bytes it has. `None` when there is not all of it yet.
pub(crate) fn read(bytes: &[u8], numbers: &mut Numbers) -> Option<(Request, usize)> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).unwrap_or_default();
    let header = |name: &str| {
        let named =
            |line: &&str| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        text.lines().find(named).and_then(|line| line.split_once(": ")).map(|(_, value)| value.trim())
    };
    let length = head + header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if bytes.len() < length {
        return None;
    }
    let path = text.split(' ').nth(1).unwrap_or_default();
    if let (Some(key), Some((room, user))) = (header("sec-websocket-key"), token(path)) {
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        return Some((Request::Upgrade { answer, room, user }, length));
    }
    let body = if let Some(room) = path.strip_suffix("/join").and_then(|path| path.rsplit('/').next()) {
        numbers.users += 1;
        let room = u32::from_str_radix(room.get(..8).unwrap_or_default(), 16).unwrap_or_default();
        format!(r#"{{"user_id":"{}","websocket_token":"{room}.{}"}}"#, user(numbers.users), numbers.users)
    } else {
        numbers.rooms += 1;
        format!(r#"{{"session_id":"{}"}}"#, session(numbers.rooms - 1))
    };
    let answer = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    Some((Request::Answer(answer), length))
}

fn token(path: &str) -> Option<(u32, u32)> {
    let token = path.split_once("token=")?.1.split('&').next()?;
    let (room, user) = token.split_once('.')?;
    Some((room.parse().ok()?, user.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_a_join_and_an_upgrade() {
        let mut numbers = Numbers::default();
        let create = b"POST /api/sessions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
        assert!(read(&create[..create.len() - 1], &mut numbers).is_none());
        let (Request::Answer(answer), used) = read(create, &mut numbers).unwrap() else { panic!() };
        assert!(answer.ends_with(&format!(r#"{{"session_id":"{}"}}"#, session(0))) && used == create.len());
        let join = format!("POST /api/sessions/{}/join HTTP/1.1\r\n\r\n", session(7));
        let (Request::Answer(answer), _) = read(join.as_bytes(), &mut numbers).unwrap() else { panic!() };
        assert!(answer.ends_with(r#""websocket_token":"7.1"}"#), "{answer}");
        // The example of RFC 6455, section 1.3.
        let upgrade = "GET /socket/websocket?token=7.1&vsn=2.0.0 HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let (Request::Upgrade { answer, room: 7, user: 1 }, _) =
            read(upgrade.as_bytes(), &mut numbers).unwrap()
        else {
            panic!()
        };
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}
