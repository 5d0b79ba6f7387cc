//! What a one-thread runtime shows of itself, and what a simulated run says when it is stuck.

use std::sync::Arc;

use cede_core::task::TaskRef;

use super::{Scheduler, Shared};
use crate::inspect::registry::{Counted, Inspected};
use crate::record::samples::Samples;
use crate::runtime::Handle;
use crate::runtime::handle::SchedulerHandle;
use crate::runtime::parts::Parts;
use crate::runtime::run::{self, Outcome};

impl Inspected for Shared {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn workers(&self) -> usize {
        0
    }

    fn handle(self: Arc<Self>) -> Handle {
        Handle::new(SchedulerHandle::Local(self))
    }
}

impl Counted for Shared {
    fn armed_timers(&self) -> usize {
        self.timers.len()
    }

    fn visit_samples(&self, visit: &mut dyn FnMut(&Samples)) {
        visit(&self.stats.samples);
    }
}

impl Scheduler {
    /// A simulated run is stuck: polls each waiting task once. One that ends, or makes another task runnable, could have gone on before, but nobody had woken it.
    ///
    /// # Panics
    /// With a [`LostWake`](crate::sim::LostWake), if there is such a task.
    #[cold]
    pub(super) fn probe_for_lost_wakes(&self) {
        let mut waiting = Vec::new();
        self.slab(|slab| slab.for_each(|task| waiting.push((task, task.state().is_asleep()))));
        for (task, asleep) in waiting {
            if !asleep {
                continue;
            }
            let mut before = crate::sim::BlockedTask::of(task);
            before.name = self.shared.parts.names.get(before.id);
            task.wake();
            let woken = self.pop_any();
            debug_assert!(woken == Some(task));
            // SAFETY: [I2] the task was asleep, was woken and came from the queue.
            let outcome = unsafe { run::run(task, |panicked| self.shared.parts.note_panic(panicked)) };
            if outcome == Outcome::Completed {
                self.shared.stats.completed();
            }
            if outcome != Outcome::Asleep || !self.ready(|ready| ready.is_empty()) || self.shared.lanes.has_work() {
                self.shared.parts.report(crate::sim::LostWake { task: before });
            }
        }
    }

    /// Adds all tasks to a report.
    pub(super) fn describe(&self, report: &mut Vec<crate::sim::BlockedTask>) {
        let mut add = |task: TaskRef| {
            if !task.state().is_complete() {
                report.push(crate::sim::BlockedTask::of(task));
            }
        };
        self.slab(|slab| slab.for_each(&mut add));
        if let Some(slab) = self.shared.foreign_slab.lock().as_ref() {
            slab.for_each(&mut add);
        }
    }
}
