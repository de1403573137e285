//! What a room costs: a position taken in for 50 people, and handed out to one of them.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::hint::black_box;
use std::task::Waker;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tagalong_core::event::Wire;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::phoenix::Version;
use tagalong_core::position::Position;
use tagalong_core::room::{Due, Now, Room, Subscriber, SubscriptionId, Updates};
use tagalong_core::session::Details;
use tagalong_core::time::Timestamp;

const PEOPLE: u8 = 50;

fn position() -> Position {
    let json = r#"{"lat":47.421066,"lng":10.985365,"accuracy":4.5,"timestamp":"1970-01-01T00:00:01.000Z"}"#;
    Position::parse(json, Timestamp::from_millis(1_000)).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "any starting point will do")]
fn now() -> Now {
    let wall = Timestamp::from_millis(1_000);
    Now { wall, shared: wall, instant: Instant::now() }
}

/// A room where everyone is connected and waits.
fn room(now: Now) -> (Room, Vec<SubscriptionId>) {
    let mut room = Room::new(SessionId::from_random([1; 16]), None, Duration::ZERO);
    let users: Vec<UserId> = (0..PEOPLE).map(|n| UserId::from_random([n; 16])).collect();
    let profile = |(n, user): (usize, &UserId)| Profile {
        user_id: user.clone(),
        display_name: DisplayName::parse(&format!("Person {n}")).unwrap(),
        avatar_color: AvatarColor::parse("#FF5733").unwrap(),
    };
    let details = Details {
        name: None,
        ends_at: Timestamp::from_millis(3_600_000),
        locked: false,
        location_ttl: Duration::from_secs(30),
        watch_generation: 0,
    };
    room.reconcile(details, users.iter().enumerate().map(profile).collect(), now).wake();
    let subscriptions =
        users.iter().map(|user| room.subscribe(Subscriber::Participant(user), now).unwrap().0).collect();
    (room, subscriptions)
}

fn wait(room: &mut Room, subscriptions: &[SubscriptionId], now: Now, batch: &mut Updates) {
    for subscription in subscriptions {
        // The second time there is nothing, so that they wait.
        for _ in 0..2 {
            let _ = room.poll_updates(*subscription, Due::Everything, Waker::noop(), now.instant, batch);
        }
    }
    batch.control.clear();
    batch.positions.clear();
}

fn room_of_50(c: &mut Criterion) {
    let now = now();
    let (mut room, subscriptions) = room(now);
    let mut batch = Updates::default();
    c.bench_function("room/publish for 50, all waiting", |b| {
        b.iter_batched(
            position,
            |position| {
                let wakes = room.publish(subscriptions[0], position, now).unwrap();
                black_box(&wakes);
                wait(&mut room, &subscriptions, now, &mut batch);
            },
            BatchSize::SmallInput,
        );
    });
    c.bench_function("room/publish for 50, nobody waiting", |b| {
        b.iter_batched(
            position,
            |position| room.publish(subscriptions[0], position, now).unwrap(),
            BatchSize::SmallInput,
        );
    });
    wait(&mut room, &subscriptions, now, &mut batch);
    for owed in [1, 10, 49] {
        c.bench_function(&format!("room/publish {owed}, then one takes them as frames"), |b| {
            b.iter(|| {
                for subscription in &subscriptions[1..=owed] {
                    drop(room.publish(*subscription, position(), now).unwrap());
                }
                let _ = room.poll_updates(
                    subscriptions[0],
                    Due::Everything,
                    Waker::noop(),
                    now.instant,
                    &mut batch,
                );
                let bytes: usize =
                    batch.positions.drain(..).map(|p| p.frame(Wire::Phoenix(Version::V2)).len()).sum();
                bytes
            });
        });
    }
    c.bench_function("room/take when nothing is owed", |b| {
        b.iter(|| {
            room.poll_updates(
                subscriptions[0],
                Due::Everything,
                Waker::noop(),
                now.instant,
                black_box(&mut batch),
            )
        });
    });
}

criterion_group!(benches, room_of_50);
criterion_main!(benches);
