//! A whole conversation at the Phoenix protocol, in both serializers, with joins that are let in and refused: no more
//! channels than allowed, a reply for each message that has one, and each channel closed once.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use tagalong_core::channel::{Channels, Step};
use tagalong_core::limits::CHANNELS_PER_CONNECTION_MAX;
use tagalong_core::phoenix::{Status, Version, decode};

// The end of a line says what the server does after it.
fuzz_target!(|text: &str| {
    for version in [Version::V1, Version::V2] {
        let mut channels = Channels::new(version, |topic| topic.starts_with("location:"));
        let mut joined = BTreeSet::new();
        for line in text.lines() {
            let (line, then) = line.split_at(line.trim_end_matches(['!', '?', '#']).len());
            let Ok(message) = decode(version, line) else { continue };
            match channels.receive(&message) {
                Step::Join(join) => {
                    let topic = join.topic.to_string();
                    if then.contains('!') {
                        joined.remove(&topic);
                        assert!(!channels.refuse(join, "{}").is_empty());
                    } else {
                        assert!(!channels.accept(join, "{}").is_empty());
                        joined.insert(topic);
                    }
                }
                Step::Leave(frames) => {
                    assert_eq!(frames.len(), 2);
                    let topic = message.topic_text().map(String::from).unwrap_or_default();
                    assert!(joined.remove(&topic), "{topic} was left and not joined");
                }
                Step::Push(push) => drop(channels.reply(&push, Status::Error, "{}")),
                Step::Answer(frame) => assert!(decode(version, &frame).is_ok(), "{frame}"),
                Step::Nothing => {}
            }
            if then.contains('?')
                && let Some(topic) = joined.pop_first()
            {
                assert!(channels.close(&topic).is_some() && channels.close(&topic).is_none());
            }
            if then.contains('#')
                && let Some(topic) = joined.pop_last()
            {
                assert!(channels.crash(&topic).is_some() && channels.push(&topic, "e", "{}").is_none());
            }
            assert!(joined.len() <= CHANNELS_PER_CONNECTION_MAX);
            assert!(joined.iter().all(|topic| channels.push(topic, "e", "{}").is_some()));
        }
    }
});
