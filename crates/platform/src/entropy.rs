//! Randomness, injected: the operating system's. Tests may inject a sequence that a seed repeats.
//!
//! Ids and keys must be unguessable. So the seeded sequence does not exist in a released binary: it is compiled for
//! tests only (the feature `seeded-entropy`, which only this crate's dev-dependencies turn on). And `app::start` takes
//! no entropy: every server uses the system's.

use std::time::Duration;

#[cfg(any(test, feature = "seeded-entropy"))]
use self::seeded::Sequence;

/// Makes random bytes. Clones draw from the same source.
#[derive(Clone, Debug)]
pub struct Entropy(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    #[cfg(any(test, feature = "seeded-entropy"))]
    Seeded(Sequence),
}

/// The operating system has no randomness; the server must not go on.
#[derive(Debug, thiserror::Error)]
#[error("the operating system has no randomness: {0}")]
pub struct NoEntropy(#[from] getrandom::Error);

impl Entropy {
    /// The operating system's randomness.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A sequence that the same seed repeats. For tests only: it is guessable.
    #[cfg(any(test, feature = "seeded-entropy"))]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Sequence::new(seed)))
    }

    /// Random bytes, for ids and keys.
    ///
    /// # Errors
    /// When the operating system has none.
    #[expect(clippy::disallowed_methods, reason = "this is the entropy")]
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => getrandom::fill(&mut bytes)?,
            #[cfg(any(test, feature = "seeded-entropy"))]
            Source::Seeded(sequence) => sequence.fill(&mut bytes),
        }
        Ok(bytes)
    }

    /// Half of `longest` to all of it, so that nodes that lost something together do not come back together.
    pub fn jittered(&self, longest: Duration) -> Duration {
        // Without randomness the delays are only less spread.
        let [chance] = self.bytes::<1>().unwrap_or([u8::MAX]);
        longest / 2 + longest.mul_f64(f64::from(chance) / 512.0)
    }
}

#[cfg(any(test, feature = "seeded-entropy"))]
mod seeded {
    use std::sync::Arc;

    use parking_lot::Mutex;

    /// SplitMix64, whose sequence never changes; no library promises that of its generators.
    #[derive(Clone, Debug)]
    pub(super) struct Sequence(Arc<Mutex<u64>>);

    impl Sequence {
        pub(super) fn new(seed: u64) -> Self {
            Self(Arc::new(Mutex::new(seed)))
        }

        pub(super) fn fill(&self, bytes: &mut [u8]) {
            let mut state = self.0.lock();
            for chunk in bytes.chunks_mut(8) {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                let mixed = (mixed ^ (mixed >> 31)).to_le_bytes();
                chunk.copy_from_slice(&mixed[..chunk.len()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_sequence_and_clones_share_it() {
        let draw = |entropy: &Entropy| entropy.bytes::<19>().unwrap();
        let (one, same, other) = (Entropy::seeded(7), Entropy::seeded(7), Entropy::seeded(8));
        let first = draw(&one);
        assert_eq!(first, draw(&same));
        assert_ne!(first, draw(&other));
        let clone = same.clone();
        let second = draw(&one);
        assert_ne!(first, second);
        assert_eq!(second, draw(&clone));
        assert_eq!(draw(&one), draw(&same), "the clone has drawn from the same sequence");
    }

    #[test]
    fn the_system_never_repeats_itself() {
        assert_ne!(Entropy::system().bytes::<32>().unwrap(), Entropy::system().bytes::<32>().unwrap());
    }

    #[test]
    fn jitter_stays_between_half_and_all_of_the_longest_delay() {
        let (longest, entropy) = (Duration::from_secs(1), Entropy::seeded(1));
        for _ in 0..1_000 {
            let jittered = entropy.jittered(longest);
            assert!((longest / 2..=longest).contains(&jittered), "{jittered:?}");
        }
    }
}
