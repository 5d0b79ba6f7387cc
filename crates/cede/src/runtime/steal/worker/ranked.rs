//! A worker's turns while tasks with a rank are queued.

#![forbid(unsafe_code)]

use cede_core::desk::Desk;
use cede_core::task::TaskRef;

use super::Worker;
use crate::rank::{Flow, Turns, take_turns};
use crate::runtime::tick::Tick;

impl Worker {
    /// Turns by rank, until no task that has one is queued.
    #[cold]
    pub(super) fn tick_by_rank(&self, desk: &Desk, tick: &mut Tick, stop: &dyn Fn() -> bool) -> Flow {
        take_turns(&self.shared.lanes, &mut ByRank { worker: self, desk, tick, stop })
    }

    /// Whether this worker has ordinary tasks, or can get some.
    fn has_ordinary(&self) -> bool {
        let lifo = self.lifo.take();
        self.lifo.set(lifo);
        lifo.is_some() || self.shared.has_ordinary_work()
    }
}

/// The same for all ways to stop, so that there is one of it.
struct ByRank<'a> {
    worker: &'a Worker,
    desk: &'a Desk,
    tick: &'a mut Tick,
    stop: &'a dyn Fn() -> bool,
}

impl Turns for ByRank<'_> {
    fn has_ordinary(&self) -> bool {
        self.worker.has_ordinary()
    }

    fn next_ordinary(&self) -> Option<TaskRef> {
        self.worker.next()
    }

    fn run(&mut self, task: TaskRef, ranked: bool) -> Flow {
        self.worker.run_task(self.desk, task, ranked, self.tick, &self.stop)
    }

    fn now(&self) -> u64 {
        self.worker.shared.parts.clock.now()
    }
}
