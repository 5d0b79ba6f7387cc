//! Which task runs next on one thread: the first come, or in a simulated run the one that a policy chooses.

use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;

use crate::sim::ChosenQueue;

/// The runnable tasks of a one-thread scheduler.
pub(crate) enum Ready {
    Fifo(RunQueue),
    Chosen(Box<ChosenQueue>),
}

impl Ready {
    #[inline]
    pub(crate) fn push(&mut self, task: TaskRef) {
        match self {
            Ready::Fifo(queue) => queue.push(task),
            Ready::Chosen(queue) => queue.push(task),
        }
    }

    pub(crate) fn append(&mut self, mut tasks: RunQueue) {
        match self {
            Ready::Fifo(queue) => queue.append(&mut tasks),
            Ready::Chosen(queue) => std::iter::from_fn(|| tasks.pop()).for_each(|task| queue.push(task)),
        }
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskRef> {
        match self {
            Ready::Fifo(queue) => queue.pop(),
            Ready::Chosen(queue) => queue.pop(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Ready::Fifo(queue) => queue.is_empty(),
            Ready::Chosen(queue) => queue.is_empty(),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Ready::Fifo(queue) => queue.len(),
            Ready::Chosen(queue) => queue.len(),
        }
    }

    /// Forgets all entries; they hold no references.
    pub(crate) fn clear(&mut self) {
        match self {
            Ready::Fifo(queue) => *queue = RunQueue::new(),
            Ready::Chosen(queue) => queue.clear(),
        }
    }
}
