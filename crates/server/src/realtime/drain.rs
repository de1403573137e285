//! How connections are let go when the server stops: in waves, so that their clients, which all come back within
//! milliseconds, do not all come back in the same moment.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::clock::Clock;

const WAVES: usize = 32;
/// Connections let go in a second: what Phoenix does by default too.
const PER_SECOND: usize = 5_000;
/// So few go all at once.
const CROWD: usize = 500;

#[derive(Default)]
struct Wave {
    gone: AtomicBool,
    token: CancellationToken,
}

/// The waves of a server. Each connection belongs to one.
#[derive(Default)]
pub struct Waves {
    waves: [Arc<Wave>; WAVES],
    next: AtomicUsize,
}

/// A connection's place in its wave.
pub struct Place {
    wave: Arc<Wave>,
    told: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Place {
    /// Whether the connection is let go. It is asked whenever anything happens, so it takes no lock.
    pub fn is_let_go(&self) -> bool {
        self.wave.gone.load(Ordering::Acquire)
    }

    /// Has the task woken when the connection is let go. Once is enough, for as long as it is the same task.
    pub fn wake_when_let_go(&mut self, cx: &mut Context<'_>) {
        if self.told.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl Waves {
    /// The place of a new connection.
    pub fn join(&self) -> Place {
        let wave = &self.waves[self.next.fetch_add(1, Ordering::Relaxed) % WAVES];
        Place { wave: Arc::clone(wave), told: Box::pin(wave.token.clone().cancelled_owned()) }
    }

    /// Lets everyone go: `connections` of them, in at most `longest`.
    pub async fn go(&self, connections: usize, clock: &Clock, longest: Duration) {
        let pause = pause(connections, longest);
        for wave in &self.waves {
            wave.gone.store(true, Ordering::Release);
            wave.token.cancel();
            if !pause.is_zero() {
                clock.sleep(pause).await;
            }
        }
    }
}

/// Between two waves.
fn pause(connections: usize, longest: Duration) -> Duration {
    if connections <= CROWD {
        return Duration::ZERO;
    }
    let all = Duration::from_secs(1).mul_f64(connections as f64 / PER_SECOND as f64);
    all.min(longest) / WAVES as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_goes_slowly_and_a_few_at_once() {
        let longest = Duration::from_secs(10);
        let whole = |connections| pause(connections, longest) * 32;
        assert_eq!(whole(500), Duration::ZERO);
        assert_eq!(whole(10_000), Duration::from_secs(2));
        assert_eq!(whole(1_000_000), longest);
    }

    #[tokio::test]
    async fn everyone_goes_in_the_end() {
        let (clock, hand) = Clock::manual(tagalong_core::time::Timestamp::from_millis(0));
        let waves = Waves::default();
        let places: Vec<_> = (0..1000).map(|_| waves.join()).collect();
        let mut going = std::pin::pin!(waves.go(places.len(), &clock, Duration::from_secs(10)));
        let gone = || places.iter().filter(|place| place.is_let_go()).count();
        loop {
            let before = gone();
            tokio::select! {
                biased;
                () = &mut going => break,
                () = tokio::task::yield_now() => {}
            }
            assert!(gone() - before <= 1000_usize.div_ceil(WAVES));
            hand.advance(Duration::from_secs(1));
        }
        assert_eq!(gone(), 1000);
    }
}
