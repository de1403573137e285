//! What the wire costs: messages read, positions parsed, broadcasts written.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tagalong_core::event::{Broadcast, Event, Wire};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::phoenix::{self, Status, Version};
use tagalong_core::plain;
use tagalong_core::position::Position;
use tagalong_core::time::Timestamp;

const POSITION: &str = r#"{"lat":47.421066,"lng":10.985365,"accuracy":4.5,"timestamp":"2026-11-24T12:00:00.000Z","heading":271,"speed":1.3}"#;
const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn codec(c: &mut Criterion) {
    let topic = "location:7df233e5-e71b-4e86-915d-5ac8e5216298";
    let v2 = format!(r#"["1","17","{topic}","location_update",{POSITION}]"#);
    let v1 = format!(
        r#"{{"topic":"{topic}","event":"location_update","payload":{POSITION},"ref":"17","join_ref":"1"}}"#
    );
    let plain_text = format!(r#"{{"type":"location_update","data":{POSITION}}}"#);
    c.bench_function("decode/v2", |b| b.iter(|| phoenix::decode(Version::V2, black_box(&v2)).is_ok()));
    c.bench_function("decode/v1", |b| b.iter(|| phoenix::decode(Version::V1, black_box(&v1)).is_ok()));
    c.bench_function("decode/plain", |b| b.iter(|| plain::decode(black_box(&plain_text)).is_ok()));
    c.bench_function("position/parse", |b| b.iter(|| Position::parse(black_box(POSITION), NOW)));

    let user_id = UserId::from_random([2; 16]);
    let position = Position::parse(POSITION, NOW).unwrap();
    let event = Event::LocationUpdate { user_id, position };
    let session = SessionId::from_random([1; 16]);
    for (name, wire) in
        [("v2", Wire::Phoenix(Version::V2)), ("v1", Wire::Phoenix(Version::V1)), ("plain", Wire::Plain)]
    {
        c.bench_function(&format!("encode/broadcast {name}"), |b| {
            b.iter(|| Broadcast::new(session, event.clone()).frame(wire).len());
        });
    }
    let broadcast = Broadcast::new(session, event);
    c.bench_function("encode/broadcast again", |b| {
        b.iter(|| black_box(&broadcast).frame(Wire::Plain).len());
    });
    let topic = format!("\"{topic}\"");
    c.bench_function("encode/reply v2", |b| {
        b.iter(|| phoenix::reply(Version::V2, "\"1\"", black_box("\"17\""), &topic, Status::Ok, "{}"));
    });
}

criterion_group!(benches, codec);
criterion_main!(benches);
