//! Allocations on the path of a position: a fixed number for each position, and none for each delivery.
//!
//! A count, not a time, so the result is the same on every machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::task::Waker;
use std::time::{Duration, Instant};

use tagalong_core::event::Wire;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::phoenix::Version;
use tagalong_core::position::Position;
use tagalong_core::room::{Due, Now, Room, Subscriber, SubscriptionId, Updates};
use tagalong_core::session::Details;
use tagalong_core::time::Timestamp;

#[expect(clippy::disallowed_methods, reason = "any starting point will do")]
fn now() -> Now {
    let wall = Timestamp::from_millis(0);
    Now { wall, shared: wall, instant: Instant::now() }
}

fn room_of(people: u8, now: Now) -> (Room, Vec<SubscriptionId>) {
    let mut room = Room::new(SessionId::from_random([1; 16]), None, Duration::ZERO);
    let users: Vec<UserId> = (0..people).map(|n| UserId::from_random([n; 16])).collect();
    let profile = |user: &UserId| Profile {
        user_id: user.clone(),
        display_name: DisplayName::parse("Somebody").unwrap(),
        avatar_color: AvatarColor::parse("#FF5733").unwrap(),
    };
    let details = Details {
        name: None,
        ends_at: Timestamp::from_millis(1),
        locked: false,
        location_ttl: Duration::from_secs(30),
        watch_generation: 0,
    };
    room.reconcile(details, users.iter().map(profile).collect(), now).wake();
    let subscriptions =
        users.iter().map(|user| room.subscribe(Subscriber::Participant(user), now).unwrap().0).collect();
    (room, subscriptions)
}

/// Counts allocations while one participant moves and all others take the position and its frame.
fn allocations(people: u8, wires: &[Wire]) -> u64 {
    let now = now();
    let (mut room, subscriptions) = room_of(people, now);
    let mut batch = Updates::default();
    let mut round = || {
        let position = Position::parse(r#"{"lat":1.5,"lng":2.5}"#, now.wall).unwrap();
        room.publish(subscriptions[0], position, now).unwrap().wake();
        let mut delivered = 0;
        for (subscription, wire) in subscriptions[1..].iter().zip(wires.iter().cycle()) {
            let taken =
                room.poll_updates(*subscription, Due::Everything, Waker::noop(), now.instant, &mut batch);
            assert!(taken.is_ready());
            delivered +=
                batch.positions.drain(..).filter(|position| !position.frame(*wire).is_empty()).count();
            batch.control.clear();
            let more =
                room.poll_updates(*subscription, Due::Everything, Waker::noop(), now.instant, &mut batch);
            assert!(more.is_pending(), "waits, so that the next position wakes it");
        }
        assert_eq!(delivered, usize::from(people) - 1);
    };
    // The first round grows the buffers.
    round();
    allocation_counter::measure(round).count_total
}

#[test]
fn no_allocation_for_a_delivery() {
    let all = [Wire::Phoenix(Version::V2), Wire::Phoenix(Version::V1), Wire::Plain];
    for wires in [&all[..1], &all] {
        let (few, many) = (allocations(5, wires), allocations(100, wires));
        assert!(few > 0, "the counter counts");
        assert_eq!(few, many, "{} formats", wires.len());
    }
}

#[test]
fn few_allocations_for_a_position() {
    let one = allocations(50, &[Wire::Phoenix(Version::V2)]);
    assert!(one <= 20, "{one} allocations to take in a position and encode it once");
}
