//! How long to wait before trying again.
//!
//! Without jitter all that failed together come back together. *Decorrelated* jitter (M. Brooker, "Exponential Backoff And Jitter", 2015) draws each
//! pause between the first one and three times the last one. In a simulated run the seed decides the draws.

use std::time::Duration;

use crate::ZeroLimit;
use crate::macros::support::thread_rng_n;

/// Pauses that grow, up to a limit, for a number of attempts. It is an iterator of pauses.
///
/// ```
/// use cede::stream::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::new(Duration::from_millis(100)).max_delay(Duration::from_millis(250)).attempts(4)?.without_jitter();
/// assert_eq!(backoff.map(|pause| pause.as_millis()).collect::<Vec<_>>(), [100, 200, 250]);
/// # Ok::<(), cede::ZeroLimit>(())
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    max_delay: Duration,
    last: Option<Duration>,
    pauses: usize,
    jitter: bool,
}

impl Backoff {
    /// Pauses from `base` on, up to a minute, for ten attempts in all, with jitter.
    #[must_use]
    pub fn new(base: Duration) -> Self {
        Self { base, max_delay: Duration::from_secs(60), last: None, pauses: 9, jitter: true }
    }

    /// No pause is longer.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// How many attempts are made in all; there is a pause between two of them.
    ///
    /// # Errors
    /// If it is 0: nothing would ever be tried.
    pub fn attempts(mut self, attempts: usize) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("number of attempts", attempts)?;
        self.pauses = attempts - 1;
        Ok(self)
    }

    /// Each pause is twice the last, exactly.
    #[must_use]
    pub fn without_jitter(mut self) -> Self {
        self.jitter = false;
        self
    }
}

impl Backoff {
    /// How long a pause can be at most.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.max_delay
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.pauses = self.pauses.checked_sub(1)?;
        let pause = match self.last {
            Some(last) if self.jitter => between(self.base, last.saturating_mul(3).min(self.max_delay)),
            Some(last) => last.saturating_mul(2),
            None if self.jitter => between(self.base / 2, self.base),
            None => self.base,
        };
        let pause = pause.min(self.max_delay);
        self.last = Some(pause);
        Some(pause)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.pauses, Some(self.pauses))
    }
}

/// A random duration from `low` to `high`.
fn between(low: Duration, high: Duration) -> Duration {
    const STEPS: u32 = 1 << 16;
    const SECOND: u128 = 1_000_000_000;
    let range = high.saturating_sub(low).as_nanos();
    let drawn = range * u128::from(thread_rng_n(STEPS)) / u128::from(STEPS - 1);
    // At most `range`, which is a duration; the casts lose nothing.
    low + Duration::new((drawn / SECOND) as u64, (drawn % SECOND) as u32)
}
