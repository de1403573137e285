//! Draining: when the server stops, connections are closed in steps. Their clients reconnect within milliseconds, and
//! would otherwise all do so in the same moment.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use tagalong_platform::clock::Clock;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

const STEPS: usize = 32;
/// Connections closed in a second, as by default in Phoenix.
const CLOSED_PER_SECOND: usize = 5_000;
/// Up to this number all are closed at once.
const AT_ONCE_MAX: usize = 500;

#[derive(Default)]
struct Step {
    draining: AtomicBool,
    token: CancellationToken,
}

/// The steps of a drain. Each connection belongs to one.
#[derive(Default)]
pub struct Drain {
    steps: [Arc<Step>; STEPS],
    next: AtomicUsize,
}

/// A connection's part in the drain.
pub struct Draining {
    step: Arc<Step>,
    begun: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Draining {
    /// Whether the connection has to close. Called at every wake-up, so it takes no lock.
    pub fn is_draining(&self) -> bool {
        self.step.draining.load(Ordering::Acquire)
    }

    /// Wakes the task when the connection has to close. Once is enough for as long as it is the same task.
    pub fn wake_when_draining(&mut self, cx: &mut Context<'_>) {
        if self.begun.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl Drain {
    /// Adds a connection.
    pub fn add(&self) -> Draining {
        let step = &self.steps[self.next.fetch_add(1, Ordering::Relaxed) % STEPS];
        Draining { step: Arc::clone(step), begun: Box::pin(step.token.clone().cancelled_owned()) }
    }

    /// Closes all connections: `connections` of them, in at most `longest`.
    pub async fn run(&self, connections: usize, clock: &Clock, longest: Duration) {
        let pause = pause(connections, longest);
        for step in &self.steps {
            step.draining.store(true, Ordering::Release);
            step.token.cancel();
            if !pause.is_zero() {
                clock.sleep(pause).await;
            }
        }
    }
}

/// Between two steps.
fn pause(connections: usize, longest: Duration) -> Duration {
    if connections <= AT_ONCE_MAX {
        return Duration::ZERO;
    }
    let all = Duration::from_secs(1).mul_f64(connections as f64 / CLOSED_PER_SECOND as f64);
    all.min(longest) / STEPS as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_are_closed_in_steps_and_few_at_once() {
        let longest = Duration::from_secs(10);
        let whole = |connections| pause(connections, longest) * 32;
        assert_eq!(whole(500), Duration::ZERO);
        assert_eq!(whole(10_000), Duration::from_secs(2));
        assert_eq!(whole(1_000_000), longest);
    }

    #[tokio::test]
    async fn every_connection_is_closed_in_the_end() {
        let (clock, hand) = Clock::manual(tagalong_core::time::Timestamp::from_millis(0));
        let drain = Drain::default();
        let connections: Vec<_> = (0..1000).map(|_| drain.add()).collect();
        let mut running = std::pin::pin!(drain.run(connections.len(), &clock, Duration::from_secs(10)));
        let draining = || connections.iter().filter(|connection| connection.is_draining()).count();
        loop {
            let before = draining();
            tokio::select! {
                biased;
                () = &mut running => break,
                () = tokio::task::yield_now() => {}
            }
            assert!(draining() - before <= 1000_usize.div_ceil(STEPS));
            hand.advance(Duration::from_secs(1));
        }
        assert_eq!(draining(), 1000);
    }
}
