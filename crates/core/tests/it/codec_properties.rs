//! Properties of every message, valid or not.

use proptest::prelude::*;
use tagalong_core::channel::{Channels, Step};
use tagalong_core::limits::CHANNELS_PER_CONNECTION_MAX;
use tagalong_core::phoenix::{self, Malformed, Status, Version};
use tagalong_core::plain::{self, Request};

const TOPICS: usize = CHANNELS_PER_CONNECTION_MAX + 3;

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V1), Just(Version::V2)]
}

/// JSON scalars in unusual spelling; a parser into values would not give them back unchanged.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        Just(r#""\u0031\/\ud83d\ude00\ud800""#.to_owned()),
        "\\PC{0,20}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ]
}

fn payload() -> impl Strategy<Value = String> {
    prop_oneof![scalar(), Just("{}".to_owned()), Just(r#"{"lat":1.50,"a":[1,{}]}"#.to_owned())]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9_:.-]{1,40}"
}

/// A message for one of a few rooms, mostly invalid.
fn step() -> impl Strategy<Value = (String, String, String, String)> {
    let reference = prop_oneof![3 => (0..4u8).prop_map(|n| n.to_string()), 1 => scalar()];
    let topic = prop_oneof![
        8 => (0..TOPICS).prop_map(|n| format!("\"room:{n}\"")),
        1 => Just("\"phoenix\"".to_owned()),
        1 => scalar(),
    ];
    let event = prop_oneof![
        6 => Just("\"phx_join\"".to_owned()),
        2 => Just("\"phx_leave\"".to_owned()),
        2 => Just("\"ok\"".to_owned()),
        1 => Just("\"heartbeat\"".to_owned()),
        1 => scalar(),
    ];
    (reference.clone(), reference, topic, event)
}

fn frame(
    version: Version,
    join_ref: &str,
    reference: &str,
    topic: &str,
    event: &str,
    payload: &str,
) -> String {
    match version {
        Version::V2 => format!("[{join_ref},{reference},{topic},{event},{payload}]"),
        Version::V1 => format!(
            r#"{{"topic":{topic},"event":{event},"payload":{payload},"ref":{reference},"join_ref":{join_ref}}}"#
        ),
    }
}

/// Whether a text is JSON, with no white space between its tokens.
fn is_compact(json: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted && c.is_ascii_whitespace() => return false,
            _ => {}
        }
    }
    serde_json::from_str::<&serde_json::value::RawValue>(json).is_ok()
}

fn frames(channels: &mut Channels, step: Step, accepted: bool) -> Vec<String> {
    match step {
        Step::Nothing => vec![],
        Step::Answer(frame) => vec![frame],
        Step::Leave(frames) => frames,
        Step::Push(push) => vec![channels.reply(&push, Status::Ok, "{}")],
        Step::Join(join) if accepted => channels.accept(join, "{}"),
        Step::Join(join) => channels.refuse(join, "{}"),
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = Version::negotiate(Some(&text));
        let _ = phoenix::decode(Version::V1, &text);
        let _ = phoenix::decode(Version::V2, &text);
        let _ = plain::decode(&text);
    }

    #[test]
    fn no_almost_json_makes_it_panic(text in r#"[\[{"\\a-z:,0-9 ud\]}]{0,60}"#) {
        let _ = phoenix::decode(Version::V1, &text);
        let _ = phoenix::decode(Version::V2, &text);
        let _ = plain::decode(&text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        if let Ok(push) = phoenix::decode_binary(&bytes) {
            let _ = Channels::new(Version::V2, |_| true).receive_binary(&push);
        }
    }

    #[test]
    fn client_messages_decode_to_their_parts(
        version in version(), join_ref in scalar(), reference in scalar(),
        topic in scalar(), event in name(), payload in payload(),
    ) {
        let text = frame(version, &join_ref, &reference, &topic, &format!("\"{event}\""), &payload);
        let message = phoenix::decode(version, &text).unwrap();
        prop_assert_eq!(message.join_ref, join_ref);
        prop_assert_eq!(message.reference, reference);
        prop_assert_eq!(message.topic, topic);
        prop_assert_eq!(message.event, event);
        prop_assert_eq!(message.payload, payload);
    }

    #[test]
    fn server_messages_are_valid_json(
        version in version(), join_ref in scalar(), topic in scalar(), event in name(), payload in payload(),
    ) {
        let text = phoenix::push(version, &join_ref, &topic, &event, &payload);
        prop_assert!(is_compact(&text), "{}", text);
        let message = phoenix::decode(version, &text).unwrap();
        let expected = if version == Version::V1 { "null" } else { &join_ref };
        prop_assert_eq!(message.join_ref, expected);
        prop_assert_eq!(message.reference, "null");
        prop_assert_eq!(message.topic, topic);
        prop_assert_eq!(message.event, event);
        prop_assert_eq!(message.payload, payload);
    }

    #[test]
    fn references_come_back_as_they_came(version in version(), join_ref in scalar(), reference in scalar()) {
        let mut channels = Channels::new(version, |_| true);
        let text = frame(version, &join_ref, &reference, r#""room:a""#, r#""phx_join""#, "{}");
        let step = channels.receive(&phoenix::decode(version, &text).unwrap());
        let replies = frames(&mut channels, step, true);
        prop_assert_eq!(replies.len(), 1);
        let reply = phoenix::decode(version, &replies[0]).unwrap();
        prop_assert_eq!(reply.reference, reference);
        if version == Version::V2 {
            prop_assert_eq!(reply.join_ref, join_ref);
        }
    }

    #[test]
    fn answers_are_compact_and_channels_stay_within_the_limit(
        version in version(), steps in prop::collection::vec((step(), any::<bool>()), 0..60),
    ) {
        let mut channels = Channels::new(version, |topic| topic.starts_with("room:"));
        for ((join_ref, reference, topic, event), accepted) in steps {
            let text = frame(version, &join_ref, &reference, &topic, &event, "{}");
            let step = channels.receive(&phoenix::decode(version, &text).unwrap());
            for frame in frames(&mut channels, step, accepted) {
                prop_assert!(is_compact(&frame), "{}", frame);
            }
            let is_joined = |n: &usize| channels.push(&format!("room:{n}"), "x", "{}").is_some();
            prop_assert!((0..TOPICS).filter(is_joined).count() <= CHANNELS_PER_CONNECTION_MAX);
        }
    }

    #[test]
    fn binary_pushes_are_read_whole_or_not_at_all(
        parts in prop::array::uniform4("\\PC{0,60}"), data: Vec<u8>, cut: prop::sample::Index,
    ) {
        let mut bytes = vec![0];
        bytes.extend(parts.iter().map(|part| u8::try_from(part.len()).unwrap()));
        bytes.extend(parts.iter().flat_map(|part| part.bytes()));
        let head = bytes.len();
        bytes.extend(&data);
        let push = phoenix::decode_binary(&bytes).unwrap();
        prop_assert_eq!([push.join_ref, push.reference, push.topic, push.event], parts.each_ref().map(String::as_str));
        prop_assert_eq!(push.data, data);
        prop_assert_eq!(phoenix::decode_binary(&bytes[..cut.index(head)]), Err(Malformed));
    }

    #[test]
    fn plain_messages_are_read(data in payload()) {
        let data = if data == "null" { "{}".to_owned() } else { data };
        let text = plain::frame("location_update", &data);
        prop_assert!(is_compact(&text), "{}", text);
        prop_assert_eq!(plain::decode(&text), Ok(Request::LocationUpdate(&data)));
        let status = plain::frame("status_update", &data);
        prop_assert_eq!(plain::decode(&status), Ok(Request::StatusUpdate(&data)));
        let array = format!(r#"["location_update",{data}]"#);
        prop_assert_eq!(plain::decode(&array), Err(plain::Malformed));
    }
}
