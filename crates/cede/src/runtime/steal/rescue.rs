//! What the monitor does for the workers: it takes one from a thread that is stuck in a task, and wakes one if tasks wait while nobody watches (the backstop of [`cede_core::idle`]).
//!
//! The protocol is that of the [desk](cede_core::desk) and of [`hand_over`](super::hand_over); the thread that is stuck comes back as a stray. There is a limit to the threads that
//! are away at the same time: beyond it the runtime waits, as any other does, except that another worker, if one sleeps, is woken to watch: it looks at the sockets of the one that stays stuck.
//!
//! # Invariants
//! Those of [`hand_over`](super::hand_over), and
//! - I1: the worker's cells are read here only after the desk said that its thread is outside.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cede_driver::ProcessBarrier;

use super::seat::Seat;
use super::spares::Offered;
use super::{Shared, priority, threads};
use crate::inspect::posts;
use crate::monitor::{Stuck, Watched};
use crate::record::Told;

impl Watched for Shared {
    fn look_for_idlers(&self) -> bool {
        if self.closing.load(Ordering::Relaxed) {
            return false;
        }
        if self.idle.should_wake_by_backstop() && self.has_work() {
            self.wake_one();
        }
        self.idle.parked_count() < self.workers
    }

    fn take_over(self: Arc<Self>, stuck: &Stuck, barrier: ProcessBarrier) -> bool {
        let wanted = !self.closing.load(Ordering::Relaxed) && self.shutdown.away_count() < self.parts.rescue.threads_max;
        // Before the desk is locked, because naming a thread is the user's code.
        let ready = wanted && (self.spares.has_idle() || threads::start_spare(&self));
        let pass_on = |runs| {
            // SAFETY: [I1] it was on the desk of a worker's thread.
            let seat = unsafe { Seat::taken(runs) };
            let worker = seat.worker();
            let task = posts::task_of(stuck.number);
            if !ready || worker.holds() || worker.is_guest() {
                // If it holds, foreign code was called in the middle of the worker's own. (H2)
                seat.forget();
                return false;
            }
            self.parts.recorder.tells(Told::Rescued, task.map_or(0, |(id, _)| id));
            self.shutdown.add_away(stuck.thread.clone(), task);
            let Offered { ticket, needs_thread } = self.spares.offer(seat);
            // Only if the spare that was ready has got another offer meanwhile, or has ended.
            if needs_thread
                && !threads::start_spare(&self)
                && let Some(seat) = self.spares.take_back(ticket)
            {
                seat.forget();
                self.came_back_of(stuck.thread.id());
                return false;
            }
            // While the desk is locked, so that the thread cannot have come back before.
            priority::give_way(stuck.number);
            true
        };
        let taken = stuck.desk.take(|| barrier.execute(), pass_on);
        if !taken && self.idle.should_wake_by_backstop() {
            // All others slept when this one was woken for an event, so nobody watches.
            self.wake_one();
        }
        taken
    }
}
