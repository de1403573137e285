//! Time, injected: the system's, or a clock that a test moves by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tagalong_core::time::Timestamp;

/// Tells the time and waits for it. Clones tell the same time.
#[derive(Clone)]
pub struct Clock(Source);

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
        Self(Source::System)
    }

    /// A clock that stands at `wall` until it is moved.
    #[expect(clippy::disallowed_methods, reason = "a clock may ask: any beginning will do")]
    pub fn manual(wall: Timestamp) -> (Self, ManualClock) {
        let hands = Arc::new(Mutex::new(Hands { wall, instant: Instant::now(), sleepers: Vec::new() }));
        (Self(Source::Manual(Arc::clone(&hands))), ManualClock(hands))
    }

    /// What people read.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
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
        match &self.0 {
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
        match &self.0 {
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

/// The HTTP library's deadlines keep this clock too.
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
}
