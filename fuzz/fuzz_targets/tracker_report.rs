//! What a tracker app sends: the first byte says which app, the rest of the first line is the query, all after it the
//! body. Whatever it is, it is read the same each time, and no position is taken from further ahead than a clock may be
//! off.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::limits::POSITION_AHEAD_MAX;
use tagalong_core::time::Timestamp;

use self::trackers::{App, Payload, Request};

// The server's own files, without the database and all else that it would take minutes to build for a fuzzer.
#[allow(dead_code, reason = "the server uses the rest")]
#[path = "../../crates/server/src/tokens.rs"]
mod tokens;
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the server uses the rest")]
#[path = "../../crates/server/src/trackers/mod.rs"]
mod trackers;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fuzz_target!(|sent: &[u8]| {
    let Some((which, rest)) = sent.split_first() else { return };
    let app = App::ALL[usize::from(*which) % App::ALL.len()];
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    // Addresses come as text: hyper lets nothing else through.
    let Ok(query) = std::str::from_utf8(&rest[..end]) else { return };
    let request = Request { query, body: rest.get(end + 1..).unwrap_or_default() };
    let said = app.read(request, NOW);
    assert!(said == app.read(request, NOW), "read otherwise the second time");
    match said {
        Ok(Payload::Position(position)) => assert!(position.timestamp().since(NOW) <= POSITION_AHEAD_MAX),
        Ok(Payload::Ahead(by)) => assert!(by > POSITION_AHEAD_MAX),
        Ok(Payload::Nothing) | Err(_) => {}
    }
});
