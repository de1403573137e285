//! How connections are let go when the server stops: in waves, so that their clients, which all come back within
//! milliseconds, do not all come back in the same moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

const WAVES: usize = 32;
/// Connections let go in a second: what Phoenix does by default too.
const PER_SECOND: usize = 5_000;
/// So few go all at once.
const CROWD: usize = 500;

/// The waves of a server. Each connection belongs to one.
pub struct Waves {
    waves: [CancellationToken; WAVES],
    next: AtomicUsize,
}

impl Default for Waves {
    fn default() -> Self {
        Self { waves: [(); WAVES].map(|()| CancellationToken::new()), next: AtomicUsize::new(0) }
    }
}

impl Waves {
    /// The wave of a new connection: cancelled when it is let go.
    pub fn join(&self) -> CancellationToken {
        self.waves[self.next.fetch_add(1, Ordering::Relaxed) % WAVES].clone()
    }

    /// Lets everyone go: `connections` of them, in at most `longest`.
    pub async fn go(&self, connections: usize, clock: &Clock, longest: Duration) {
        let pause = pause(connections, longest);
        for wave in &self.waves {
            wave.cancel();
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
        let tokens: Vec<_> = (0..1000).map(|_| waves.join()).collect();
        let mut going = std::pin::pin!(waves.go(tokens.len(), &clock, Duration::from_secs(10)));
        let gone = || tokens.iter().filter(|token| token.is_cancelled()).count();
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
