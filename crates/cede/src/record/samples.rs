//! How long polls take, and how long tasks wait for theirs, by samples.
//!
//! # What
//! One poll in some two thousand is timed: the first after each 31st look at timers and sockets, and the first after every sixteenth sleep. So is one task from when it is queued to when it is polled: the next one
//! that is queued after such a moment, if none is being timed. Where it stands in the queue is remembered, so that it is looked for only when its turn is near. Tasks that
//! other threads queue are timed, too, one in sixteen. Whoever takes tasks from another queue takes the task that is being timed over with them.
//!
//! # Why not the obvious way
//! Two readings of the clock for each poll cost more than many polls take. A time in each task costs all tasks memory. The length of the queue, over the rate at which it moves, would be the latency of
//! an average task, which is not what anybody asks for.
//!
//! # What is not seen
//! A poll that never ends is not counted; it is reported as a stall. A task that is being timed and does not come up where it is expected (another thread woke it earlier, priorities) is given up.
//!
//! # Who may touch what
//! All numbers are atomics that stand alone. Several threads may add: the one that runs the worker, one that was taken from it, a thief.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use cede_core::run_queue::RunQueue;

use crate::histogram::{BUCKETS, Histogram, bucket_of};
use crate::inspect::registry::Inspected;
use crate::record::Scale;
use crate::runtime::Handle;

const OUTSIDE: u32 = 16;
const OUTSIDE_LOST: u32 = 1 << 12;

/// Of one worker, or of all other threads.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    pub(crate) polls: Buckets,
    pub(crate) latencies: Buckets,
    /// The task that is being timed; zero: none.
    probed: AtomicU64,
    probed_at: AtomicU64,
    /// How many tasks were queued by threads that run no worker, about.
    outside: AtomicU32,
}

/// How many values of which size were seen, in ticks.
#[derive(Debug)]
pub(crate) struct Buckets {
    counts: [AtomicU64; BUCKETS],
    max: AtomicU64,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], max: AtomicU64::new(0) }
    }
}

impl Buckets {
    pub(crate) fn add(&self, ticks: u64) {
        self.counts[bucket_of(ticks)].fetch_add(1, Ordering::Relaxed);
        self.max.fetch_max(ticks, Ordering::Relaxed);
    }

    /// How many values were seen of each size, in ticks. These only grow.
    #[cfg(feature = "metrics")]
    fn counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed))
    }

    /// Adds what is here to a histogram.
    pub(crate) fn add_to(&self, histogram: &mut Histogram, scale: Scale) {
        let max = self.max.load(Ordering::Relaxed);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        histogram.add(counts, max, scale);
    }
}

impl Samples {
    pub(crate) fn is_probing(&self) -> bool {
        self.probed.load(Ordering::Relaxed) != 0
    }

    pub(super) fn is_probed(&self, task: u64) -> bool {
        self.probed.load(Ordering::Relaxed) == task
    }

    pub(super) fn forget_probe(&self) {
        self.probed.store(0, Ordering::Relaxed);
    }

    /// A task is queued now.
    pub(super) fn probe(&self, task: u64, now: u64) {
        self.probed_at.store(now, Ordering::Relaxed);
        self.probed.store(task, Ordering::Release);
    }

    /// The task that is being timed is polled now.
    pub(super) fn polled(&self, now: u64) {
        self.latencies.add(now.saturating_sub(self.probed_at.load(Ordering::Relaxed)));
        self.forget_probe();
    }

    /// A task was queued by a thread that runs no worker. One in sixteen of them is timed, if none is; in the long run also if one seems to be, which may have got lost.
    #[cold]
    pub(crate) fn queued_outside(&self, task: u64, now: impl FnOnce() -> u64) {
        let count = self.outside.load(Ordering::Relaxed);
        self.outside.store(count.wrapping_add(1), Ordering::Relaxed);
        if count.is_multiple_of(OUTSIDE) && (!self.is_probing() || count.is_multiple_of(OUTSIDE_LOST)) {
            self.probe(task, now());
        }
    }

    /// If one of these tasks is being timed: the task, and when that began. It is not timed here any more.
    pub(super) fn take_probe(&self, tasks: &RunQueue) -> Option<(u64, u64)> {
        let probed = self.probed.load(Ordering::Acquire);
        if probed == 0 || tasks.iter().all(|task| task.id() != probed) {
            return None;
        }
        let at = self.probed_at.load(Ordering::Relaxed);
        self.probed.compare_exchange(probed, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok().then_some((probed, at))
    }
}

/// What all workers of a runtime have counted.
pub(crate) fn sum(runtime: &Handle, which: fn(&Samples) -> &Buckets) -> Histogram {
    let scale = runtime.parts().recorder.scale();
    let mut histogram = Histogram::new();
    runtime.counted().visit_samples(&mut |samples| which(samples).add_to(&mut histogram, scale));
    histogram
}

/// What a dump says of the times of a runtime.
pub(crate) fn times_of(runtime: &Arc<dyn Inspected>) -> String {
    let runtime = runtime.clone().handle();
    let times = [("polls", sum(&runtime, |samples| &samples.polls)), ("waits for a poll", sum(&runtime, |samples| &samples.latencies))];
    let seen = times.iter().filter(|(_, times)| times.count() > 0);
    seen.map(|(what, times)| format!("; {what} {times}")).collect()
}

/// What all workers of a runtime have counted since the last time that this was asked, which `before` remembers. Compared in ticks, because how long a tick is becomes known better and better.
#[cfg(feature = "metrics")]
pub(crate) fn news(runtime: &Handle, which: fn(&Samples) -> &Buckets, before: &mut Vec<u64>) -> Histogram {
    let mut counts = vec![0; BUCKETS];
    let mut max = 0;
    runtime.counted().visit_samples(&mut |samples| {
        counts.iter_mut().zip(which(samples).counts()).for_each(|(sum, count)| *sum += count);
        max = max.max(which(samples).max.load(Ordering::Relaxed));
    });
    before.resize(BUCKETS, 0);
    let mut histogram = Histogram::new();
    histogram.add(counts.iter().zip(&*before).map(|(now, before)| now.saturating_sub(*before)), max, runtime.parts().recorder.scale());
    *before = counts;
    histogram
}
