//! What a position costs the node that takes it: without other nodes, with them, and what the writer gets
//! through when `BENCH_REDIS_URL` names a Redis.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tagalong_core::hlc::NodeId;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::position::Position;
use tagalong_core::room::{Room, Subscriber, SubscriptionId};
use tagalong_core::session::Details;
use tagalong_core::share::Share;
use tagalong_platform::clock::Clock;
use tagalong_platform::entropy::Entropy;
use tagalong_platform::metrics::Meter;
use tagalong_realtime::cluster::redis::{Address, Lives, Redis};
use tagalong_realtime::cluster::{Bus, BusHealth, Heard, Rooms};
use tagalong_realtime::hub::now;

const ROOMS: usize = 1_000;
const PEOPLE: usize = 5;
const POSITIONS: usize = 1_000_000;
const LIFE: Duration = Duration::from_secs(30);

struct Some {
    rooms: HashMap<SessionId, Mutex<Room>>,
    clock: Clock,
    taken: AtomicUsize,
}

impl Rooms for Some {
    fn take_watching(&self, _: SessionId) -> Option<u32> {
        None
    }

    fn take_unsent(&self, session: SessionId, unsent: &mut Vec<Share>) -> Duration {
        if let Some(room) = self.rooms.get(&session) {
            room.lock().take_unsent(now(&self.clock), unsent);
            self.taken.fetch_add(unsent.len(), Ordering::Relaxed);
        }
        LIFE
    }

    fn is_in(&self, _: SessionId, _: &UserId) -> bool {
        true
    }

    fn heard(&self, _: Heard) {}
}

fn rooms(node: Option<NodeId>, clock: &Clock) -> (Arc<Some>, Vec<(SessionId, SubscriptionId)>) {
    let mut subscriptions = Vec::new();
    let mut rooms = HashMap::new();
    for number in 0..ROOMS as u128 {
        let session = SessionId::from_random(number.to_be_bytes());
        let mut room = Room::new(session, node, Duration::ZERO);
        let person = |person: u128| Profile {
            user_id: UserId::from_random((number * 100 + person).to_be_bytes()),
            display_name: DisplayName::parse("x").unwrap(),
            avatar_color: AvatarColor::parse("#000000").unwrap(),
        };
        let roster: Vec<Profile> = (0..PEOPLE as u128).map(person).collect();
        let details = Details {
            name: None,
            ends_at: clock.now().plus(LIFE * 100),
            locked: false,
            location_ttl: LIFE,
            watch_generation: 0,
        };
        room.reconcile(details, roster.clone(), now(clock)).wake();
        for profile in roster {
            let (subscription, _) =
                room.subscribe(Subscriber::Participant(&profile.user_id), now(clock)).unwrap();
            subscriptions.push((session, subscription));
        }
        rooms.insert(session, Mutex::new(room));
    }
    (Arc::new(Some { rooms, clock: clock.clone(), taken: AtomicUsize::new(0) }), subscriptions)
}

/// Nanoseconds for one position.
fn publish(rooms: &Some, subscriptions: &[(SessionId, SubscriptionId)], bus: &Bus) -> f64 {
    let position = Position::parse(r#"{"lat":47.5,"lng":11.25,"accuracy":5}"#, rooms.clock.now()).unwrap();
    let began = rooms.clock.instant();
    for (session, subscription) in subscriptions.iter().cycle().take(POSITIONS) {
        let room = &rooms.rooms[session];
        room.lock().publish(*subscription, position.clone(), now(&rooms.clock)).unwrap().wake();
        bus.publish(*session);
    }
    rooms.clock.instant().duration_since(began).as_nanos() as f64 / POSITIONS as f64
}

fn main() {
    let clock = Clock::system();
    let node = NodeId::from_random([1; 8]);
    let (alone, subscriptions) = rooms(None, &clock);
    println!("one node:              {:6.0} ns for a position", publish(&alone, &subscriptions, &Bus::Local));
    let url = std::env::var("BENCH_REDIS_URL");
    let address = Address::parse(url.as_deref().unwrap_or("redis://127.0.0.1:1")).unwrap();
    let lives = Lives { participant: LIFE, connection: LIFE };
    let bus = Bus::Redis(Redis::new(
        node,
        address,
        lives,
        clock.clone(),
        Entropy::system(),
        Meter::unread(clock.clone()),
    ));
    let (several, subscriptions) = rooms(Some(node), &clock);
    println!("several, not written:  {:6.0} ns for a position", publish(&several, &subscriptions, &bus));
    if url.is_ok() {
        write(&several, &subscriptions, &bus);
    }
}

#[tokio::main]
async fn write(rooms: &Arc<Some>, subscriptions: &[(SessionId, SubscriptionId)], bus: &Bus) {
    bus.start(Arc::clone(rooms) as Arc<dyn Rooms>);
    while !matches!(bus.health().await, BusHealth::Healthy(_)) {}
    rooms.taken.store(0, Ordering::Relaxed);
    let nanos = publish(rooms, subscriptions, bus);
    println!("several, as it writes: {nanos:6.0} ns for a position");
    let taken = rooms.taken.load(Ordering::Relaxed) as f64;
    let rate = taken / (nanos * POSITIONS as f64 / 1e9);
    println!(
        "written meanwhile: {taken} of {POSITIONS}, {rate:.0} a second; the others were replaced before"
    );
    bus.close().await;
}
