//! How often which durations were seen.
//!
//! # What
//! Buckets whose width grows with the value: eight for each power of two, so a duration is known to an eighth or better. They are the same for all workers, so histograms can be added up.
//!
//! # Invariants
//! - I1: bucket `b` begins at [`begin_of`]`(b)`, which grows with `b`, and [`bucket_of`] is the last bucket that begins at or below a value.

#![forbid(unsafe_code)]

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::record::Scale;

/// Buckets for each power of two, as a power of two.
const FINE_LOG2: u32 = 3;
const FINE: u64 = 1 << FINE_LOG2;
/// Values from here on are all in the last bucket: an hour or so.
const VALUE_LOG2_MAX: u32 = 43;
pub(crate) const BUCKETS: usize = ((VALUE_LOG2_MAX - FINE_LOG2 + 1) << FINE_LOG2) as usize;

/// The bucket of a value.
#[inline]
pub(crate) fn bucket_of(value: u64) -> usize {
    if value < FINE {
        return value as usize;
    }
    let exponent = value.ilog2() - FINE_LOG2;
    let bucket = ((exponent as usize + 1) << FINE_LOG2) + (value >> exponent) as usize - FINE as usize;
    bucket.min(BUCKETS - 1)
}

/// The first value of a bucket.
fn begin_of(bucket: usize) -> u64 {
    if bucket < FINE as usize {
        return bucket as u64;
    }
    let exponent = (bucket >> FINE_LOG2) - 1;
    (FINE + (bucket as u64 & (FINE - 1))) << exponent
}

/// How often which durations were seen, to an eighth of their size.
///
/// ```
/// # let runtime = cede::runtime::Builder::new_current_thread().enable_all().build()?;
/// runtime.block_on(async {
///     for _ in 0..1000 {
///         cede::spawn(async {}).await.unwrap();
///     }
/// });
/// let polls = runtime.metrics().poll_times();
/// assert!(polls.count() > 0);
/// assert!(polls.quantile(0.5) <= polls.quantile(0.99) && polls.quantile(0.99) <= polls.max());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Histogram {
    /// By bucket, of nanoseconds.
    counts: Vec<u64>,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// With nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], max: 0 }
    }

    /// Adds counts by buckets of ticks.
    pub(crate) fn add(&mut self, counts: impl Iterator<Item = u64>, max: u64, scale: Scale) {
        for (bucket, count) in counts.enumerate().filter(|&(_, count)| count > 0) {
            // Its middle, or the largest value if that is in it.
            let last = begin_of(bucket + 1) - 1;
            let middle = begin_of(bucket).midpoint(last.min(max.max(begin_of(bucket))));
            self.counts[bucket_of(scale.span(middle))] += count;
        }
        self.max = self.max.max(scale.span(max));
    }

    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanos)] += 1;
        self.max = self.max.max(nanos);
    }

    /// Adds what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.max = self.max.max(other.max);
    }

    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The longest of them.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The duration that this part of all durations does not exceed, to an eighth: `quantile(0.99)` is the 99th percentile. Zero if nothing was counted.
    ///
    /// # Panics
    /// If `part` is not between 0 and 1.
    #[must_use]
    #[track_caller]
    pub fn quantile(&self, part: f64) -> Duration {
        assert!((0.0..=1.0).contains(&part), "a quantile is between 0 and 1");
        let wanted = ((self.count() as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos((begin_of(bucket + 1) - 1).min(self.max));
            }
        }
        Duration::ZERO
    }

    /// The buckets that are not empty, in order: which durations, and how many.
    pub fn buckets(&self) -> impl Iterator<Item = (Range<Duration>, u64)> + '_ {
        let range = |bucket| Duration::from_nanos(begin_of(bucket))..Duration::from_nanos(begin_of(bucket + 1));
        self.counts.iter().enumerate().filter(|&(_, &count)| count > 0).map(move |(bucket, &count)| (range(bucket), count))
    }
}

/// The quantiles that one asks for: `p50 1.2µs p90 3µs p99 80µs p99.9 1.1ms max 2ms of 1234`.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, part) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
            write!(f, "{name} {:.1?} ", self.quantile(part))?;
        }
        write!(f, "max {:.1?} of {}", self.max(), self.count())
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({self})")
    }
}

#[cfg(test)]
mod tests;
