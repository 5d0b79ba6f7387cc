//! The injection queue: tasks from threads that are no workers.
//!
//! A push is one compare-exchange on a [`TransferStack`]. Takers turn the stack into an ordered list under a short lock and take batches from that, so tasks leave in the
//! order in which they came.

use cede_core::cache_padded::CachePadded;
use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;
use cede_core::transfer_stack::{Closed, TransferStack};

use super::shared_list::SharedList;

pub(super) struct Inject {
    /// Every push writes it.
    incoming: CachePadded<TransferStack>,
    ordered: SharedList,
}

impl Inject {
    pub(super) fn new() -> Self {
        Self { incoming: CachePadded(TransferStack::new()), ordered: SharedList::new() }
    }

    pub(super) fn push(&self, task: TaskRef) -> Result<(), Closed> {
        self.incoming.push(task).map(|_was_empty| ())
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.incoming.is_empty() && self.ordered.is_empty()
    }

    /// Takes as many tasks as `count` says for the present length, oldest first. The stack, which those who push write to, is taken when all before it is gone.
    pub(super) fn take(&self, count: impl FnOnce(usize) -> usize) -> RunQueue {
        if self.is_empty() {
            return RunQueue::new();
        }
        let refill = |present| if present == 0 { self.incoming.take() } else { RunQueue::new() };
        self.ordered.append_and_take(refill, count)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.incoming.is_closed()
    }

    /// How many tasks are waiting.
    pub(super) fn depth(&self) -> usize {
        if !self.incoming.is_empty() {
            let _none_taken = self.ordered.append_and_take(|_| self.incoming.take(), |_| 0);
        }
        self.ordered.len()
    }

    /// How many tasks are waiting, those left out that are not yet in order, which may be most.
    pub(super) fn len(&self) -> usize {
        self.ordered.len()
    }

    /// Accepts nothing more, and forgets what is queued: entries hold no references.
    pub(super) fn close(&self) {
        // Under the lock of the list, because a taker empties the stack under it, and the two must not meet.
        self.ordered.clear(|| {
            self.incoming.close();
        });
    }
}
