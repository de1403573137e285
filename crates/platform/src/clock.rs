//! Time, injected: the system's, or a clock that a test moves by hand.
//!
//! Lifetimes are measured by a time of day that does not jump: it starts with the system's time and goes on at a steady
//! pace. So setting the system's clock neither shortens nor extends a session. Times from phones are compared with the
//! system's clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tagalong_core::room::Now;
use tagalong_core::time::Timestamp;

/// A system clock that is set by more than this was wrong before, for example on a small computer that keeps no time
/// while it is off; then the new time is taken over. By default no session is longer than this.
const BELIEVABLE_JUMP: Duration = Duration::from_secs(24 * 3600);

/// Gives the time and waits for it. Clones share one time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: TimeSource,
    steady: Arc<Steady>,
    /// How far the shared time of all nodes is ahead of this node's, in milliseconds.
    ahead: Arc<AtomicI64>,
}

#[derive(Clone, Debug)]
enum TimeSource {
    System,
    Manual(Arc<Mutex<Hands>>),
}

#[derive(Debug)]
struct Hands {
    system: Timestamp,
    instant: Instant,
    sleepers: Vec<(Instant, Waker)>,
}

/// The time of day that does not jump.
#[derive(Debug)]
struct Steady {
    began: Instant,
    /// The time of day when it began, in milliseconds.
    began_at: AtomicI64,
}

impl Steady {
    fn begin(system: Timestamp, instant: Instant) -> Arc<Self> {
        Arc::new(Self { began: instant, began_at: AtomicI64::new(system.as_millis()) })
    }

    fn read(&self, system: Timestamp, instant: Instant) -> Timestamp {
        let passed = instant.saturating_duration_since(self.began);
        let steady = Timestamp::from_millis(self.began_at.load(Ordering::Relaxed)).plus(passed);
        if steady.since(system).max(system.since(steady)) <= BELIEVABLE_JUMP {
            return steady;
        }
        self.began_at.store(system.minus(passed).as_millis(), Ordering::Relaxed);
        system
    }
}

/// Moves a manual clock.
pub struct ManualClock(Arc<Mutex<Hands>>);

impl Clock {
    fn new(source: TimeSource, system: Timestamp, instant: Instant) -> Self {
        Self { source, steady: Steady::begin(system, instant), ahead: Arc::default() }
    }

    /// The system's time.
    pub fn system() -> Self {
        let (system, instant) = TimeSource::System.read();
        Self::new(TimeSource::System, system, instant)
    }

    /// A clock that stands still at `wall` until it is moved.
    #[expect(clippy::disallowed_methods, reason = "this is the clock: any starting point will do")]
    pub fn manual(wall: Timestamp) -> (Self, ManualClock) {
        let instant = Instant::now();
        let hands = Arc::new(Mutex::new(Hands { system: wall, instant, sleepers: Vec::new() }));
        (Self::new(TimeSource::Manual(Arc::clone(&hands)), wall, instant), ManualClock(hands))
    }

    /// The time of day for the lifetimes of sessions, participants and positions. It never jumps.
    pub fn now(&self) -> Timestamp {
        let (system, instant) = self.source.read();
        self.steady.read(system, instant)
    }

    /// The shared time of all nodes; this node's, until another one is [set](Self::share).
    pub fn shared(&self) -> Timestamp {
        self.shared_at(self.now())
    }

    fn shared_at(&self, wall: Timestamp) -> Timestamp {
        Timestamp::from_millis(wall.as_millis().saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// All clocks at one moment, and the system's.
    pub fn reading(&self) -> (Now, Timestamp) {
        let (system, instant) = self.source.read();
        let wall = self.steady.read(system, instant);
        (Now { wall, shared: self.shared_at(wall), instant }, system)
    }

    /// Sets the shared time to `shared`; it goes on at this node's pace.
    pub fn share(&self, shared: Timestamp) {
        self.ahead.store(shared.as_millis().saturating_sub(self.now().as_millis()), Ordering::Relaxed);
    }

    /// The system's time of day, for comparison with clocks of clients.
    pub fn system_now(&self) -> Timestamp {
        self.source.read().0
    }

    /// The same in full resolution, for spans.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn system_time(&self) -> SystemTime {
        match &self.source {
            TimeSource::System => SystemTime::now(),
            TimeSource::Manual(hands) => {
                let millis = u64::try_from(hands.lock().system.as_millis()).unwrap_or(0);
                UNIX_EPOCH + Duration::from_millis(millis)
            }
        }
    }

    /// The monotonic time, for deadlines.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn instant(&self) -> Instant {
        match &self.source {
            TimeSource::System => Instant::now(),
            TimeSource::Manual(hands) => hands.lock().instant,
        }
    }

    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.instant() + duration)
    }

    /// The result of some work; `None` if it takes longer than `longest`.
    pub async fn timeout<T>(&self, longest: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.sleep(longest) => None,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        match &self.source {
            TimeSource::System => Sleep::System(Box::pin(tokio::time::sleep_until(at.into()))),
            TimeSource::Manual(hands) => Sleep::Manual(Arc::clone(hands), at),
        }
    }
}

impl TimeSource {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn read(&self) -> (Timestamp, Instant) {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
                (Timestamp::from_millis(millis), Instant::now())
            }
            Self::Manual(hands) => {
                let hands = hands.lock();
                (hands.system, hands.instant)
            }
        }
    }
}

/// Waits until a moment, which may be changed.
pub enum Sleep {
    /// By the system's time.
    System(Pin<Box<tokio::time::Sleep>>),
    /// By a manual clock.
    #[expect(private_interfaces, reason = "made by the clock alone")]
    Manual(Arc<Mutex<Hands>>, Instant),
}

impl Sleep {
    /// Changes the moment.
    pub fn reset(&mut self, to: Instant) {
        match self {
            Self::System(sleep) => sleep.as_mut().reset(to.into()),
            Self::Manual(_, at) => *at = to,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self {
            Self::System(sleep) => sleep.as_mut().poll(cx),
            Self::Manual(hands, at) => {
                let mut hands = hands.lock();
                if hands.instant >= *at {
                    return Poll::Ready(());
                }
                let known =
                    hands.sleepers.iter().any(|(when, waker)| when == at && waker.will_wake(cx.waker()));
                if !known {
                    hands.sleepers.push((*at, cx.waker().clone()));
                }
                Poll::Pending
            }
        }
    }
}

/// The HTTP library's deadlines use this clock too.
impl hyper::rt::Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Self::sleep(self, duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Self::sleep_until(self, deadline))
    }

    fn now(&self) -> Instant {
        self.instant()
    }
}

impl hyper::rt::Sleep for Sleep {}

impl ManualClock {
    /// Advances the time and wakes the sleepers whose moment has come.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.0.lock();
        hands.system = hands.system.plus(by);
        hands.instant += by;
        let now = hands.instant;
        let due: Vec<_> = hands.sleepers.extract_if(.., |(at, _)| *at <= now).collect();
        drop(hands);
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Sets the system's clock, as an administrator would: no time passes.
    pub fn set_system(&self, to: Timestamp) {
        self.0.lock().system = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_at_its_time_and_not_before() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        let mut sleep = std::pin::pin!(clock.sleep(Duration::from_secs(2)));
        let mut poll = || sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending());
        hand.advance(Duration::from_secs(1));
        assert!(poll().is_pending());
        hand.advance(Duration::from_secs(1));
        assert!(poll().is_ready());
        assert_eq!(clock.now(), Timestamp::from_millis(2_000));
    }

    #[test]
    fn the_shared_time_goes_on_as_ours_does() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(10_000));
        assert_eq!(clock.shared(), clock.now());
        clock.share(Timestamp::from_millis(9_000));
        hand.advance(Duration::from_secs(2));
        assert_eq!(clock.shared(), Timestamp::from_millis(11_000));
    }

    #[test]
    fn a_jump_of_the_system_clock_changes_no_lifetime() {
        let start = Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
        let (clock, hand) = Clock::manual(start);
        let hour = Duration::from_secs(3600);
        for set_to in [start.plus(hour), start.minus(hour)] {
            hand.set_system(set_to);
            assert_eq!((clock.now(), clock.system_now()), (start, set_to));
        }
        hand.advance(hour);
        assert_eq!(clock.now(), start.plus(hour));
    }

    #[test]
    fn a_clock_that_was_never_set_is_believed_once_it_is() {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        hand.advance(Duration::from_secs(60));
        let real = Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
        hand.set_system(real);
        assert_eq!(clock.now(), real);
        hand.advance(Duration::from_secs(60));
        assert_eq!(clock.now(), real.plus(Duration::from_secs(60)));
    }
}
