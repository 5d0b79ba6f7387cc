//! How often a scheduler looks at its timers and sockets while tasks are running.
//!
//! After so many polls, as the builder says; and sooner if polls are long, so that what is due waits neither for sixty tasks that compute nor costs a reading of the clock at each that does not. How long
//! polls are is measured from look to look: the greater of the mean since the last one, which sees at once that they have become long, and of the running mean, which does not forget it when a few short
//! ones come between. The first look comes after the first poll, because nothing is known before.

#![forbid(unsafe_code)]

use std::cell::Cell;

/// So long tasks may run until the next look, as far as one can tell.
const LOOK_EVERY_NS: u64 = 200_000;
/// A guess of how long a poll takes, before any was measured.
const POLL_NS_AT_FIRST: u64 = 1_000;

/// See the module's description. One thread uses it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Polls since the last look.
    polls: Cell<u32>,
    /// So many, then it is time.
    most_now: Cell<u32>,
    /// What the builder says.
    most: u32,
    /// A running mean of the time that a poll takes.
    poll_ns: Cell<u64>,
}

impl Pace {
    pub(super) fn new(most: u32) -> Self {
        Self { polls: Cell::new(0), most_now: Cell::new(1), most, poll_ns: Cell::new(POLL_NS_AT_FIRST) }
    }

    /// One more was polled.
    #[inline]
    pub(super) fn polled(&self) {
        self.polls.set(self.polls.get() + 1);
    }

    #[inline]
    pub(super) fn is_time_to_look(&self) -> bool {
        self.polls.get() >= self.most_now.get()
    }

    /// The look happens; since the last one, or since [`Pace::begin`], so much time has passed.
    pub(super) fn look(&self, took_ns: u64) {
        let polls = self.polls.replace(0);
        if polls == 0 {
            return;
        }
        let mean = took_ns / u64::from(polls);
        self.poll_ns.set((self.poll_ns.get() * 3 + mean) / 4);
        let fit = LOOK_EVERY_NS / mean.max(self.poll_ns.get()).max(1);
        self.most_now.set(u32::try_from(fit).unwrap_or(u32::MAX).clamp(1, self.most));
    }

    /// Forgets what was polled, because the time since the last look was not that of tasks.
    pub(super) fn begin(&self) {
        self.polls.set(0);
    }

    /// How many were polled since the last look.
    pub(super) fn polls(&self) -> u32 {
        self.polls.get()
    }

    /// About how long a poll takes, in nanoseconds.
    #[inline]
    pub(super) fn poll_ns(&self) -> u64 {
        self.poll_ns.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs until the next look, with polls that take so long; returns how many there were.
    fn until_look(pace: &Pace, poll_ns: u64) -> u32 {
        while !pace.is_time_to_look() {
            pace.polled();
        }
        let polls = pace.polls();
        pace.look(u64::from(polls) * poll_ns);
        polls
    }

    #[test]
    fn short_polls_are_counted() {
        let pace = Pace::new(61);
        assert_eq!(until_look(&pace, 50), 1, "nothing was known");
        assert!((0..100).all(|_| until_look(&pace, 50) == 61));
        assert!((0..100).all(|_| until_look(&pace, 0) == 61), "a clock that stands still");
    }

    #[test]
    fn long_polls_are_followed_by_a_look() {
        let pace = Pace::new(61);
        until_look(&pace, 200_000);
        assert!((0..100).all(|_| until_look(&pace, 200_000) == 1));
        assert_eq!(until_look(&pace, 10), 1, "one short poll changes nothing");
        assert_eq!(until_look(&pace, 200_000), 1);
        let looks = (0..100).take_while(|_| until_look(&pace, 10) < 61).count();
        assert!(looks < 30, "{looks}");
    }

    #[test]
    fn the_builder_has_the_last_word() {
        let pace = Pace::new(1);
        assert!((0..10).all(|_| until_look(&pace, 5) == 1));
    }
}
