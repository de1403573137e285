//! Frames measured against Phoenix 1.8.12, byte for byte. A test's number is its place in the list of vectors; the
//! missing numbers need a socket.

use tagalong_core::channel::{Channels, Push, Step};
use tagalong_core::limits::{CHANNELS_PER_CONNECTION_MAX, MESSAGE_PART_BYTES_MAX};
use tagalong_core::phoenix::{self, Malformed, Message, Status, UnsupportedVersion, Version};

/// The application that the frames were measured with: rooms that greet, echo, shout and crash.
struct App {
    version: Version,
    channels: Channels,
}

impl App {
    fn new(version: Version) -> Self {
        Self { version, channels: Channels::new(version, |topic| topic.starts_with("room:")) }
    }

    fn send(&mut self, text: &str) -> Result<Vec<String>, Malformed> {
        let message = phoenix::decode(self.version, text)?;
        Ok(match self.channels.receive(&message) {
            Step::Nothing => vec![],
            Step::Answer(frame) => vec![frame],
            Step::Leave(frames) => frames,
            Step::Push(push) => self.event(&message, &push),
            Step::Join(join) if &*join.topic == "room:refused" => {
                self.channels.refuse(join, r#"{"reason":"nope"}"#)
            }
            Step::Join(join) => {
                let topic = join.topic.clone();
                let response = format!(r#"{{"echo":{},"topic":"{topic}"}}"#, message.payload);
                let mut frames = self.channels.accept(join, &response);
                frames.extend(self.channels.push(&topic, "welcome", r#"{"hello":1}"#));
                frames
            }
        })
    }

    fn event(&mut self, message: &Message<'_>, push: &Push) -> Vec<String> {
        let reply = |status, response| vec![self.channels.reply(push, status, response)];
        match message.event.as_ref() {
            "ok" => reply(Status::Ok, "{}"),
            "err" => reply(Status::Error, r#"{"reason":"nope"}"#),
            "shout" => {
                vec![phoenix::push(self.version, "null", &message.topic, "shout", message.payload)]
            }
            _ => message.topic_text().and_then(|topic| self.channels.crash(&topic)).into_iter().collect(),
        }
    }
}

/// Plays a transcript: after each `->` line of the client, the `<-` lines are the complete answer.
fn replay(version: Version, transcript: &str) {
    let mut app = App::new(version);
    let mut due: Vec<String> = vec![];
    for line in transcript.lines() {
        if let Some(expected) = line.strip_prefix("<- ") {
            assert!(!due.is_empty(), "nothing came for {expected}");
            assert_eq!(due.remove(0), expected);
        } else if let Some(sent) = line.strip_prefix("-> ") {
            assert_eq!(due, [""; 0], "before {sent}");
            due = app.send(sent).unwrap_or_else(|_| vec![format!("malformed: {sent}")]);
        }
    }
    assert_eq!(due, [""; 0], "at the end");
}

#[test]
fn transcript_v2() {
    replay(
        Version::V2,
        r#"
-> ["1","1","room:a","phx_join",{"x":1}]
<- ["1","1","room:a","phx_reply",{"response":{"echo":{"x":1},"topic":"room:a"},"status":"ok"}]
<- ["1",null,"room:a","welcome",{"hello":1}]
-> ["1","3","room:a","ok",{}]
<- ["1","3","room:a","phx_reply",{"response":{},"status":"ok"}]
-> ["1","4","room:a","err",{}]
<- ["1","4","room:a","phx_reply",{"response":{"reason":"nope"},"status":"error"}]
-> ["1","6","room:a","shout",{"m":1}]
<- [null,null,"room:a","shout",{"m":1}]
-> [null,"8","room:a","ok",{}]
<- ["1","8","room:a","phx_reply",{"response":{},"status":"ok"}]
-> ["999","9","room:a","ok",{}]
-> [null,"11","phoenix","heartbeat",{}]
<- [null,"11","phoenix","phx_reply",{"response":{},"status":"ok"}]
-> ["20","20","room:a","phx_join",{}]
<- ["20","20","room:a","phx_reply",{"response":{"echo":{},"topic":"room:a"},"status":"ok"}]
<- ["1","1","room:a","phx_close",{}]
<- ["20",null,"room:a","welcome",{"hello":1}]
-> ["20","23","room:a","phx_leave",{}]
<- ["20","23","room:a","phx_reply",{"response":{},"status":"ok"}]
<- ["20","20","room:a","phx_close",{}]
-> ["20","24","room:a","phx_leave",{}]
<- ["20","24","room:a","phx_reply",{"response":{},"status":"ok"}]
-> ["20","25","room:a","ok",{}]
<- [null,"25","room:a","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
"#,
    );
}

#[test]
fn vector_01_join() {
    replay(
        Version::V2,
        r#"
-> ["7","7","room:a","phx_join",{}]
<- ["7","7","room:a","phx_reply",{"response":{"echo":{},"topic":"room:a"},"status":"ok"}]
<- ["7",null,"room:a","welcome",{"hello":1}]
"#,
    );
}

#[test]
fn vector_02_join_of_no_route() {
    replay(
        Version::V2,
        r#"
-> ["1","1","nowhere","phx_join",{}]
<- [null,"1","nowhere","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
-> ["2","2",5,"phx_join",{}]
<- [null,"2",5,"phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
-> ["3","3",null,"ok",{}]
<- [null,"3",null,"phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
"#,
    );
}

#[test]
fn vector_03_join_refused() {
    replay(
        Version::V2,
        r#"
-> ["1","1","room:refused","phx_join",{}]
<- ["1","1","room:refused","phx_reply",{"response":{"reason":"nope"},"status":"error"}]
-> ["1","2","room:refused","ok",{}]
<- [null,"2","room:refused","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
"#,
    );
}

#[test]
fn vector_04_push_unjoined() {
    replay(
        Version::V2,
        r#"
-> ["1","2","room:a","ok",{}]
<- [null,"2","room:a","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
"#,
    );
}

/// A room joined as `"1"`, and then the given lines.
fn joined(rest: &str) -> String {
    let join = r#"-> ["1","1","room:a","phx_join",{}]
<- ["1","1","room:a","phx_reply",{"response":{"echo":{},"topic":"room:a"},"status":"ok"}]
<- ["1",null,"room:a","welcome",{"hello":1}]"#;
    format!("{join}\n{rest}")
}

#[test]
fn vector_05_stale_push_and_leave() {
    let stale = r#"
-> ["0","2","room:a","ok",{}]
-> ["0","3","room:a","phx_leave",{}]
-> [1,"4","room:a","ok",{}]
-> ["1","5","room:a","ok",{}]
<- ["1","5","room:a","phx_reply",{"response":{},"status":"ok"}]
"#;
    replay(Version::V2, &joined(stale));
}

#[test]
fn vector_06_push_without_join_ref() {
    let push = r#"
-> [null,"2","room:a","ok",{}]
<- ["1","2","room:a","phx_reply",{"response":{},"status":"ok"}]
"#;
    replay(Version::V2, &joined(push));
}

/// Not of Phoenix 1.8.12, which drops pushes that carry the reference it gave such a channel itself.
#[test]
fn vector_06_join_without_join_ref() {
    replay(
        Version::V2,
        r#"
-> [null,"5","room:a","phx_join",{}]
<- [null,"5","room:a","phx_reply",{"response":{"echo":{},"topic":"room:a"},"status":"ok"}]
<- ["5",null,"room:a","welcome",{"hello":1}]
-> [null,"6","room:a","ok",{}]
<- ["5","6","room:a","phx_reply",{"response":{},"status":"ok"}]
-> ["5","7","room:a","ok",{}]
<- ["5","7","room:a","phx_reply",{"response":{},"status":"ok"}]
-> ["6","8","room:a","ok",{}]
-> [null,"9","room:a","phx_leave",{}]
<- ["5","9","room:a","phx_reply",{"response":{},"status":"ok"}]
<- ["5","5","room:a","phx_close",{}]
"#,
    );
}

#[test]
fn vector_07_and_08_leave_twice() {
    let leave = r#"
-> ["1","2","room:a","phx_leave",{}]
<- ["1","2","room:a","phx_reply",{"response":{},"status":"ok"}]
<- ["1","1","room:a","phx_close",{}]
-> ["1","3","room:a","phx_leave",{}]
<- ["1","3","room:a","phx_reply",{"response":{},"status":"ok"}]
-> [null,"4","room:a","phx_leave",{}]
<- [null,"4","room:a","phx_reply",{"response":{},"status":"ok"}]
"#;
    replay(Version::V2, &joined(leave));
}

#[test]
fn vector_09_and_10_join_twice() {
    let again = r#"
-> ["2","2","room:a","phx_join",{}]
<- ["2","2","room:a","phx_reply",{"response":{"echo":{},"topic":"room:a"},"status":"ok"}]
<- ["1","1","room:a","phx_close",{}]
<- ["2",null,"room:a","welcome",{"hello":1}]
-> ["1","3","room:a","ok",{}]
-> ["2","4","room:a","ok",{}]
<- ["2","4","room:a","phx_reply",{"response":{},"status":"ok"}]
"#;
    replay(Version::V2, &joined(again));
}

#[test]
fn vector_09_a_refused_second_join_ends_the_first() {
    let mut app = App::new(Version::V2);
    app.send(r#"["1","1","room:a","phx_join",{}]"#).unwrap();
    let again = phoenix::decode(Version::V2, r#"["2","2","room:a","phx_join",{}]"#).unwrap();
    let Step::Join(join) = app.channels.receive(&again) else { panic!("not a join") };
    assert_eq!(join.replaces.as_deref(), Some(r#""1""#));
    assert_eq!(app.channels.push("room:a", "late", "{}"), None);
    let frames = app.channels.refuse(join, r#"{"reason":"nope"}"#);
    assert_eq!(
        frames,
        [
            r#"["2","2","room:a","phx_reply",{"response":{"reason":"nope"},"status":"error"}]"#,
            r#"["1","1","room:a","phx_close",{}]"#,
        ]
    );
    assert_eq!(app.channels.close("room:a"), None);
}

#[test]
fn vector_11_to_14_the_phoenix_topic() {
    replay(
        Version::V2,
        r#"
-> [null,"1","phoenix","heartbeat",{}]
<- [null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]
-> [null,null,"phoenix","heartbeat",{}]
<- [null,null,"phoenix","phx_reply",{"response":{},"status":"ok"}]
-> [null,13,"phoenix","heartbeat",{}]
<- [null,13,"phoenix","phx_reply",{"response":{},"status":"ok"}]
-> [null,"3","phoenix","ok",{}]
<- [null,"3","phoenix","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
-> ["4","4","phoenix","phx_join",{}]
<- [null,"4","phoenix","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
"#,
    );
}

#[test]
fn vector_13_integer_refs_from_zero() {
    replay(
        Version::V2,
        r#"
-> [0,0,"room:a","phx_join",{}]
<- [0,0,"room:a","phx_reply",{"response":{"echo":{},"topic":"room:a"},"status":"ok"}]
<- [0,null,"room:a","welcome",{"hello":1}]
-> [0,1,"room:a","ok",{}]
<- [0,1,"room:a","phx_reply",{"response":{},"status":"ok"}]
-> [0,2,"room:a","phx_leave",{}]
<- [0,2,"room:a","phx_reply",{"response":{},"status":"ok"}]
<- [0,0,"room:a","phx_close",{}]
"#,
    );
}

#[test]
fn vector_15_six_elements() {
    replay(
        Version::V2,
        r#"
-> [null,"1","phoenix","heartbeat",{},{"more":[1]}]
<- [null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]
"#,
    );
}

#[test]
fn vector_16_to_19_what_is_no_message() {
    let malformed = [
        r#"["1","1","room:a","phx_join"]"#,
        r#"["1","1","room:a","phx_join",{}"#,
        r#"["1","1","room:a","phx_join",{}] x"#,
        "{not json",
        "",
        " ",
        r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}"#,
        "{}",
        "[]",
        "5",
        "null",
        r#""text""#,
    ];
    for text in malformed {
        assert_eq!(App::new(Version::V2).send(text), Err(Malformed), "{text}");
    }
}

#[test]
fn vector_19_parts_have_a_longest() {
    let part = |bytes| format!("\"{}\"", "x".repeat(bytes));
    for position in 0..4 {
        let frame = |bytes| {
            let mut parts = [r#""1""#, r#""2""#, r#""room:a""#, r#""ok""#].map(str::to_owned);
            parts[position] = part(bytes);
            format!("[{},{{}}]", parts.join(","))
        };
        assert!(phoenix::decode(Version::V2, &frame(MESSAGE_PART_BYTES_MAX)).is_ok(), "{position}");
        let longer = frame(MESSAGE_PART_BYTES_MAX + 1);
        assert_eq!(phoenix::decode(Version::V2, &longer).err(), Some(Malformed), "{position}");
    }
}

#[test]
fn vector_25_and_34_versions() {
    for (vsn, version) in [
        (None, Ok(Version::V1)),
        (Some("1.0.0"), Ok(Version::V1)),
        (Some("1.0.5"), Ok(Version::V1)),
        (Some("2.0.0"), Ok(Version::V2)),
        (Some("2.0.9"), Ok(Version::V2)),
    ] {
        assert_eq!(Version::negotiate(vsn), version, "{vsn:?}");
    }
    for vsn in
        ["", "2", "2.0", "abc", "3.0.0", "1.1.0", "2.1.0", "2.0.", "2.0.x", "2.0.0.0", " 2.0.0", "+2.0.0"]
    {
        assert_eq!(Version::negotiate(Some(vsn)), Err(UnsupportedVersion), "{vsn}");
    }
}

#[test]
fn vector_31_one_channel_too_many() {
    let mut app = App::new(Version::V2);
    let join = |n: usize| format!(r#"["{n}","{n}","room:{n}","phx_join",{{}}]"#);
    for n in 0..CHANNELS_PER_CONNECTION_MAX {
        assert_eq!(app.send(&join(n)).unwrap().len(), 2);
    }
    let n = CHANNELS_PER_CONNECTION_MAX;
    let refused = format!(
        r#"["{n}","{n}","room:{n}","phx_reply",{{"response":{{"reason":"too many channels joined"}},"status":"error"}}]"#
    );
    assert_eq!(app.send(&join(n)), Ok(vec![refused]));
    // A join that replaces the client's own channel takes no further place.
    assert_eq!(app.send(&join(0)).unwrap().len(), 3);
    app.send(r#"["1","x","room:1","phx_leave",{}]"#).unwrap();
    assert_eq!(app.send(&join(n)).unwrap().len(), 2);
}

#[test]
fn vector_32_transcript_v1() {
    replay(
        Version::V1,
        r#"
-> {"topic":"room:v","event":"phx_join","payload":{},"ref":"1"}
<- {"event":"phx_reply","payload":{"response":{"echo":{},"topic":"room:v"},"status":"ok"},"ref":"1","topic":"room:v"}
<- {"event":"welcome","payload":{"hello":1},"ref":null,"topic":"room:v"}
-> {"topic":"phoenix","event":"heartbeat","payload":{},"ref":"3"}
<- {"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"3","topic":"phoenix"}
-> {"topic":"room:v","event":"boom","payload":{},"ref":"6"}
<- {"event":"phx_error","payload":{"reason":"channel_crash"},"ref":"1","topic":"room:v"}
-> {"topic":"room:v","event":"ok","payload":{},"ref":"7"}
<- {"event":"phx_reply","payload":{"response":{"reason":"unmatched topic"},"status":"error"},"ref":"7","topic":"room:v"}
"#,
    );
}

#[test]
fn vector_32_v1_tells_by_the_reference_which_channel_closed() {
    replay(
        Version::V1,
        r#"
-> {"topic":"room:v","event":"phx_join","payload":{},"ref":1,"join_ref":1,"more":true}
<- {"event":"phx_reply","payload":{"response":{"echo":{},"topic":"room:v"},"status":"ok"},"ref":1,"topic":"room:v"}
<- {"event":"welcome","payload":{"hello":1},"ref":null,"topic":"room:v"}
-> {"topic":"room:v","event":"phx_join","payload":{},"ref":2,"join_ref":2}
<- {"event":"phx_reply","payload":{"response":{"echo":{},"topic":"room:v"},"status":"ok"},"ref":2,"topic":"room:v"}
<- {"event":"phx_close","payload":{},"ref":1,"topic":"room:v"}
<- {"event":"welcome","payload":{"hello":1},"ref":null,"topic":"room:v"}
-> {"topic":"room:v","event":"ok","payload":{},"ref":3,"join_ref":1}
-> {"topic":"room:v","event":"phx_leave","payload":{},"ref":4}
<- {"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":4,"topic":"room:v"}
<- {"event":"phx_close","payload":{},"ref":2,"topic":"room:v"}
-> {"topic":"room:v","event":"phx_join","payload":{},"ref":"5"}
<- {"event":"phx_reply","payload":{"response":{"echo":{},"topic":"room:v"},"status":"ok"},"ref":"5","topic":"room:v"}
<- {"event":"welcome","payload":{"hello":1},"ref":null,"topic":"room:v"}
-> {"topic":"room:v","event":"phx_leave","payload":{},"ref":"6"}
<- {"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"6","topic":"room:v"}
<- {"event":"phx_close","payload":{},"ref":"5","topic":"room:v"}
"#,
    );
}

#[test]
fn vector_33_what_is_no_v1_message() {
    let malformed = [
        r#"{"topic":"phoenix","event":"heartbeat","payload":{}}"#,
        r#"{"topic":"phoenix","event":"heartbeat","ref":"1"}"#,
        r#"{"topic":"phoenix","payload":{},"ref":"1"}"#,
        r#"{"event":"heartbeat","payload":{},"ref":"1"}"#,
        // An array belongs to the other version, also if its elements would fit the fields.
        r#"["phoenix","heartbeat",{},"1",null]"#,
        r#" ["1","1","room:a","phx_join",{}]"#,
        "",
        "null",
    ];
    for text in malformed {
        assert_eq!(App::new(Version::V1).send(text), Err(Malformed), "{text}");
    }
}

#[test]
fn a_crash_leaves_the_topic_unjoined() {
    let crash = r#"
-> ["1","2","room:a","boom",{}]
<- ["1","1","room:a","phx_error",{"reason":"channel_crash"}]
-> ["1","3","room:a","ok",{}]
<- [null,"3","room:a","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]
"#;
    replay(Version::V2, &joined(crash));
    assert_eq!(Channels::new(Version::V2, |_| true).crash("room:a"), None);
}

#[test]
fn the_server_ends_a_channel() {
    let mut app = App::new(Version::V2);
    app.send(r#"["1","1","room:a","phx_join",{}]"#).unwrap();
    assert_eq!(app.channels.close("room:a").as_deref(), Some(r#"["1","1","room:a","phx_close",{}]"#));
    assert_eq!(app.channels.close("room:a"), None);
}

/// Answers to binary frames are text: the server supports no binary payload.
#[test]
fn vector_36_binary_push() {
    let bytes = b"\x00\x01\x01\x06\x0312room:bbin\x01\x02";
    let push = phoenix::decode_binary(bytes).unwrap();
    assert_eq!((push.join_ref, push.reference, push.topic, push.event), ("1", "2", "room:b", "bin"));
    assert_eq!(push.data, [1, 2]);

    let mut app = App::new(Version::V2);
    let answer = |step| match step {
        Step::Answer(frame) => frame,
        other => format!("{other:?}"),
    };
    assert_eq!(
        answer(app.channels.receive_binary(&push)),
        r#"[null,"2","room:b","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]"#
    );
    app.send(r#"["1","1","room:b","phx_join",{}]"#).unwrap();
    assert_eq!(
        answer(app.channels.receive_binary(&push)),
        r#"["1","2","room:b","phx_reply",{"response":{"reason":"unsupported_payload"},"status":"error"}]"#
    );
    let stale = phoenix::BinaryPush { join_ref: "9", ..push };
    assert!(matches!(app.channels.receive_binary(&stale), Step::Nothing));
}

#[test]
fn vector_36_what_is_no_binary_push() {
    let malformed: [&[u8]; 7] = [
        b"",
        b"\x00\x01\x01\x06",
        b"\x00\x01\x01\x06\x0312room:bbi",
        // A reply and a broadcast are for servers to send.
        b"\x01\x01\x01\x06\x0212room:bok\x01\x02\x03",
        b"\x02\x06\x05room:bbinbc\x07",
        b"\x00\x01\x00\x00\x00\xff",
        b"\x00\xff\xff\xff\xff",
    ];
    for bytes in malformed {
        assert_eq!(phoenix::decode_binary(bytes), Err(Malformed), "{bytes:?}");
    }
}
