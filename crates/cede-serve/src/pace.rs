//! A limit on bytes per second, as a debt: who takes more than is there waits until it is paid off.

use std::sync::{Mutex, PoisonError};

use cede::time::{Duration, Instant};

/// How much may be taken at once after a pause.
const BURST: Duration = Duration::from_millis(50);

/// A bucket that fills with time, shared by those whom it limits.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: u64,
    paid_until: Mutex<Option<Instant>>,
}

impl Bucket {
    pub(crate) fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), paid_until: Mutex::default() }
    }

    /// How many bytes to take at a time, so that the flow is even.
    pub(crate) fn piece(&self) -> usize {
        usize::try_from(self.rate / 10).unwrap_or(usize::MAX).max(1)
    }

    /// Takes bytes, and says when they are paid for.
    pub(crate) fn take(&self, now: Instant, count: usize) -> Instant {
        let mut paid = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let from = paid.map_or(earliest, |paid| paid.max(earliest));
        let until = from + Duration::from_secs_f64((count as f64 / self.rate as f64).min(1e6));
        *paid = Some(until);
        until
    }
}

#[cfg(test)]
mod tests {
    //! The average is right.

    use super::{Bucket, Instant};

    #[test]
    fn the_average() {
        let (bucket, start) = (Bucket::new(1_000_000), Instant::now());
        let mut now = start;
        for _ in 0..100 {
            now = now.max(bucket.take(now, 100_000));
        }
        let seconds = (now - start).as_secs_f64();
        assert!((9.9..10.1).contains(&seconds), "{seconds}");
    }
}
