//! A worker's turns while tasks with a rank are queued.

#![forbid(unsafe_code)]

use cede_core::task::TaskRef;

use super::Worker;
use crate::rank::{Scheduler, linked};

impl Worker {
    /// The next task, and whether it has a rank.
    #[cold]
    pub(super) fn next_by_rank(&self) -> (Option<TaskRef>, bool) {
        // Not borrowed: looking for an ordinary task may call wakers, and those anything.
        let mut turns = self.turns.take();
        let next = linked::next(&mut turns, &self.shared.lanes, self);
        self.turns.replace(turns);
        next.map_or_else(|| (self.next(), false), |(task, ranked)| (Some(task), ranked))
    }
}

impl Scheduler for Worker {
    fn has_ordinary(&self) -> bool {
        let lifo = self.lifo.take();
        self.lifo.set(lifo);
        lifo.is_some() || self.shared.has_ordinary_work()
    }

    fn next_ordinary(&self) -> Option<TaskRef> {
        self.next()
    }

    fn polls(&self) -> u32 {
        self.pace.polls()
    }

    fn now(&self) -> u64 {
        self.shared.parts.clock.now()
    }
}
