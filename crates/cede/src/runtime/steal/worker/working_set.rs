//! Which of many runnable tasks a worker runs: those in its ring again and again for a while, then the next ones.
//!
//! # What
//! The ring is the *working set*: up to [`CAPACITY`] tasks, which run in the order in which they were woken. What is woken while the ring is full goes to the end of the overflow list. A set has its time: until its tasks had [`ROUNDS`] turns
//! each, or a [time](SET_NS) that is long for a processor's cache. Then its tasks go to the overflow's end, and as many from the front of that become the next set. A set that shrinks to a half, because its tasks do not come back soon, is
//! filled up from the front of the overflow, and begins anew with what was added. All of that happens when the worker looks around, after some tens of polls.
//!
//! A thousand connections that always have something to say: 256 are served six times, the next 256 six times, and when all four parts had their time, the first is there again. Ten thousand tasks that run once: 256 are in
//! the ring, and whenever half of them are gone, as many follow; all run in the order in which they came.
//!
//! # Why
//! A connection with its buffers and its socket is some kilobytes, on the kernel's side and on ours, so the state of a thousand does not fit into the caches that a processor has for itself. Served one after the other, each finds
//! all of its own gone: a request of `hello` over a thousand connections then took 1.3 to 1.7 times the processor time of one over fifty, depending on who else used the caches. Of a set that is served several times, only the first
//! service costs that. (Larus and Parkes, "Using Cohort Scheduling to Enhance Server Performance", USENIX 2002, run requests in cohorts for the same reason.)
//!
//! # What it costs
//! Order. If more tasks are runnable than the ring holds, and they come back soon, then one waits up to [`ROUNDS`] times as long for a turn as in strict order, less what is gained, while
//! most turns come sooner; turns of the slot of the task woken last are not counted, as ever. That is a bound for each task (W1), not a mean. Where tasks take longer than some ten microseconds, a set ends by its time when each has had a turn,
//! which is as good as strict order. Of tasks that do not come back, those that find a free place in the ring go before those in the overflow: half a set at most goes before each.
//!
//! # Why not the obvious way
//! * Strict order is what the worker did before, and what the one-thread runtime does.
//! * tokio's workers move the older half of a full ring to the queue for all, and take a task from there now and then. The mean is the same, but for how long one waits there has no such bound: of a thousand connections, in
//!   different runs, for 4 300 to 18 900 others at most (`bench/README.md`, "A thousand connections"). With one turn in eight for the overflow a tenth waits for 5 100 to 6 200 others.
//! * Tasks in front of others that are expected to be in the cache, without an end to it, starve the others.
//!
//! # Invariants
//! - W1: a set does not end before as many tasks have left the front of the ring as it has places, counted from when the set began or tasks were last added to it; so each of its tasks has had a turn. It ends at the first look
//!   at which `ROUNDS` times as many have left, or `SET_NS` have passed. At each such beginning at least half a ring of tasks leave the front of the overflow, so who is in it gets ahead.
//! - W2: a task that moves is in no queue for a moment. The worker is running then, and whoever goes to sleep meanwhile leaves what it cannot see to the watcher and to the monitor ([`cede_core::idle`]), as with [`Worker::keep`].

#![forbid(unsafe_code)]

use std::cell::Cell;

use cede_core::run_queue::RunQueue;
use cede_core::steal_ring::CAPACITY;
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
        let Remote { ring, overflow, .. } = self.remote();
        let mut tasks = overflow.take(|_| CAPACITY);
        let first = tasks.pop();
        self.keep(&mut tasks);
        self.working_set.begin(ring.taken(), self.polled_at());
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
            // Nobody else pushes, so there is at least so much room.
            self.keep(&mut overflow.take(|_| CAPACITY - ring.len()));
            // Else those would be sent back before they had a turn.
            self.working_set.begin(ring.taken(), now);
        }
    }

    fn take_ring(&self) -> RunQueue {
        let mut tasks = RunQueue::new();
        while self.remote().ring.steal(CAPACITY, |task| tasks.push(task)) > 0 {}
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
