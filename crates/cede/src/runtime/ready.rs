//! Which task runs next on one thread: the first come; or in a simulated run the one that its policy chooses; or the one that a policy of the user's gave the smallest number.

#![forbid(unsafe_code)]

use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;

/// An order of its own. Behind a pointer, so that a program has the code of those that it uses.
pub(crate) trait Order: Send {
    /// Whether each task comes with the number that the user's policy gave it.
    fn is_by_number(&self) -> bool;

    fn push(&mut self, task: TaskRef, number: u64);

    fn pop(&mut self) -> Option<TaskRef>;

    fn len(&self) -> usize;

    /// Forgets all entries; they hold no references.
    fn clear(&mut self);
}

/// The runnable tasks of a one-thread scheduler.
pub(crate) enum Ready {
    Fifo(RunQueue),
    Other(Box<dyn Order>),
}

impl Ready {
    /// Whether tasks need numbers.
    pub(crate) fn is_by_number(&self) -> bool {
        matches!(self, Ready::Other(queue) if queue.is_by_number())
    }

    /// Gives the task back if it needs a number, which foreign code has to be asked for.
    #[inline(always)]
    pub(crate) fn push(&mut self, task: TaskRef) -> Result<(), TaskRef> {
        match self {
            Ready::Fifo(queue) => queue.push(task),
            Ready::Other(queue) if queue.is_by_number() => return Err(task),
            Ready::Other(queue) => queue.push(task, 0),
        }
        Ok(())
    }

    /// With the number that the user's policy gave the task, if there is such a policy.
    pub(crate) fn push_at(&mut self, task: TaskRef, rank: u64) {
        match self {
            Ready::Fifo(queue) => queue.push(task),
            Ready::Other(queue) => queue.push(task, rank),
        }
    }

    /// Gives the tasks back if they need numbers.
    pub(crate) fn append(&mut self, mut tasks: RunQueue) -> Result<(), RunQueue> {
        match self {
            Ready::Fifo(queue) => queue.append(&mut tasks),
            Ready::Other(queue) if queue.is_by_number() => return Err(tasks),
            Ready::Other(queue) => std::iter::from_fn(|| tasks.pop()).for_each(|task| queue.push(task, 0)),
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<TaskRef> {
        match self {
            Ready::Fifo(queue) => queue.pop(),
            Ready::Other(queue) => queue.pop(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Ready::Fifo(queue) => queue.is_empty(),
            Ready::Other(queue) => queue.len() == 0,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Ready::Fifo(queue) => queue.len(),
            Ready::Other(queue) => queue.len(),
        }
    }

    /// Forgets all entries; they hold no references.
    pub(crate) fn clear(&mut self) {
        match self {
            Ready::Fifo(queue) => *queue = RunQueue::new(),
            Ready::Other(queue) => queue.clear(),
        }
    }
}
