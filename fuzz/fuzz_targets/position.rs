//! Any text as a position: what is accepted is written and accepted again, unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::json::to_json;
use tagalong_core::position::Position;
use tagalong_core::time::Timestamp;

fuzz_target!(|text: &str| {
    let now = Timestamp::from_millis(1_795_000_000_000);
    if let Ok(position) = Position::parse(text, now) {
        let written = to_json(&position);
        assert_eq!(Position::parse(&written, now).as_ref(), Ok(&position), "{written}");
    }
});
