//! WebSocket frames compared with another implementation, cut into random pieces.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use tagalong_websocket::{Decoder, Fault, Received, encode_close, encode_ping, encode_pong, encode_text};
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketContext};
use tungstenite::{Bytes, Error, Message};

/// The longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// A network of one direction at a time: what was written, and what there is to read.
#[derive(Default)]
struct Wire {
    written: Vec<u8>,
    unread: io::Cursor<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.unread.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes that the other implementation sends, with random masks.
fn sent(frames: &[Frame]) -> Vec<u8> {
    let (mut client, mut wire) = (WebSocketContext::new(Role::Client, None), Wire::default());
    for frame in frames {
        client.write(&mut wire, Message::Frame(frame.clone())).unwrap();
    }
    client.flush(&mut wire).unwrap();
    wire.written
}

/// Decodes the pieces, to the end or the first fault.
fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Received>, Option<Fault>) {
    let (mut decoder, mut all) = (Decoder::new(MESSAGE_BYTES_MAX), Vec::new());
    for mut piece in pieces {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(received)) => all.push(received),
                Ok(None) => break,
                Err(fault) => return (all, Some(fault)),
            }
        }
        assert!(piece.is_empty(), "it stopped before the end");
    }
    (all, None)
}

fn cut<'a>(bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = bytes;
    sizes.iter().cycle().map_while(move |size| {
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A message in frames, and the expected result; perhaps with a ping after each frame.
fn message() -> impl Strategy<Value = (Vec<Frame>, Vec<Received>)> {
    let text = prop_oneof!["\\PC{0,200}", "[ä-€😀]{0,60}", "x{120,130}"];
    (text, any::<bool>(), vec(1_usize..80, 1..5), any::<bool>()).prop_map(|(text, is_text, sizes, pings)| {
        let (mut frames, mut expected) = (Vec::new(), Vec::new());
        let mut pieces: Vec<_> = cut(text.as_bytes(), &sizes).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        for (number, piece) in pieces.iter().enumerate() {
            let kind = if is_text { Data::Text } else { Data::Binary };
            let opcode = if number == 0 { kind } else { Data::Continue };
            let last = number + 1 == pieces.len();
            frames.push(Frame::message(Bytes::copy_from_slice(piece), OpCode::Data(opcode), last));
            if last {
                let bytes = text.clone().into_bytes();
                expected.push(if is_text { Received::Text(text.clone()) } else { Received::Binary(bytes) });
            }
            if pings {
                let payload = vec![number as u8; number % 126];
                frames.push(Frame::ping(payload.clone()));
                expected.push(Received::Ping(payload));
            }
        }
        (frames, expected)
    })
}

proptest! {
    #[test]
    fn frames_of_the_other_implementation_decode_in_any_pieces(
        messages in vec(message(), 1..5),
        sizes in vec(1_usize..50, 1..20),
    ) {
        let (frames, expected): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        let bytes = sent(&frames.concat());
        prop_assert_eq!(decoded(cut(&bytes, &sizes)), (expected.concat(), None));
    }

    #[test]
    fn any_bytes_decode_the_same_in_any_pieces(
        heads in vec((any::<u8>(), any::<u8>()), 1..6),
        bytes in vec(any::<u8>(), 0..300),
        sizes in vec(1_usize..50, 1..20),
    ) {
        // Valid heads more often than at random.
        let mut all = Vec::new();
        for (number, (first, second)) in heads.into_iter().enumerate() {
            all.extend([first & 0x8b, second | 0x80]);
            all.extend(bytes.iter().skip(number * 50).take(4 + usize::from(second & 0x7f)));
        }
        prop_assert_eq!(decoded(cut(&all, &sizes)), decoded([&all[..]]));
    }

    #[test]
    fn the_other_implementation_decodes_our_frames(texts in vec("\\PC{0,100}|x{65500,65600}", 1..5), code in 3000_u16..5000) {
        let mut written = Vec::new();
        for text in &texts {
            encode_text(text.as_bytes(), &mut written);
            encode_ping(&mut written);
            encode_pong(b"there", &mut written);
        }
        encode_close(Some(code), &mut written);
        let mut wire = Wire { unread: io::Cursor::new(written), ..Wire::default() };
        let mut client = WebSocketContext::new(Role::Client, None);
        for text in texts {
            prop_assert_eq!(client.read(&mut wire).unwrap(), Message::Text(text.into()));
            prop_assert_eq!(client.read(&mut wire).unwrap(), Message::Ping(Bytes::new()));
            prop_assert_eq!(client.read(&mut wire).unwrap(), Message::Pong("there".into()));
        }
        let Message::Close(Some(close)) = client.read(&mut wire).unwrap() else { panic!("no goodbye") };
        prop_assert_eq!(u16::from(close.code), code);
    }

    /// Both implementations reject the same input, for the same reason.
    #[test]
    fn the_same_frames_are_refused(
        frames in vec((any::<bool>(), 0_u8..16, any::<[bool; 3]>(), vec(any::<u8>(), 0..4)), 1..4),
    ) {
        let mut bytes = Vec::new();
        for (last, opcode, reserved, payload) in frames {
            // Reserved bits less often than at random.
            let reserved = u8::from(reserved == [true; 3]) << 6;
            bytes.extend([u8::from(last) << 7 | reserved | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0]);
            bytes.extend(payload);
        }
        let (ours, fault) = decoded([&bytes[..]]);
        let mut wire = Wire { unread: io::Cursor::new(bytes), ..Wire::default() };
        let mut server = WebSocketContext::new(Role::Server, None);
        for received in ours {
            let theirs = server.read(&mut wire);
            match (&received, &theirs) {
                (Received::Text(ours), Ok(Message::Text(theirs))) => prop_assert_eq!(ours.as_str(), theirs.as_str()),
                (Received::Binary(ours), Ok(Message::Binary(theirs))) => prop_assert_eq!(&ours[..], &theirs[..]),
                (Received::Ping(ours), Ok(Message::Ping(theirs))) => prop_assert_eq!(&ours[..], &theirs[..]),
                (Received::Pong, Ok(Message::Pong(_))) => {}
                (Received::Close(ours), Ok(Message::Close(theirs))) => {
                    prop_assert_eq!(*ours, theirs.as_ref().map(|close| u16::from(close.code)));
                    return Ok(());
                }
                // The other implementation checks text before its last fragment.
                (_, Err(Error::Utf8(_))) => return Ok(()),
                _ => prop_assert!(false, "{received:?} beside {theirs:?}"),
            }
        }
        match (fault, server.read(&mut wire)) {
            (_, Err(Error::Utf8(_)))
            | (Some(Fault::Protocol), Err(Error::Protocol(_)))
            // The other implementation answers an invalid code; ours rejects it.
            | (Some(Fault::Protocol), Ok(Message::Close(Some(CloseFrame { code: CloseCode::Protocol, .. }))))
            // The end, in both.
            | (None, Err(Error::Protocol(_))) => {}
            (ours, theirs) => prop_assert!(false, "{ours:?} beside {theirs:?}"),
        }
    }
}

#[test]
fn a_close_frame_may_carry_a_code() {
    let close = |code: u16, reason: &'static str| {
        decoded([&sent(&[Frame::close(Some(CloseFrame { code: code.into(), reason: reason.into() }))])[..]])
    };
    assert_eq!(close(1000, "enough"), (vec![Received::Close(Some(1000))], None));
    assert_eq!(close(1005, ""), (vec![], Some(Fault::Protocol)));
    assert_eq!(decoded([&sent(&[Frame::close(None)])[..]]), (vec![Received::Close(None)], None));
}

#[test]
fn messages_have_a_maximum_length() {
    let text = |length: usize, last| {
        Frame::message(vec![b' '; length], OpCode::Data(if last { Data::Continue } else { Data::Text }), last)
    };
    let longest = sent(&[text(1, false), text(MESSAGE_BYTES_MAX - 1, true)]);
    assert_eq!(decoded([&longest[..]]), (vec![Received::Text(" ".repeat(MESSAGE_BYTES_MAX))], None));
    let longer = sent(&[text(1, false), text(MESSAGE_BYTES_MAX, true)]);
    assert_eq!(decoded([&longer[..]]), (vec![], Some(Fault::TooBig)));
    // A control frame does not count towards the message.
    let mut frames = vec![text(MESSAGE_BYTES_MAX, false), Frame::ping("between"), text(0, true)];
    frames.push(Frame::from_payload(
        tungstenite::protocol::frame::FrameHeader {
            is_final: false,
            opcode: OpCode::Control(Control::Ping),
            ..Default::default()
        },
        Bytes::new(),
    ));
    let (received, fault) = decoded([&sent(&frames)[..]]);
    assert_eq!((received.len(), fault), (2, Some(Fault::Protocol)));
}
