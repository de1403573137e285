//! Any text, through both serializers and the channel rules: no panic, and every answer is JSON that reads
//! as a message again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tagalong_core::channel::{Channels, Step};
use tagalong_core::phoenix::{Status, Version, decode};

fuzz_target!(|text: &str| {
    for version in [Version::V1, Version::V2] {
        let mut channels = Channels::new(version, |topic| topic.starts_with("location:"));
        // Line by line, so that one input can join, push and leave.
        for line in text.lines() {
            let Ok(message) = decode(version, line) else { continue };
            let frames = match channels.receive(&message) {
                Step::Nothing => vec![],
                Step::Answer(frame) => vec![frame],
                Step::Leave(frames) => frames,
                Step::Join(join) => channels.accept(join, "{}"),
                Step::Push(push) => vec![channels.reply(&push, Status::Ok, "{}")],
            };
            for frame in frames {
                assert!(decode(version, &frame).is_ok(), "{frame}");
            }
        }
    }
});
