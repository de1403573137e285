//! Counts of a room for the operator, never names or places.

use std::time::{Duration, Instant};

use super::Room;

/// The counts of a room; those of several rooms add up.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Participants, connected or not.
    pub participants: usize,
    pub connections: usize,
    /// Connections of watchers.
    pub watchers: usize,
    /// Queued control events of all connections.
    pub queued: usize,
    /// The most queued control events of one connection.
    pub queued_max: usize,
    /// Positions received so far.
    pub published: u64,
}

/// The pending updates of one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubscriptionLoad {
    /// Whether it is a watcher's.
    pub watcher: bool,
    /// Queued control events.
    pub queued: usize,
    /// Participants whose newest position it has not taken yet.
    pub owed: usize,
    /// How long the oldest of them has waited.
    pub behind: Duration,
    /// Positions dropped before delivery because a newer one of the same participant replaced them.
    pub superseded: u32,
}

impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.participants += other.participants;
        self.connections += other.connections;
        self.watchers += other.watchers;
        self.queued += other.queued;
        self.queued_max = self.queued_max.max(other.queued_max);
        self.published += other.published;
    }
}

impl Room {
    pub fn stats(&self) -> Stats {
        let mut stats =
            Stats { participants: self.slots.iter().count(), published: self.published, ..Stats::default() };
        for subscription in self.subscriptions.iter() {
            let queued = subscription.control.len();
            stats.connections += 1;
            stats.watchers += usize::from(subscription.is_watcher());
            stats.queued += queued;
            stats.queued_max = stats.queued_max.max(queued);
        }
        stats
    }

    /// The pending updates of each connection at `now`.
    pub fn loads(&self, now: Instant) -> impl Iterator<Item = SubscriptionLoad> {
        self.subscriptions.iter().map(move |subscription| {
            let since = subscription.behind_since.filter(|_| !subscription.dirty.is_empty());
            SubscriptionLoad {
                watcher: subscription.is_watcher(),
                queued: subscription.control.len(),
                owed: subscription.dirty.len(),
                behind: since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
                superseded: subscription.superseded,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::id::{SessionId, UserId};
    use crate::participant::{AvatarColor, DisplayName, Profile};
    use crate::position::Position;
    use crate::room::{Due, Now, Subscriber, Updates};
    use crate::session::Details;
    use crate::time::Timestamp;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any starting point will do")]
    fn pending_and_superseded_updates_are_counted() {
        let wall = Timestamp::from_millis(0);
        let now = Now { wall, shared: wall, instant: Instant::now() };
        let mut room = Room::new(SessionId::from_random([1; 16]), None, Duration::ZERO);
        let users = [1, 2].map(|number| UserId::from_random([number; 16]));
        let profile = |user_id: &UserId| Profile {
            user_id: user_id.clone(),
            display_name: DisplayName::parse("Somebody").unwrap(),
            avatar_color: AvatarColor::parse("#FF5733").unwrap(),
        };
        let ends_at = Timestamp::from_millis(1);
        let details = Details {
            name: None,
            ends_at,
            locked: false,
            location_ttl: Duration::from_secs(30),
            watch_generation: 0,
        };
        room.reconcile(details, users.iter().map(profile).collect(), now).wake();
        let (ada, _) = room.subscribe(Subscriber::Participant(&users[0]), now).unwrap();
        let (watcher, _) = room.subscribe(Subscriber::Watcher { max: 1, generation: 0 }, now).unwrap();
        let mut replaced = 0;
        for _ in 0..3 {
            let position = Position::parse(r#"{"lat":1.5,"lng":2.5}"#, wall).unwrap();
            let wakes = room.publish(ada, position, now).unwrap();
            replaced += wakes.superseded();
            wakes.wake();
        }
        assert_eq!(replaced, 2);
        let stats = room.stats();
        assert_eq!((stats.participants, stats.connections, stats.watchers), (2, 2, 1));
        assert_eq!((stats.published, stats.queued), (3, 0));
        let later = now.instant + Duration::from_secs(3);
        let behind = SubscriptionLoad {
            watcher: true,
            queued: 0,
            owed: 1,
            behind: Duration::from_secs(3),
            superseded: 2,
        };
        assert!(room.loads(later).any(|load| load == behind));
        let mut batch = Updates::default();
        assert!(
            room.poll_updates(watcher, Due::Everything, Waker::noop(), now.instant, &mut batch).is_ready()
        );
        assert_eq!(batch.positions[0].received(), Some(now.instant));
        assert!(room.loads(later).all(|load| load.owed == 0 && load.behind.is_zero()));
    }
}
