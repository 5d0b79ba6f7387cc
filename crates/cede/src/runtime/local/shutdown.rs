//! The end of a one-thread runtime. Invariants are those of the parent module.

use std::sync::Arc;

use super::{Scheduler, Shared};
use crate::rank::linked;
use crate::runtime::handle::{Handle, SchedulerHandle};
use crate::runtime::{context, run};
use crate::task::slab::Slab;

impl Shared {
    /// Ends all tasks. If a `block_on` is under way (on another thread, or this is called inside it), that ends them when it returns.
    pub(crate) fn shut_down(self: &Arc<Self>) {
        let scheduler = {
            let mut idle = self.idle.lock();
            idle.ended = true;
            idle.scheduler.take()
        };
        if let Some(scheduler) = scheduler {
            self.finish(*scheduler.into_scheduler());
        }
    }

    pub(super) fn finish(self: &Arc<Self>, scheduler: Scheduler) {
        let _inside = context::enter(Handle::new(SchedulerHandle::Local(self.clone())));
        {
            // Under the lock of the slab, so that a task of another thread is either pushed before, or not made there at all.
            let _no_spawns = self.foreign_slab.lock();
            self.inbox.close();
            linked::close(&self.lanes);
        }
        let Scheduler { ready, slab, driver, policy, .. } = scheduler;
        ready.into_inner().clear();
        let mut slab = slab.into_inner();
        self.end_all(&mut slab);
        let foreign = self.foreign_slab.lock().take();
        if let Some(mut foreign) = foreign {
            self.end_all(&mut foreign);
            foreign.close();
        }
        slab.close();
        // A round that is ended by a waker's panic has made progress.
        while run::shielded(|| self.timers.shut_down()).is_none() {}
        let _panicked = run::shielded(|| drop(driver));
        let _panicked = run::shielded(|| drop(policy));
    }

    /// Drops the futures of all tasks of a slab.
    fn end_all(&self, slab: &mut Slab<Shared>) {
        slab.freeze();
        for chunk in 0..slab.chunk_count() {
            let mut index = 0;
            while let Some(place) = slab.task_at(chunk, index) {
                index += 1;
                // SAFETY: [I2] the scheduler has stopped: this thread has the right to poll each task that is not complete.
                unsafe {
                    if let Some(task) = place
                        && task.claim_for_shutdown()
                    {
                        run::cancel(task);
                        self.foreign_stats.completed_anywhere();
                    }
                }
            }
        }
    }
}
