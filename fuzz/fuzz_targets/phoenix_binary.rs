//! Any bytes as a binary push: no panic, and an answer that reads as a message again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::channel::{Channels, Step};
use tagalong_core::phoenix::{Version, decode, decode_binary};

fuzz_target!(|bytes: &[u8]| {
    let Ok(push) = decode_binary(bytes) else { return };
    let mut channels = Channels::new(Version::V2, |topic| topic.starts_with("location:"));
    if let Step::Answer(frame) = channels.receive_binary(&push) {
        // Control characters in a part make it longer in JSON than a message may have: only the shape counts.
        assert!(frame.len() > 255 || decode(Version::V2, &frame).is_ok(), "{frame}");
    }
});
