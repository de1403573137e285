//! Time, injected: the system's, or a clock that a test moves by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tagalong_core::time::Timestamp;

/// Tells the time and waits for it. Clones tell the same time.
#[derive(Clone)]
pub struct Clock {
    source: Source,
    /// How far the time that all nodes share is ahead of ours, in milliseconds.
    ahead: Arc<AtomicI64>,
}

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<Mutex<Hands>>),
}

struct Hands {
    wall: Timestamp,
    instant: Instant,
    sleepers: Vec<(Instant, Waker)>,
}

/// Moves a manual clock.
pub struct ManualClock(Arc<Mutex<Hands>>);

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        Self::of(Source::System)
    }

    /// A clock that stands at `wall` until it is moved.
    #[expect(clippy::disallowed_methods, reason = "a clock may ask: any beginning will do")]
    pub fn manual(wall: Timestamp) -> (Self, ManualClock) {
        let hands = Arc::new(Mutex::new(Hands { wall, instant: Instant::now(), sleepers: Vec::new() }));
        (Self::of(Source::Manual(Arc::clone(&hands))), ManualClock(hands))
    }

    fn of(source: Source) -> Self {
        Self { source, ahead: Arc::default() }
    }

    /// What all nodes read alike: ours, until one has been [told](Self::share).
    pub fn shared(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        Timestamp::from_millis(self.now().as_millis().saturating_add(ahead))
    }

    /// From now on the shared time is `shared`, and goes on as ours does.
    pub fn share(&self, shared: Timestamp) {
        self.ahead.store(shared.as_millis().saturating_sub(self.now().as_millis()), Ordering::Relaxed);
    }

    /// What people read.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.source {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Manual(hands) => hands.lock().wall,
        }
    }

    /// What never jumps.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn instant(&self) -> Instant {
        match &self.source {
            Source::System => Instant::now(),
            Source::Manual(hands) => hands.lock().instant,
        }
    }

    /// Waits for a while.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.instant() + duration)
    }

    /// Waits for a moment.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        match &self.source {
            Source::System => Sleep::System(Box::pin(tokio::time::sleep_until(at.into()))),
            Source::Manual(hands) => Sleep::Manual(Arc::clone(hands), at),
        }
    }
}

/// Waits until its moment has come; may be moved to another one.
pub enum Sleep {
    /// By the system's time.
    System(Pin<Box<tokio::time::Sleep>>),
    /// By a manual clock.
    #[expect(private_interfaces, reason = "made by the clock alone")]
    Manual(Arc<Mutex<Hands>>, Instant),
}

impl Sleep {
    /// Waits for another moment from now on.
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

impl ManualClock {
    /// Lets time pass: whoever waited for it is woken.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.0.lock();
        hands.wall = hands.wall.plus(by);
        hands.instant += by;
        let now = hands.instant;
        let due: Vec<_> = hands.sleepers.extract_if(.., |(at, _)| *at <= now).collect();
        drop(hands);
        due.into_iter().for_each(|(_, waker)| waker.wake());
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
}
