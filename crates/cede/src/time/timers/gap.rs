//! How long the workers of a runtime wait, after timers have fired, before they wake for the next ones.
//!
//! Exact deadlines are all different, so a hundred thousand sleeps would wake their worker a hundred thousand times, and a wake costs more than firing ten timers. So after timers have
//! fired, nobody wakes for timers for [`GAP_NS`] for each but the first, up to [`GAP_NS_MAX`]; those that come due meanwhile fire together. A timer is exact if no two
//! have fired together just before it. Two that did make the next one up to 50 µs late, and twenty-one or more up to a millisecond, as with timers that tick in milliseconds.
//!
//! The gap begins when the last of them was due and not when they fired: timers that come every millisecond, all together, would else be late for ever by what they were late once.
//!
//! The gap is the runtime's and not that of each worker: where most timers are armed at one worker, another one that has a few would else wake for each of them, among thousands. So two that fire together at one
//! worker delay the next one also at another.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

/// For each timer that fired together with another one, in nanoseconds.
const GAP_NS: u64 = 50_000;
/// It is never longer than this.
const GAP_NS_MAX: u64 = 1_000_000;

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Gap {
    /// Before this nobody wakes for timers.
    ends: AtomicU64,
}

impl Gap {
    /// So many timers have fired together, the last of which was `due` then.
    pub(super) fn begin(&self, due: u64, fired: usize) {
        if fired > 1 {
            let gap = (GAP_NS * (fired - 1) as u64).min(GAP_NS_MAX);
            // A worker that looks again while what fired is being run finds few more, which is no reason to sleep less.
            self.ends.fetch_max(due.saturating_add(gap), Ordering::Relaxed);
        }
    }

    /// When one may wake for a timer that is due then.
    pub(super) fn wake_for(&self, deadline: u64) -> u64 {
        deadline.max(self.ends.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::{GAP_NS, GAP_NS_MAX, Gap};

    #[test]
    fn of_two_moments_before_which_nobody_wakes_the_later_one_counts() {
        let gap = Gap::default();
        gap.begin(100, 3);
        // Another look, while what fired is being run, finds one or two: that alone would be a shorter gap.
        gap.begin(160, 1);
        gap.begin(170, 2);
        assert_eq!(gap.wake_for(200), 100 + 2 * GAP_NS);
        assert_eq!(gap.wake_for(u64::MAX), u64::MAX);
    }

    #[test]
    fn however_many_fire_the_next_ones_wait_no_longer_than_the_longest_gap() {
        let gap = Gap::default();
        gap.begin(1000, 1);
        assert_eq!(gap.wake_for(1001), 1001, "one alone leaves the next one exact");
        gap.begin(1000, 100);
        assert_eq!(gap.wake_for(2000), 1000 + GAP_NS_MAX);
        assert_eq!(gap.wake_for(1001 + GAP_NS_MAX), 1001 + GAP_NS_MAX, "what is over is no reason to wait");
    }
}
