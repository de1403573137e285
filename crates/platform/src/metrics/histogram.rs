//! A histogram without locks. The library's own takes a lock for each value, and this one is on the path of a position.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;

/// Most ranges of a histogram, the last open one included.
const RANGES_MAX: usize = 16;
/// The sum is kept in millionths, so that it is one atomic number.
const MILLIONTHS: f64 = 1e6;

/// The bounds of the ranges.
pub trait Bounds: Send + Sync + 'static {
    /// Upper bounds, rising, each within its range; fewer than 16.
    const UPPER: &'static [f64];
}

/// Time from a tenth of a millisecond to ten seconds.
#[derive(Debug)]
pub struct Seconds;

impl Bounds for Seconds {
    const UPPER: &'static [f64] =
        &[0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
}

/// Numbers from one to 256.
#[derive(Debug)]
pub struct Count;

impl Bounds for Count {
    const UPPER: &'static [f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
}

#[derive(Debug, Default)]
struct Ranges {
    counts: [AtomicU64; RANGES_MAX],
    sum: AtomicU64,
}

/// A histogram. Clones count together.
#[derive(Debug)]
pub struct Histogram<B>(Arc<Ranges>, PhantomData<B>);

impl<B> Clone for Histogram<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<B> Default for Histogram<B> {
    fn default() -> Self {
        Self(Arc::default(), PhantomData)
    }
}

/// A batch of values before they are counted.
#[derive(Debug)]
pub struct Tally<B> {
    counts: [u32; RANGES_MAX],
    sum: f64,
    bounds: PhantomData<B>,
}

impl<B: Bounds> Default for Tally<B> {
    fn default() -> Self {
        Self { counts: [0; RANGES_MAX], sum: 0.0, bounds: PhantomData }
    }
}

impl<B: Bounds> Tally<B> {
    pub fn add(&mut self, value: f64) {
        let range = B::UPPER.iter().take_while(|upper| value > **upper).count();
        self.counts[range.min(RANGES_MAX - 1)] += 1;
        self.sum += value;
    }
}

impl<B: Bounds> Histogram<B> {
    /// Counts one value.
    pub fn observe(&self, value: f64) {
        let mut tally = Tally::default();
        tally.add(value);
        self.observe_all(&tally);
    }

    /// Counts a batch of values: one atomic addition for each range.
    pub fn observe_all(&self, tally: &Tally<B>) {
        for (total, count) in self.0.counts.iter().zip(tally.counts).filter(|(_, count)| *count > 0) {
            total.fetch_add(count.into(), Ordering::Relaxed);
        }
        self.0.sum.fetch_add((tally.sum * MILLIONTHS) as u64, Ordering::Relaxed);
    }

    /// The number of values in each range, the open one last.
    pub fn counts(&self) -> Vec<(f64, u64)> {
        let upper = B::UPPER.iter().copied().chain([f64::INFINITY]);
        upper.zip(self.0.counts.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }

    /// The sum of all values.
    pub fn sum(&self) -> f64 {
        self.0.sum.load(Ordering::Relaxed) as f64 / MILLIONTHS
    }
}

impl<B: Bounds + std::fmt::Debug> EncodeMetric for Histogram<B> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counts = self.counts();
        let count = counts.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<[(&str, &str); 0]>(self.sum(), count, &counts, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl<B: Bounds> prometheus_client::metrics::TypedMetric for Histogram<B> {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_in_the_first_range_that_takes_it() {
        let histogram = Histogram::<Count>::default();
        let mut tally = Tally::default();
        [1.0, 1.5, 2.0, 300.0].into_iter().for_each(|value| tally.add(value));
        histogram.observe_all(&tally);
        let counts: Vec<u64> = histogram.counts().into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!((histogram.sum() - 304.5).abs() < 1e-9);
        const { assert!(Seconds::UPPER.len() < RANGES_MAX && Count::UPPER.len() < RANGES_MAX) };
    }
}
