//! Which of many runnable tasks a worker runs: those in its ring again and again for a while, then the next ones.
//!
//! # What
//! The ring is the *working set*: up to [`CAPACITY`] tasks, which run in the order in which they were woken. What is woken while the ring is full goes to the overflow. When each task of the set has had its turn, and they had
//! [`ROUNDS`] turns each or a [time](SET_NS) that is long for a processor's cache, the tasks of the ring go to the overflow's end, and as many from its front become the next set. A set that shrinks to a half is
//! filled up from the overflow, so when tasks do not come back soon, the order is that of arrival.
//!
//! # Why
//! A connection with its buffers and its socket is ten kilobytes or so, on the kernel's side and on ours, so the state of a thousand does not fit into the caches that a processor has for itself. Served one after the other, each finds
//! all of its own gone: a request of `hello` over a thousand connections then takes 1.1 to 1.5 times the processor time of one over fifty, depending on who else uses the caches. Of a set that is served several times, only the first
//! service costs that. (Larus and Parkes, "Using Cohort Scheduling to Enhance Server Performance", USENIX 2002, run requests in cohorts for the same reason.)
//!
//! # What it costs
//! Order. If more tasks are runnable than the ring holds, each takes some microseconds, and becomes runnable again soon after it ran, then one waits up to [`ROUNDS`] times as long for a turn as in strict order, less what is gained, while
//! most turns come sooner. That is a bound for each task (W1), not a mean. Where tasks take longer, a set ends by its time when each has had one turn, which is as good as strict order.
//!
//! # Why not the obvious way
//! * Strict order is what the worker did before, and what the one-thread runtime does.
//! * tokio's workers move the older half of a full ring to the queue for all, and take a task from there now and then. The mean is the same, but who waits there waits long: of a thousand connections, a tenth for 3 100 to 3 700
//!   others, and 8 800 at most. So does one turn in eight for the overflow (5 100 to 6 200 for a tenth).
//! * Tasks in front of others that are expected to be in the cache, without an end to it, starve the others.
//!
//! # Invariants
//! - W1: a set ends, at the first look after that, when as many tasks have left the front of the ring as the ring has places, and `ROUNDS` times as many or `SET_NS` have passed. Then what is at the front of the overflow is the next
//!   set, before anything of this one. So each task of a set has its turn before the set ends, and each in the overflow belongs to a set when those before it have.
//! - W2: a task that moves is in no queue for a moment. The worker is running then, and what is said at [`Worker::keep`] holds.

#![forbid(unsafe_code)]

use std::cell::Cell;

use cede_core::run_queue::RunQueue;
use cede_core::steal_ring::{CAPACITY, STEAL_MAX};
use cede_core::task::TaskRef;

use super::Worker;
use crate::runtime::steal::Remote;

/// So many turns each task of a set has, if all of them always have something to do.
const ROUNDS: u32 = 6;
/// Nor does a set run for longer, in nanoseconds. Of polls that take ten times as long as those of a small request, the caches are no reason to let others wait.
const SET_NS: u64 = 15_000_000;
const PLACES: u32 = CAPACITY as u32;

/// Since when the present set has been running.
#[derive(Debug, Default)]
pub(super) struct WorkingSet {
    /// What the ring had counted then.
    taken: Cell<u32>,
    /// The clock's time.
    begun: Cell<u64>,
}

impl WorkingSet {
    fn begin(&self, taken: u32, now: u64) {
        self.taken.set(taken);
        self.begun.set(now);
    }

    /// See W1.
    fn is_over(&self, taken: u32, now: u64) -> bool {
        let turns = taken.wrapping_sub(self.taken.get());
        turns >= ROUNDS * PLACES || (turns >= PLACES && now.saturating_sub(self.begun.get()) >= SET_NS)
    }
}

impl Worker {
    /// The set has run dry: takes the next one, and returns its first task.
    #[cold]
    pub(super) fn next_set(&self) -> Option<TaskRef> {
        let mut tasks = self.remote().overflow.take(|_| STEAL_MAX);
        let first = tasks.pop();
        self.keep(&mut tasks);
        first
    }

    /// Lets those in the overflow become part of the working set, if it is time.
    pub(super) fn rotate(&self, now: u64) {
        let Remote { ring, overflow, .. } = self.remote();
        if overflow.is_empty() {
            self.working_set.begin(ring.taken(), now);
        } else if self.working_set.is_over(ring.taken(), now) {
            let mut next = overflow.append_and_take(|_| self.take_ring(), |_| CAPACITY);
            self.keep(&mut next);
            self.working_set.begin(ring.taken(), now);
        } else if ring.len() <= CAPACITY / 2 {
            self.keep(&mut overflow.take(|_| STEAL_MAX));
        }
    }

    fn take_ring(&self) -> RunQueue {
        let mut tasks = RunQueue::new();
        while self.remote().ring.steal(|task| tasks.push(task)) > 0 {}
        tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_ends_after_its_rounds_or_its_time_but_not_before_all_had_a_turn() {
        let set = WorkingSet::default();
        let begun = 5_000_000_000;
        set.begin(u32::MAX - 10, begun);
        let is_over = |turns: u32, ns| set.is_over((u32::MAX - 10).wrapping_add(turns), begun + ns);
        assert!(!is_over(ROUNDS * PLACES - 1, SET_NS - 1));
        assert!(is_over(ROUNDS * PLACES, 0), "the rounds");
        assert!(is_over(PLACES, SET_NS), "the time");
        assert!(!is_over(PLACES - 1, 100 * SET_NS), "somebody had no turn");
    }
}
