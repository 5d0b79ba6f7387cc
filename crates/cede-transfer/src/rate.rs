//! A limit on bytes per second, as a debt: who takes more than is there waits until it is paid off. So a chunk of any size may pass, and the average is right.

use std::time::Duration;

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

    use super::Bucket;

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
