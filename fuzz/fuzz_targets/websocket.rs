//! Any bytes as what a WebSocket's client sends: no panic, the same however they are cut, nothing beyond the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::limits::MESSAGE_BYTES_MAX;
use tagalong_websocket::{Decoder, Fault, Received};

fn decoded<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Received>, Option<Fault>) {
    let (mut decoder, mut all) = (Decoder::new(MESSAGE_BYTES_MAX), Vec::new());
    for mut piece in pieces {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(received)) => all.push(received),
                Ok(None) => break,
                Err(fault) => return (all, Some(fault)),
            }
        }
        assert!(piece.is_empty());
    }
    (all, None)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let whole = decoded(std::iter::once(bytes));
    assert_eq!(whole, decoded(bytes.chunks(usize::from(*size).max(1))));
    for received in whole.0 {
        match received {
            Received::Text(text) => assert!(text.len() <= MESSAGE_BYTES_MAX),
            Received::Binary(bytes) => assert!(bytes.len() <= MESSAGE_BYTES_MAX),
            Received::Ping(payload) => assert!(payload.len() <= 125),
            Received::Pong | Received::Close(_) => {}
        }
    }
});
