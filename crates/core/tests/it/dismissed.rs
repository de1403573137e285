//! Connections that are closed while the session continues, and limits that a participant's connections share.

use std::task::Waker;
use std::time::{Duration, Instant};

use tagalong_core::event::{DismissReason, Event};
use tagalong_core::hlc::NodeId;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::limits::{
    CONNECTIONS_PER_PARTICIPANT_MAX, MESSAGE_BURST, PRESENCE_LEASE, PRESENCE_REFRESH,
};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::position::Position;
use tagalong_core::room::{
    DisconnectReason, Due, Now, PublishError, Room, SubscribeError, Subscriber, SubscriptionId, Updates,
};
use tagalong_core::session::Details;
use tagalong_core::time::Timestamp;

struct Scene {
    room: Room,
    details: Details,
    now: Now,
    ada: UserId,
}

impl Scene {
    fn new() -> Self {
        Self::on(None)
    }

    /// The room on one of several nodes.
    #[expect(clippy::disallowed_methods, reason = "any starting point will do")]
    fn on(node: Option<NodeId>) -> Self {
        let wall = Timestamp::from_millis(0);
        let now = Now { wall, shared: wall, instant: Instant::now() };
        let ada = UserId::from_random([1; 16]);
        let profile = Profile {
            user_id: ada.clone(),
            display_name: DisplayName::parse("Ada").unwrap(),
            avatar_color: AvatarColor::parse("#FF5733").unwrap(),
        };
        let details = Details {
            name: None,
            ends_at: wall.plus(Duration::from_secs(3600)),
            locked: false,
            location_ttl: Duration::from_secs(30),
            watch_generation: 3,
        };
        let mut room = Room::new(SessionId::from_random([1; 16]), node, Duration::ZERO);
        room.reconcile(details.clone(), vec![profile], now).wake();
        Self { room, details, now, ada }
    }

    fn connect(&mut self) -> SubscriptionId {
        let (subscription, snapshot) =
            self.room.subscribe(Subscriber::Participant(&self.ada), self.now).unwrap();
        snapshot.wakes.wake();
        subscription
    }

    fn watch(&mut self, generation: u32) -> Result<SubscriptionId, SubscribeError> {
        self.room.subscribe(Subscriber::Watcher { max: 9, generation }, self.now).map(|entered| entered.0)
    }

    fn take(&mut self, subscription: SubscriptionId) -> Updates {
        let mut batch = Updates::default();
        let _ = self.room.poll_updates(
            subscription,
            Due::Everything,
            Waker::noop(),
            self.now.instant,
            &mut batch,
        );
        batch
    }

    /// Why a connection was closed, if it was; checks that its last event gives the same reason.
    fn dismissed(&mut self, subscription: SubscriptionId) -> Option<DismissReason> {
        let batch = self.take(subscription);
        let reason = batch.control.iter().find_map(|broadcast| match broadcast.event() {
            Event::Dismissed { reason, .. } => Some(*reason),
            _ => None,
        });
        let disconnect = reason.map(|reason| match reason {
            DismissReason::WatchingRevoked => DisconnectReason::WatchingRevoked,
            DismissReason::TooManyConnections => DisconnectReason::TooManyConnections,
        });
        assert_eq!(batch.disconnect, disconnect);
        reason
    }
}

#[test]
fn watchers_with_a_revoked_generation_are_disconnected_and_not_admitted_again() {
    let mut scene = Scene::new();
    assert_eq!(scene.watch(2), Err(SubscribeError::WatchingRevoked));
    let (old, ahead) = (scene.watch(3).unwrap(), scene.watch(4).unwrap());
    let ada = scene.connect();
    scene.room.watching_revoked(4, scene.now).wake();
    assert_eq!(scene.dismissed(old), Some(DismissReason::WatchingRevoked));
    // Admitted through a node that knew the new generation sooner.
    assert_eq!(scene.dismissed(ahead), None);
    assert_eq!(scene.dismissed(ada), None);
    assert_eq!(scene.watch(3), Err(SubscribeError::WatchingRevoked));
    assert_eq!(scene.room.watchers(), 1);

    // A late message changes nothing.
    scene.room.watching_revoked(2, scene.now).wake();
    scene.room.updated(Details { name: None, ..scene.details.clone() }, scene.now).wake();
    assert_eq!(scene.watch(3), Err(SubscribeError::WatchingRevoked));
    assert!(scene.watch(4).is_ok());

    // A lock raises the generation along with the other details.
    let locked = Details { locked: true, watch_generation: 5, ..scene.details.clone() };
    scene.room.updated(locked, scene.now).wake();
    assert_eq!(scene.dismissed(ahead), Some(DismissReason::WatchingRevoked));
}

#[test]
fn a_generation_read_from_the_database_revokes_watching_too() {
    let mut scene = Scene::new();
    let watcher = scene.watch(3).unwrap();
    let ada = scene.connect();
    scene.room.start_reading();
    let read = Details { watch_generation: 4, ..scene.details.clone() };
    let ada_profile = Profile {
        user_id: scene.ada.clone(),
        display_name: DisplayName::parse("Ada").unwrap(),
        avatar_color: AvatarColor::parse("#FF5733").unwrap(),
    };
    scene.room.reconcile(read, vec![ada_profile], scene.now).wake();
    assert_eq!(scene.dismissed(watcher), Some(DismissReason::WatchingRevoked));
    assert!(scene.take(ada).control.is_empty(), "participants receive nothing");
}

#[test]
fn a_revocation_during_a_database_read_is_not_undone_by_it() {
    let mut scene = Scene::new();
    scene.room.start_reading();
    scene.room.watching_revoked(7, scene.now).wake();
    scene.room.reconcile(scene.details.clone(), Vec::new(), scene.now).wake();
    assert_eq!(scene.watch(6), Err(SubscribeError::WatchingRevoked));

    let mut new = Room::new(SessionId::from_random([1; 16]), None, Duration::ZERO);
    new.watching_revoked(7, scene.now).wake();
    new.reconcile(scene.details.clone(), Vec::new(), scene.now).wake();
    let entered = new.subscribe(Subscriber::Watcher { max: 9, generation: 6 }, scene.now);
    assert_eq!(entered.err(), Some(SubscribeError::WatchingRevoked));
}

#[test]
fn one_connection_too_many_closes_the_oldest() {
    let mut scene = Scene::new();
    let subscriptions: Vec<_> = (0..CONNECTIONS_PER_PARTICIPANT_MAX).map(|_| scene.connect()).collect();
    assert_eq!(scene.dismissed(subscriptions[0]), None);
    let newest = scene.connect();
    // The closed connection's task still runs, but no longer counts.
    let newer = scene.connect();
    for subscription in &subscriptions[..2] {
        assert_eq!(scene.dismissed(*subscription), Some(DismissReason::TooManyConnections));
        let position = Position::parse(r#"{"lat":1,"lng":2}"#, scene.now.wall).unwrap();
        assert_eq!(scene.room.publish(*subscription, position, scene.now).err(), Some(PublishError::Gone));
    }
    for subscription in subscriptions[2..].iter().chain([&newest, &newer]) {
        assert_eq!(scene.dismissed(*subscription), None);
    }
    // A closed connection makes room for another.
    scene.room.unsubscribe(subscriptions[5], scene.now);
    scene.connect();
    assert_eq!(scene.dismissed(subscriptions[2]), None);
}

#[test]
fn all_connections_of_a_participant_share_one_rate() {
    let mut scene = Scene::new();
    let subscriptions: Vec<_> = (0..5).map(|_| scene.connect()).collect();
    let (step, now) = (Duration::from_millis(50), scene.now.instant);
    let allowed = MESSAGE_BURST.as_millis() / step.as_millis() + 1;
    let mut taken = 0;
    for subscription in subscriptions.iter().cycle().take(500) {
        taken += u128::from(scene.room.spend_message(*subscription, step, now).unwrap().is_ok());
    }
    assert_eq!(taken, allowed);
    scene.room.unsubscribe(subscriptions[0], scene.now);
    let again = scene.connect();
    assert_eq!(scene.room.spend_message(again, step, now), Some(Err(step)));
    let watcher = scene.watch(3).unwrap();
    assert_eq!(scene.room.spend_message(watcher, step, now), None);
}

#[test]
fn the_number_of_watchers_is_sent_when_it_changes() {
    let mut scene = Scene::new();
    let ada = scene.connect();
    scene.room.sweep(scene.now.instant).wakes.wake();
    let counts = |batch: &Updates| {
        let count = |event: &Event| match event {
            Event::PresenceWatchers { count } => Some(*count),
            _ => None,
        };
        batch.control.iter().filter_map(|broadcast| count(broadcast.event())).collect::<Vec<_>>()
    };
    scene.take(ada);
    let watchers: Vec<_> = (0..3).map(|_| scene.watch(3).unwrap()).collect();
    assert_eq!(counts(&scene.take(ada)), [0; 0]);
    scene.room.sweep(scene.now.instant).wakes.wake();
    assert_eq!(counts(&scene.take(ada)), [3]);
    let (_, snapshot) = scene.room.subscribe(Subscriber::Participant(&scene.ada), scene.now).unwrap();
    assert_eq!(snapshot.participants.watcher_count, 3);
    scene.room.unsubscribe(watchers[0], scene.now);
    scene.room.watching_revoked(4, scene.now).wake();
    scene.room.sweep(scene.now.instant).wakes.wake();
    assert_eq!(counts(&scene.take(ada)), [0]);
    assert_eq!(scene.room.watcher_count(), 0);
}

#[test]
fn watchers_of_all_nodes_are_counted_until_a_nodes_lease_ends() {
    let [one, two] = [1, 2].map(|node| NodeId::from_random([node; 8]));
    let mut scene = Scene::on(Some(one));
    scene.watch(3).unwrap();
    let start = scene.now.instant;
    assert!(scene.room.sweep(start).untold);
    assert_eq!(scene.room.take_watching(), Some(1));
    assert_eq!(scene.room.take_watching(), None);
    scene.room.hear_watching(two, 5, start);
    scene.room.hear_watching(two, 4, start);
    scene.room.hear_watching(one, 9, start);
    scene.room.sweep(start).wakes.wake();
    assert_eq!(scene.room.watcher_count(), 5);
    // This node repeats its claim; the claim of the other node, not repeated, expires.
    let later = start + PRESENCE_REFRESH;
    assert!(scene.room.sweep(later).untold);
    assert_eq!(scene.room.take_watching(), Some(1));
    scene.room.sweep(start + PRESENCE_LEASE).wakes.wake();
    assert_eq!(scene.room.watcher_count(), 1);
    scene.room.hear_watching(two, 4, later);
    scene.room.hear_watching(two, 0, later);
    scene.room.sweep(later).wakes.wake();
    assert_eq!(scene.room.watcher_count(), 1);
    assert!(scene.room.restate());
    assert_eq!(scene.room.take_watching(), Some(1));
}
