//! When to try again, and when no more: decorrelated jitter, so that clients that failed together do not come back together.

use std::ops::Range;
use std::time::Duration;

/// The waits between tries without progress.
#[derive(Debug)]
pub(crate) struct Backoff {
    wait: Range<Duration>,
    retries: u32,
    give_up: Duration,
    random: u64,
    tries: u32,
    progressed: bool,
    /// When the first try without progress failed.
    since: Option<Duration>,
    last: Duration,
    not_before: Option<Duration>,
}

impl Backoff {
    pub(crate) fn new(wait: Range<Duration>, retries: u32, give_up: Duration, seed: u64) -> Self {
        let last = wait.start;
        Self { wait, retries, give_up, random: seed, tries: 0, progressed: false, since: None, last, not_before: None }
    }

    /// New bytes came: what failed before is forgotten.
    pub(crate) fn progress(&mut self) {
        self.tries = 0;
        self.progressed = true;
        self.since = None;
        self.last = self.wait.start;
        self.not_before = None;
    }

    /// The time without progress counts anew; tries and waits stay.
    pub(crate) fn restart_clock(&mut self) {
        self.since = None;
    }

    /// A try failed. Returns whether there may be another.
    pub(crate) fn failed(&mut self, now: Duration, after: Option<Duration>) -> bool {
        self.tries += 1;
        let since = *self.since.get_or_insert(now);
        self.pause(now);
        if let Some(after) = after {
            self.not_before = self.not_before.max(Some(now + after));
        }
        self.tries <= self.retries && self.not_before.is_none_or(|at| at.saturating_sub(since) <= self.give_up)
    }

    /// Waits without counting.
    pub(crate) fn pause(&mut self, now: Duration) {
        let most = (self.last * 3).max(self.wait.start);
        let span = most.saturating_sub(self.wait.start).as_nanos() as u64;
        self.last = (self.wait.start + Duration::from_nanos(self.draw() % (span + 1))).min(self.wait.end.max(self.wait.start));
        self.not_before = Some(now + self.last);
    }

    pub(crate) fn not_before(&self) -> Option<Duration> {
        self.not_before
    }

    /// Whether anything ever came.
    pub(crate) fn has_progressed(&self) -> bool {
        self.progressed
    }

    /// What is said about tries that were all in vain.
    pub(crate) fn tried(&self) -> String {
        let times = if self.tries == 1 { "once".to_owned() } else { format!("{} times", self.tries) };
        format!("tried {times}; --retry and --retry-max-time allow more")
    }

    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// `SplitMix64`.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    //! Waits grow, stay in bounds, and end.

    use std::time::Duration;

    use super::Backoff;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_stay_in_bounds_and_end() {
        for seed in 0..50 {
            let mut backoff = Backoff::new(SECOND..SECOND * 20, 5, SECOND * 600, seed);
            let mut now = Duration::ZERO;
            for _ in 0..5 {
                assert!(backoff.failed(now, None));
                let wait = backoff.not_before().unwrap() - now;
                assert!((SECOND..=SECOND * 20).contains(&wait), "{wait:?}");
                now += wait;
            }
            assert!(!backoff.failed(now, None));
            backoff.progress();
            assert_eq!((backoff.tries(), backoff.not_before()), (0, None));
        }
    }

    #[test]
    fn the_server_may_ask_for_more_but_not_for_ever() {
        let mut backoff = Backoff::new(SECOND..SECOND * 20, 5, SECOND * 60, 1);
        assert!(backoff.failed(Duration::ZERO, Some(SECOND * 30)));
        assert_eq!(backoff.not_before(), Some(SECOND * 30));
        assert!(!backoff.failed(SECOND * 30, Some(SECOND * 40)));
    }
}
