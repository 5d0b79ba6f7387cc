//! What a worker does that has caught up with a thread outside of the runtime which pushes one task after another: before it takes more it lets some gather, and before it sleeps it looks for a while.
//!
//! # Why
//! Such a thread (in `block_on`, say, or one that answers `spawn_blocking`) pushes about as fast as a worker runs what it pushes. A worker that takes each task as soon as it is there fights the pusher for
//! the cache line of the queue, for each single task; one that sleeps as soon as there is none is woken for every few of them. Both cost either thread more than the tasks do.
//!
//! # When
//! After a sleep that somebody ended with work in the injection queue, and so soon that looking would have been as cheap; and as long as the looks find something. A longer memory of whether they do was tried: where the answer
//! comes from a thread that itself has to be woken, it went back and forth between both ways, and cost more than either.
//!
//! The worker goes on as a searching one, so nobody else is woken meanwhile; before it sleeps it looks at all queues, as always (I3 of [`cede_core::idle`]). It lingers for the injection queue and for tasks with a rank only: who
//! looked at the rings of others all the time would take the single task that another worker is about to run. Timers and sockets are looked at each time. Under a clock that stands still nobody lingers.
//!
//! # That nothing is left behind
//! Lingering adds no state to the protocol of [`cede_core::idle`]: it is time between a search and the look before the sleep, in which the worker counts as searching. That this is enough the models there
//! check (`loom_…_lingers`). In simulated runs, where no time goes by that one could wait, every searching worker lingers for one step before it says that it sleeps, whatever it expects.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::Worker;

/// How long the looks go on: about what it costs both sides that a worker sleeps and is woken.
const LOOKS_NS: u64 = 20_000;
/// Only a sleep shorter than that shows that it would have been better to look: the wake alone takes a third of it on machines on which that is slow. So whoever pushes just too seldom for the looks
/// costs a third of a processor more, and nobody who pushes less often than this costs anything.
const SHORT_SLEEP_NS: u64 = 60_000;
/// Between two looks, in rounds of [`spin_loop`](std::hint::spin_loop): one to two microseconds, in which ten tasks or so gather.
const GATHER_ROUNDS: u32 = 40;
/// Whoever took fewer tasks than that has caught up.
const FEW: usize = 8;

/// What a worker knows about those who push to it.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    /// Its last sleep was short, and somebody ended it for work that it has not found yet.
    woken_soon: Cell<bool>,
    /// That work was in the injection queue: more is to be expected there soon.
    expects: Cell<bool>,
    /// How many tasks the worker took from the injection queue last.
    taken: Cell<usize>,
}

impl Lingering {
    /// The worker was asleep for so long, and somebody woke it for work.
    pub(super) fn woken_after(&self, ns: u64) {
        self.woken_soon.set(ns < SHORT_SLEEP_NS);
    }

    /// So many tasks came from the injection queue.
    #[inline]
    pub(super) fn took(&self, tasks: usize) {
        if tasks > 0 && self.woken_soon.replace(false) {
            self.expects.set(true);
        }
        self.taken.set(tasks);
    }

    /// The worker has run all it took. If that was little, and more is to come soon, this takes some time.
    #[inline]
    pub(super) fn let_gather(&self) {
        if self.expects.get() && self.taken.get() < FEW {
            pause();
        }
    }

    /// The worker lives on other things.
    #[inline]
    pub(super) fn expect_nothing(&self) {
        self.woken_soon.set(false);
        self.expects.set(false);
    }
}

#[cold]
fn pause() {
    (0..GATHER_ROUNDS).for_each(|_| std::hint::spin_loop());
}

impl Worker {
    /// Looks for a while whether somebody pushes, if that is to be expected. Returns whether somebody did.
    #[cold]
    pub(super) fn linger(&self) -> bool {
        let clock = &self.shared.parts.clock;
        if !self.lingering.expects.get() || !self.searching.get() || clock.is_paused() {
            self.lingering.expect_nothing();
            return false;
        }
        let start = clock.now();
        self.measure(start);
        let there = loop {
            pause();
            if self.is_pushed_to() {
                break true;
            }
            if clock.now().saturating_sub(start) >= LOOKS_NS {
                break false;
            }
        };
        self.lingering.expects.set(there);
        self.slept();
        if there {
            // Whoever is kept from its sleep again and again must not keep timers and sockets waiting.
            self.look_around();
        }
        there
    }

    /// Lingers without time going by: for one look.
    pub(in crate::runtime::steal) fn linger_for_a_step(&self) -> bool {
        let there = self.searching.get() && self.is_pushed_to();
        if there {
            self.look_around();
        }
        there
    }

    /// Whether there is what a worker lingers for.
    fn is_pushed_to(&self) -> bool {
        !self.shared.inject.is_empty() || self.shared.lanes.is_waiting() || self.shared.closing.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
