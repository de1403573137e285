//! The hub: finds, loads, sweeps and retires the rooms of this node. Used when a client subscribes or unsubscribes,
//! never for a position. `neighbours` connects the rooms with other nodes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tagalong_core::claims::{Claims, Role};
use tagalong_core::id::{SessionId, UserId};
use tagalong_core::position::Position;
use tagalong_core::problem::Problem;
use tagalong_core::room::{
    NotShown, Now, Reported, Room, Snapshot, Stats, SubscribeError, Subscriber, SubscriptionId, Swept, Wakes,
};
use tagalong_core::session::{Details, EndReason};
use tagalong_core::time::Timestamp;
use tagalong_platform::clock::Clock;
use tagalong_platform::entropy::Entropy;
use tagalong_store::{SessionRecord, Store, StoreError, TransactionError};
use tokio::sync::{OnceCell, Semaphore};

use super::neighbours::Stale;
use crate::cluster::Bus;

/// How long a subscriber waits for a room's roster.
const LOAD_DEADLINE: Duration = Duration::from_millis(2_500);
/// Rosters that are read at the same time: a query takes 160 KB while it runs, and after a restart all clients come
/// back at once.
const READ_AT_ONCE: usize = 16;
/// The longest that sweeps skip a quiet room, because the clock for its end may be corrected.
const QUIET_MAX: Duration = Duration::from_secs(60);

/// Why a call has no room to act in.
#[derive(Debug, thiserror::Error)]
pub enum NotIn {
    /// The room, or the role in the claims, refuses.
    #[error("{}", .0.reason())]
    Refused(Problem),
    /// The room's roster could not be read. The cause is for the log only.
    #[error(transparent)]
    Unread(#[from] StoreError),
}

impl NotIn {
    /// The public error.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Refused(problem) => *problem,
            Self::Unread(_) => Problem::Unavailable,
        }
    }
}

impl From<TransactionError> for NotIn {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Rejected(rejection) => Self::Refused(rejection.into()),
            TransactionError::Store(error) => Self::Unread(error),
        }
    }
}

impl From<Problem> for NotIn {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// A room, and whether its roster has been read.
pub struct RoomCell {
    held: Mutex<Held>,
    loaded: OnceCell<()>,
}

struct Held {
    room: Room,
    /// Until when sweeps have nothing to do; `None` after a change.
    quiet_until: Option<Instant>,
}

/// What to do with a room after a sweep.
enum Fate {
    Stays,
    Expired,
    Retired,
}

impl RoomCell {
    fn new(room: Room) -> Self {
        Self { held: Mutex::new(Held { room, quiet_until: None }), loaded: OnceCell::new() }
    }

    /// Acts on the room, then wakes the connections concerned. Never across an await: the closure cannot await.
    pub fn with<T>(&self, act: impl FnOnce(&mut Room) -> T) -> T {
        let mut held = self.held.lock();
        held.quiet_until = None;
        act(&mut held.room)
    }

    /// Counts a message of a connection. No other connection is concerned, so a quiet room stays quiet.
    pub fn spend_message(
        &self,
        subscription: SubscriptionId,
        step: Duration,
        now: Instant,
    ) -> Option<Result<(), Duration>> {
        self.held.lock().room.spend_message(subscription, step, now)
    }

    /// Reads from the room.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Room) -> T) -> T {
        look(&self.held.lock().room)
    }

    /// Sweeps the room; `None` if it is quiet. Most rooms are idle, and sweeping thousands of them four times a second
    /// was most of the work of an idle server.
    fn sweep(&self, now: Now) -> Option<(Swept, Fate)> {
        let Held { room, quiet_until } = &mut *self.held.lock();
        if quiet_until.is_some_and(|until| until > now.instant) {
            return None;
        }
        let swept = room.sweep(now.instant);
        let left = room.ends_at().map_or(QUIET_MAX, |end| end.since(now.wall));
        let fate = if left.is_zero() {
            Fate::Expired
        } else if !swept.untold && room.retire() {
            Fate::Retired
        } else {
            Fate::Stays
        };
        let until = now.instant + left.min(QUIET_MAX);
        *quiet_until = (!swept.untold).then(|| swept.next.map_or(until, |next| next.min(until)));
        Some((swept, fate))
    }
}

/// A room whose roster is being read. If that fails or is cancelled, dropping this removes the room, because no other
/// code removes an unloaded one.
struct Loading<'a> {
    hub: &'a Hub,
    cell: &'a Arc<RoomCell>,
    session: SessionId,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        // Another task may have loaded it meanwhile, with subscriptions in it.
        self.hub.forget_if(self.cell, self.session, |cell| !cell.loaded.initialized());
    }
}

/// All rooms of this node.
pub struct Hub {
    /// Ordered, so that rooms are always visited in the same order.
    rooms: Mutex<BTreeMap<SessionId, Arc<RoomCell>>>,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    pub(super) bus: Bus,
    pub(super) stale: Stale,
    reading: Semaphore,
    superseded: AtomicU64,
    bounds: Bounds,
}

/// The settings of every room.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a participant is still shown as connected after their last connection closed.
    pub presence_grace: Duration,
    /// Most watchers of a room.
    pub watchers: usize,
}

/// A subscription, which ends when this is dropped.
pub struct Membership {
    cell: Arc<RoomCell>,
    subscription: SubscriptionId,
    clock: Clock,
}

impl Membership {
    /// The room.
    pub fn room(&self) -> &RoomCell {
        &self.cell
    }

    /// The subscription in it.
    pub fn subscription(&self) -> SubscriptionId {
        self.subscription
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let now = now(&self.clock);
        self.cell.with(|room| room.unsubscribe(self.subscription, now));
    }
}

/// Now, by each clock.
pub fn now(clock: &Clock) -> Now {
    clock.reading().0
}

/// What everyone in a session may know of it.
pub fn details(record: &SessionRecord) -> Details {
    Details {
        name: record.name.clone(),
        ends_at: record.expires_at,
        locked: record.locked,
        location_ttl: record.location_ttl,
        watch_generation: record.watch_generation,
    }
}

impl Hub {
    /// A hub without rooms.
    pub fn new(store: Store, clock: Clock, entropy: Entropy, bus: Bus, bounds: Bounds) -> Self {
        let (rooms, stale, superseded) = (Mutex::default(), Stale::default(), AtomicU64::default());
        Self {
            rooms,
            store,
            clock,
            entropy,
            bus,
            stale,
            reading: Semaphore::new(READ_AT_ONCE),
            superseded,
            bounds,
        }
    }

    /// Subscribes to the room of the session in the claims. The first subscriber makes it read the roster.
    ///
    /// # Errors
    /// The reason that the protocol tells: closed session, no participant (any more), full, or no database.
    pub async fn subscribe(&self, claims: &Claims) -> Result<(Membership, Snapshot), NotIn> {
        let subscriber = match claims.role {
            Role::Participant => Subscriber::Participant(&claims.user),
            Role::Watcher { generation } => Subscriber::Watcher { max: self.bounds.watchers, generation },
            Role::Creator => return Err(Problem::Forbidden.into()),
        };
        let subscribe = |room: &mut Room| room.subscribe(subscriber, now(&self.clock));
        let (cell, (subscription, mut snapshot)) = self.in_room(claims.session, subscribe).await?;
        self.wake(std::mem::take(&mut snapshot.wakes));
        if let Role::Watcher { generation } = claims.role
            && cell.read(|room| room.watch_generation()) < Some(generation)
        {
            // The token is from another node with a newer watch generation; the hint is still on its way.
            self.suspect(claims.session);
        }
        Ok((Membership { cell, subscription, clock: self.clock.clone() }, snapshot))
    }

    /// Publishes a report of a tracker app. Returns whether it is shown, and the snapshot for the app.
    ///
    /// # Errors
    /// When the session is closed, the participant is unknown here, or the database is unavailable.
    pub async fn report(
        &self,
        session: SessionId,
        user: &UserId,
        position: Option<(Position, Duration)>,
    ) -> Result<(Result<(), NotShown>, Snapshot), NotIn> {
        let report = |room: &mut Room| {
            let now = now(&self.clock);
            let taken = position.clone();
            let reported = taken.map(|(position, age)| room.report(user, position, age, now)).transpose()?;
            Ok((reported, room.snapshot_for(user, now)?))
        };
        let (_, (reported, others)) = self.in_room(session, report).await.inspect_err(|error| {
            // They joined through another node, and the hint is still on its way.
            if error.problem() == Problem::Unauthenticated {
                self.suspect(session);
            }
        })?;
        let shown = match reported {
            Some(Reported::Shown(wakes)) => {
                self.wake(wakes);
                self.bus.publish(session);
                Ok(())
            }
            Some(Reported::NotShown(why)) => Err(why),
            None => Ok(()),
        };
        Ok((shown, others))
    }

    /// Acts on the room of a session; loads it first if there is none.
    async fn in_room<T>(
        &self,
        session: SessionId,
        mut act: impl FnMut(&mut Room) -> Result<T, SubscribeError>,
    ) -> Result<(Arc<RoomCell>, T), NotIn> {
        loop {
            let cell = self.cell(session);
            if !cell.loaded.initialized() {
                self.load(&cell, session).await?;
            }
            if !self.knows(&cell, session) {
                continue;
            }
            match cell.with(&mut act) {
                Ok(done) => return Ok((cell, done)),
                // Retired between finding and entering it: the next one is new.
                Err(SubscribeError::Retired) => self.forget(&cell, session),
                Err(SubscribeError::Closed(closed)) => return Err(Problem::from(closed).into()),
                Err(SubscribeError::NotAParticipant) => return Err(Problem::Unauthenticated.into()),
                Err(SubscribeError::Full) => return Err(Problem::SessionFull.into()),
                Err(SubscribeError::WatchingRevoked) => return Err(Problem::WatchingRevoked.into()),
            }
        }
    }

    fn cell(&self, session: SessionId) -> Arc<RoomCell> {
        // Under the lock of the rooms, so that a room that comes and one that goes cannot overtake each other.
        let new = || {
            self.bus.subscribe(session);
            Arc::new(RoomCell::new(Room::new(session, self.bus.node(), self.bounds.presence_grace)))
        };
        Arc::clone(self.rooms.lock().entry(session).or_insert_with(new))
    }

    /// The room is in the hub before its roster is read, so that joins and leaves meanwhile are applied to the roster
    /// and none is lost.
    pub(super) async fn load(
        &self,
        cell: &Arc<RoomCell>,
        session: SessionId,
    ) -> Result<(), TransactionError> {
        let read = || async {
            // Concurrent subscribers wait here, which costs nothing.
            let _turn = self.reading.acquire().await;
            Box::pin(self.read(cell, session)).await
        };
        let _unless_loaded = Loading { hub: self, cell, session };
        tokio::select! {
            loaded = cell.loaded.get_or_try_init(read) => loaded.map(drop),
            // If the database does not answer, concurrent subscribers try one after the other.
            () = self.clock.sleep(LOAD_DEADLINE) => {
                Err(StoreError::Unavailable(format!("no roster within {LOAD_DEADLINE:?}").into()).into())
            }
        }
    }

    async fn read(&self, cell: &RoomCell, session: SessionId) -> Result<(), TransactionError> {
        let (record, roster) = self.store.roster(session, self.clock.now()).await?;
        cell.with(|room| room.reconcile(details(&record), roster, now(&self.clock))).wake();
        self.read_shares(cell, session).await;
        Ok(())
    }

    fn knows(&self, cell: &Arc<RoomCell>, session: SessionId) -> bool {
        self.rooms.lock().get(&session).is_some_and(|known| Arc::ptr_eq(known, cell))
    }

    fn forget(&self, cell: &Arc<RoomCell>, session: SessionId) {
        self.forget_if(cell, session, |_| true);
    }

    fn forget_if(&self, cell: &Arc<RoomCell>, session: SessionId, holds: impl FnOnce(&RoomCell) -> bool) {
        let mut rooms = self.rooms.lock();
        if rooms.get(&session).is_some_and(|known| Arc::ptr_eq(known, cell) && holds(known)) {
            rooms.remove(&session);
            self.bus.unsubscribe(session);
        }
    }

    /// The room of a session, if there is one.
    pub(super) fn find(&self, session: SessionId) -> Option<Arc<RoomCell>> {
        self.rooms.lock().get(&session).cloned()
    }

    /// Acts on the room of a session, if there is one.
    pub fn tell(&self, session: SessionId, act: impl FnOnce(&mut Room) -> Wakes) {
        if let Some(cell) = self.find(session) {
            cell.with(act).wake();
        }
    }

    /// Ends a session: notifies all its connections, and retires the room.
    pub fn end(&self, session: SessionId, reason: EndReason) {
        let Some(cell) = self.find(session) else { return };
        self.forget(&cell, session);
        let ended = |room: &mut Room| (room.members(), room.end(reason, now(&self.clock)));
        let (members, wakes) = cell.with(ended);
        wakes.wake();
        self.bus.clear(session, members);
    }

    /// Whether a session takes no more watchers here.
    pub fn watchers_full(&self, session: SessionId) -> bool {
        self.find(session).is_some_and(|cell| cell.with(|room| room.watchers()) >= self.bounds.watchers)
    }

    /// The number of watchers of a session, as far as this node knows.
    pub fn watcher_count(&self, session: SessionId) -> u32 {
        self.find(session).map_or(0, |cell| cell.read(Room::watcher_count))
    }

    /// Ends expired sessions, deletes expired positions, sends presence updates, and retires empty rooms.
    pub fn sweep(&self) {
        let now = now(&self.clock);
        for (session, cell) in self.all() {
            let Some((Swept { untold, wakes, .. }, fate)) = cell.sweep(now) else { continue };
            wakes.wake();
            if untold {
                self.bus.publish(session);
            }
            match fate {
                Fate::Stays => {}
                Fate::Expired => self.expire(session),
                Fate::Retired => self.forget(&cell, session),
            }
        }
    }

    /// Wakes the connections, and counts superseded positions.
    pub(super) fn wake(&self, wakes: Wakes) {
        self.superseded.fetch_add(wakes.superseded() as u64, Ordering::Relaxed);
        wakes.wake();
    }

    /// Positions dropped before delivery because a newer one of the same participant replaced them.
    pub fn superseded(&self) -> u64 {
        self.superseded.load(Ordering::Relaxed)
    }

    /// Looks at every room, one after the other.
    pub fn visit(&self, mut look: impl FnMut(&Room)) {
        for (_, cell) in self.all() {
            cell.read(&mut look);
        }
    }

    /// How many rooms there are, and how much is in them.
    pub fn stats(&self) -> (usize, Stats) {
        let rooms = self.all();
        let mut total = Stats::default();
        for (_, cell) in &rooms {
            total += cell.read(Room::stats);
        }
        (rooms.len(), total)
    }

    /// The times of last activity that are not in the database yet.
    pub fn take_seen(&self) -> Vec<(SessionId, UserId, Timestamp)> {
        let now = self.clock.now();
        let mut seen = Vec::new();
        for (_, cell) in self.all() {
            cell.with(|room| room.take_seen(now, &mut seen));
        }
        seen
    }

    pub(super) fn all(&self) -> Vec<(SessionId, Arc<RoomCell>)> {
        self.rooms.lock().iter().map(|(session, cell)| (*session, Arc::clone(cell))).collect()
    }
}

#[cfg(test)]
mod tests {
    use tagalong_core::participant::{AvatarColor, DisplayName, Profile};

    use super::*;

    #[test]
    fn a_quiet_room_is_left_alone_until_something_happens_or_its_time_has_come() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let minute = Duration::from_secs(60);
        let user = UserId::from_random([1; 16]);
        let profile = Profile {
            user_id: user.clone(),
            display_name: DisplayName::parse("Somebody").unwrap(),
            avatar_color: AvatarColor::parse("#FF5733").unwrap(),
        };
        let location_ttl = minute / 2;
        let details = Details {
            name: None,
            ends_at: Timestamp::from_millis(0).plus(minute),
            locked: false,
            location_ttl,
            watch_generation: 0,
        };
        let cell = RoomCell::new(Room::new(SessionId::from_random([2; 16]), None, Duration::ZERO));
        let sweep = || cell.sweep(now(&clock));
        cell.with(|room| room.reconcile(details, vec![profile], now(&clock))).wake();
        let entered = cell.with(|room| room.subscribe(Subscriber::Participant(&user), now(&clock)));
        let (subscription, _) = entered.unwrap();
        assert!(sweep().is_some() && sweep().is_none());

        let position = Position::parse(r#"{"lat":1,"lng":2}"#, clock.now()).unwrap();
        cell.with(|room| room.publish(subscription, position, now(&clock))).unwrap().wake();
        assert!(sweep().is_some() && sweep().is_none());
        hand.advance(location_ttl);
        assert!(sweep().is_some_and(|(swept, _)| swept.untold), "the position is gone");
        assert!(sweep().is_some() && sweep().is_none());

        hand.advance(minute - location_ttl);
        assert!(sweep().is_some_and(|(_, fate)| matches!(fate, Fate::Expired)));
    }
}
