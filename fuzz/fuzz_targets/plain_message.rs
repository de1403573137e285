//! Any text at the plain protocol.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::event::SharingStatus;
use tagalong_core::plain::{Request, decode};
use tagalong_core::position::Position;
use tagalong_core::time::Timestamp;

fuzz_target!(|text: &str| match decode(text) {
    Ok(Request::LocationUpdate(payload)) => drop(Position::parse(payload, Timestamp::from_millis(0))),
    Ok(Request::StatusUpdate(payload)) => drop(SharingStatus::parse(payload)),
    Ok(Request::Ping | Request::Unknown) | Err(_) => {}
});
