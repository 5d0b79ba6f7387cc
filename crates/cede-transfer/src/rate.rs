//! A limit on bytes per second, as a debt: who takes more than is there waits until it is paid off. So a chunk of any size may pass, and the average is right.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::sink::lock;

/// How often somebody who pays looks whether the limit is still the same.
pub(crate) const GLANCE: Duration = Duration::from_millis(250);

/// A limit that can be set and taken away while others pay.
#[derive(Debug)]
pub(crate) struct Throttle {
    bucket: Mutex<Option<Bucket>>,
    /// How often the limit was changed. A mere count, so that no ordering is needed.
    changes: AtomicU64,
}

impl Throttle {
    pub(crate) fn new(rate: Option<u64>) -> Self {
        Self { bucket: Mutex::new(rate.map(Bucket::new)), changes: AtomicU64::new(0) }
    }

    /// Debts under the old limit are forgiven.
    pub(crate) fn set(&self, rate: Option<u64>) {
        *lock(&self.bucket) = rate.map(Bucket::new);
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn rate(&self) -> Option<u64> {
        lock(&self.bucket).as_ref().map(|bucket| bucket.per_second as u64)
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Takes `count` bytes at `now`, and says when to go on.
    pub(crate) fn take(&self, now: Duration, count: usize) -> Duration {
        lock(&self.bucket).as_mut().map_or(now, |bucket| bucket.take(now, count as u64))
    }
}

/// A bucket that fills with time.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    /// The time until which everything that was taken is paid for.
    paid_until: Duration,
}

/// How much may be taken at once after a pause.
const BURST: Duration = Duration::from_millis(50);

impl Bucket {
    pub(crate) fn new(per_second: u64) -> Self {
        Self { per_second: per_second.max(1) as f64, paid_until: Duration::ZERO }
    }

    /// Takes `count` bytes at `now`, and says when to go on.
    pub(crate) fn take(&mut self, now: Duration, count: u64) -> Duration {
        let cost = Duration::from_secs_f64((count as f64 / self.per_second).min(1e9));
        self.paid_until = self.paid_until.max(now.saturating_sub(BURST)) + cost;
        self.paid_until
    }
}

#[cfg(test)]
mod tests {
    //! The average, whatever the chunks.

    use std::time::Duration;

    use super::{Bucket, Throttle};

    #[test]
    fn a_new_limit_forgives_the_debts_under_the_old_one() {
        let now = Duration::from_secs(9);
        let throttle = Throttle::new(Some(1000));
        assert!(throttle.take(now, 60_000) > now + Duration::from_secs(59));
        throttle.set(Some(10_000));
        assert!(throttle.take(now, 10_000) <= now + Duration::from_secs(1));
        assert_eq!((throttle.rate(), throttle.changes()), (Some(10_000), 1));
        throttle.set(None);
        assert_eq!((throttle.take(now, 1 << 40), throttle.rate()), (now, None));
    }

    #[test]
    fn the_average_is_right() {
        for chunk in [1000, 100_000, 3_000_000] {
            let mut bucket = Bucket::new(1_000_000);
            let (mut now, mut sent) = (Duration::from_secs(9), 0);
            while sent < 20_000_000 {
                sent += chunk;
                now = now.max(bucket.take(now, chunk));
            }
            let rate = sent as f64 / (now.as_secs_f64() - 9.0);
            assert!((0.99e6..1.01e6).contains(&rate), "{rate}");
        }
    }
}
