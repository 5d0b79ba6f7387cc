//! Which task runs next on one thread: the first come; or in a simulated run the one that its policy chooses; or the one that a policy of the user's gave the smallest number.

use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;

use crate::rank::policy::OrderedQueue;
use crate::sim::ChosenQueue;

/// The runnable tasks of a one-thread scheduler.
pub(crate) enum Ready {
    Fifo(RunQueue),
    Chosen(Box<ChosenQueue>),
    Ordered(Box<OrderedQueue>),
}

impl Ready {
    /// Gives the task back if it needs a number, which foreign code has to be asked for.
    #[inline(always)]
    pub(crate) fn push(&mut self, task: TaskRef) -> Result<(), TaskRef> {
        match self {
            Ready::Fifo(queue) => queue.push(task),
            Ready::Chosen(queue) => queue.push(task),
            Ready::Ordered(_) => return Err(task),
        }
        Ok(())
    }

    /// With the number that the user's policy gave the task, if there is such a policy.
    pub(crate) fn push_at(&mut self, task: TaskRef, rank: u64) {
        match self {
            Ready::Fifo(queue) => queue.push(task),
            Ready::Chosen(queue) => queue.push(task),
            Ready::Ordered(queue) => queue.push(task, rank),
        }
    }

    /// Gives the tasks back if they need numbers.
    pub(crate) fn append(&mut self, mut tasks: RunQueue) -> Result<(), RunQueue> {
        match self {
            Ready::Fifo(queue) => queue.append(&mut tasks),
            Ready::Chosen(queue) => std::iter::from_fn(|| tasks.pop()).for_each(|task| queue.push(task)),
            Ready::Ordered(_) => return Err(tasks),
        }
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<TaskRef> {
        match self {
            Ready::Fifo(queue) => queue.pop(),
            Ready::Chosen(queue) => queue.pop(),
            Ready::Ordered(queue) => queue.pop(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Ready::Fifo(queue) => queue.is_empty(),
            Ready::Chosen(queue) => queue.is_empty(),
            Ready::Ordered(queue) => queue.is_empty(),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Ready::Fifo(queue) => queue.len(),
            Ready::Chosen(queue) => queue.len(),
            Ready::Ordered(queue) => queue.len(),
        }
    }

    /// Forgets all entries; they hold no references.
    pub(crate) fn clear(&mut self) {
        match self {
            Ready::Fifo(queue) => *queue = RunQueue::new(),
            Ready::Chosen(queue) => queue.clear(),
            Ready::Ordered(queue) => queue.clear(),
        }
    }
}
