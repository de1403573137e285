//! Random lives of many people over many hours, on the real sessions, rooms and database, by a clock that is moved,
//! with faults on purpose; beside them a model of what ought to be.
//!
//! A life is made from a seed, which is printed when it goes wrong: `make simulate SEED=7` lives it again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod dice;
mod faults;
mod model;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

/// Lives in an ordinary run.
const SEEDS: u64 = 40;
/// Things that happen in a life.
const STEPS: usize = 250;

/// Says whose life went wrong, whatever it was.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the life of seed {} went wrong: make simulate SEED={0}", self.0);
        }
    }
}

fn live(seed: u64) {
    let _shown = Seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = world::World::new(seed).await;
        for _ in 0..STEPS {
            world.step().await;
        }
        world.finish().await;
    });
}

#[test]
fn lives_go_as_the_model_says() {
    let setting = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, seeds) = match setting("SEED") {
        Some(seed) => (seed, 1),
        None => (setting("FIRST_SEED").unwrap_or(0), setting("SEEDS").unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    live(seed);
                }
            });
        }
    });
}
