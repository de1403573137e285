//! Positions of tracker apps in a room, beside those of connections.

use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use tagalong_core::event::{Event, SharingStatus};
use tagalong_core::hlc::NodeId;
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::participant::{AvatarColor, DisplayName, Profile};
use tagalong_core::position::Position;
use tagalong_core::room::{
    Due, NotShown, Now, Reported, Room, SubscribeError, Subscriber, SubscriptionId, Updates,
};
use tagalong_core::session::Details;
use tagalong_core::share::Share;
use tagalong_core::time::Timestamp;

const TTL: Duration = Duration::from_secs(60);
const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

struct Scene {
    room: Room,
    began: Instant,
    ada: UserId,
    own: SubscriptionId,
    other: SubscriptionId,
}

impl Scene {
    #[expect(clippy::disallowed_methods, reason = "any starting point will do")]
    fn new() -> Self {
        // Later than the machine's start by more than any age in the test.
        Self::on(None, Instant::now() + TTL * 10)
    }

    /// The room on one of several nodes.
    fn on(node: Option<NodeId>, began: Instant) -> Self {
        let mut room = Room::new(SessionId::from_random([1; 16]), node, Duration::ZERO);
        let now = Now { wall: START, shared: START, instant: began };
        let [ada, ben] = [1, 2].map(|n| UserId::from_random([n; 16]));
        let profile = |user: &UserId| Profile {
            user_id: user.clone(),
            display_name: DisplayName::parse("x").unwrap(),
            avatar_color: AvatarColor::parse("#FF5733").unwrap(),
        };
        let ends_at = START.plus(TTL * 1000);
        let details = Details { name: None, ends_at, locked: false, location_ttl: TTL, watch_generation: 0 };
        room.reconcile(details, vec![profile(&ada), profile(&ben)], now).wake();
        let own = room.subscribe(Subscriber::Participant(&ada), now).unwrap().0;
        let other = room.subscribe(Subscriber::Participant(&ben), now).unwrap().0;
        Self { room, began, ada, own, other }
    }

    fn now(&self, seconds: u64) -> Now {
        let since = Duration::from_secs(seconds);
        Now { wall: START.plus(since), shared: START.plus(since), instant: self.began + since }
    }

    /// Reports a fix taken at one time and received at another. Returns whether it is shown.
    fn report(&mut self, lat: f64, taken: u64, at: u64) -> bool {
        self.refused(lat, taken, at).is_none()
    }

    /// The same, but returns why it is not shown.
    fn refused(&mut self, lat: f64, taken: u64, at: u64) -> Option<NotShown> {
        let age = Duration::from_secs(at.saturating_sub(taken));
        let now = self.now(at);
        match self.room.report(&self.ada, position(lat, taken), age, now).unwrap() {
            Reported::Shown(wakes) => {
                wakes.wake();
                None
            }
            Reported::NotShown(why) => Some(why),
        }
    }

    fn publish(&mut self, lat: f64, taken: u64, at: u64) {
        let now = self.now(at);
        self.room.publish(self.own, position(lat, taken), now).unwrap().wake();
    }

    /// Sends the new updates of this node to another.
    fn tells(&mut self, other: &mut Self, at: u64) {
        let (now, mut unsent) = (self.now(at), Vec::new());
        self.room.take_unsent(now, &mut unsent);
        for share in unsent {
            other.room.merge(Share::parse(&share.to_json()).unwrap(), now).unwrap().wakes.wake();
        }
    }

    /// The updates of a subscription: latitudes and statuses.
    fn takes(&mut self, subscription: SubscriptionId, at: u64) -> Vec<String> {
        let mut batch = Updates::default();
        let instant = self.now(at).instant;
        if self.room.poll_updates(subscription, Due::Everything, Waker::noop(), instant, &mut batch)
            == Poll::Pending
        {
            return Vec::new();
        }
        let told = |event: &Event| match event {
            Event::LocationUpdate { position, .. } => Some(position.reading().lat.to_string()),
            Event::ParticipantStatus { status, .. } => Some(format!("{status:?}")),
            Event::PresenceDiff(_) => None,
            event => panic!("{event:?}"),
        };
        batch.control.iter().chain(&batch.positions).filter_map(|broadcast| told(broadcast.event())).collect()
    }
}

fn position(lat: f64, taken: u64) -> Position {
    let time = START.plus(Duration::from_secs(taken));
    let json = format!(r#"{{"lat":{lat},"lng":2,"timestamp":"{time}"}}"#);
    Position::parse(&json, time).unwrap()
}

#[test]
fn a_report_goes_to_all_connections_its_owners_too() {
    let mut scene = Scene::new();
    assert!(scene.report(1.0, 100, 101));
    for subscription in [scene.own, scene.other] {
        assert_eq!(scene.takes(subscription, 101), ["1"]);
    }
}

#[test]
fn a_report_lives_from_when_it_was_taken() {
    let mut scene = Scene::new();
    assert_eq!(scene.refused(1.0, 0, 60), Some(NotShown::TooOld));
    assert!(scene.report(2.0, 1, 60));
    let ben = UserId::from_random([2; 16]);
    let shown = |scene: &Scene, at| scene.room.snapshot_for(&ben, scene.now(at)).unwrap().locations.locations;
    assert_eq!(shown(&scene, 60)[0].age_ms, 59_000);
    assert!(shown(&scene, 61).is_empty());
}

#[test]
fn a_repeated_fix_keeps_its_age() {
    let mut scene = Scene::new();
    let ben = UserId::from_random([2; 16]);
    let ages = |scene: &Scene, at| {
        let locations = scene.room.snapshot_for(&ben, scene.now(at)).unwrap().locations.locations;
        locations.iter().map(|one| one.age_ms / 1_000).collect::<Vec<_>>()
    };
    // From a phone whose clock is 50 s ahead: the age comes from the server's clock alone.
    assert!(scene.report(1.0, 150, 100));
    assert!(scene.report(1.0, 150, 120));
    assert_eq!(ages(&scene, 120), [20]);
    assert_eq!(ages(&scene, 100 + TTL.as_secs()), [0_u64; 0]);
    // A later fix is as young as it is.
    assert!(scene.report(2.0, 175, 125));
    assert_eq!(ages(&scene, 125), [0]);
}

#[test]
fn the_newest_fix_wins_whichever_device_it_came_from() {
    let mut scene = Scene::new();
    scene.publish(1.0, 100, 100);
    assert_eq!(scene.refused(2.0, 99, 101), Some(NotShown::Superseded), "the page had a newer one");
    assert!(scene.report(3.0, 102, 103));
    scene.publish(4.0, 101, 104);
    assert_eq!(scene.takes(scene.other, 104), ["3"], "the app had a newer one");
    assert!(!scene.report(5.0, 101, 105), "sent late");
    scene.publish(6.0, 103, 106);
    assert_eq!(scene.takes(scene.other, 106), ["6"]);
    // From here on only the page sends, so its own times do not matter.
    scene.publish(7.0, 50, 107);
    assert_eq!(scene.takes(scene.other, 107), ["7"]);
}

#[test]
fn the_newest_fix_wins_whichever_node_it_came_through() {
    let began = Scene::new().began;
    let [mut page, mut app] = [1, 2].map(|n| Scene::on(Some(NodeId::from_random([n; 8])), began));
    assert!(app.report(1.0, 102, 103));
    app.tells(&mut page, 103);
    page.publish(2.0, 101, 104);
    assert_eq!(page.takes(page.other, 104), ["1"], "the app had a newer one");
    page.publish(3.0, 105, 106);
    page.tells(&mut app, 106);
    assert!(!app.report(4.0, 104, 107), "the page had a newer one");
    assert!(app.report(5.0, 108, 109));
}

#[test]
fn reports_are_not_shown_after_a_pause_or_stop_but_replace_a_hidden_page() {
    let mut scene = Scene::new();
    for status in [SharingStatus::Paused, SharingStatus::Stopped] {
        let now = scene.now(1);
        scene.room.set_status(scene.own, status, now).unwrap().wake();
        assert_eq!(scene.refused(1.0, 2, 2), Some(NotShown::Withdrawn), "{status:?}");
    }
    let now = scene.now(3);
    scene.room.set_status(scene.own, SharingStatus::Hidden, now).unwrap().wake();
    assert!(scene.report(2.0, 4, 4));
    assert_eq!(scene.takes(scene.other, 4), ["Stopped", "Sharing", "2"]);
}

#[test]
fn a_stranger_reports_and_sees_nothing() {
    let mut scene = Scene::new();
    let (stranger, now) = (UserId::from_random([9; 16]), scene.now(1));
    let reported = scene.room.report(&stranger, position(1.0, 1), Duration::ZERO, now);
    assert!(matches!(reported, Err(SubscribeError::NotAParticipant)));
    assert!(scene.room.snapshot_for(&stranger, now).is_err());
}

/// Stop in one tab, while a fix of another tab is in flight.
#[test]
fn a_repeated_stop_withdraws_a_position_that_came_between() {
    let mut scene = Scene::new();
    let now = scene.now(1);
    let stop =
        |scene: &mut Scene| scene.room.set_status(scene.own, SharingStatus::Stopped, now).unwrap().wake();
    stop(&mut scene);
    scene.publish(1.0, 1, 1);
    assert_eq!(scene.takes(scene.other, 1), ["Stopped", "1"]);
    stop(&mut scene);
    assert_eq!(scene.takes(scene.other, 1), ["Stopped"]);
    stop(&mut scene);
    assert!(scene.takes(scene.other, 1).is_empty());
}
