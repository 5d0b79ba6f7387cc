//! The injection queue: tasks from threads that are no workers, and what does not fit into a worker's ring.
//!
//! A push is one compare-exchange on a [`TransferStack`]. Takers turn the stack into an ordered list under a short lock and take batches from that, so tasks leave in the
//! order in which they came.

use std::sync::atomic::{AtomicUsize, Ordering};

use cede_core::lock::Lock;
use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;
use cede_core::transfer_stack::{Closed, TransferStack};

pub(super) struct Inject {
    incoming: TransferStack,
    ordered: Lock<RunQueue>,
    /// The length of `ordered`, for a look without the lock.
    ordered_len: AtomicUsize,
}

impl Inject {
    pub(super) fn new() -> Self {
        Self { incoming: TransferStack::new(), ordered: Lock::new(RunQueue::new()), ordered_len: AtomicUsize::new(0) }
    }

    pub(super) fn push(&self, task: TaskRef) -> Result<(), Closed> {
        self.incoming.push(task).map(|_was_empty| ())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.incoming.is_empty() && self.ordered_len.load(Ordering::SeqCst) == 0
    }

    /// Takes up to `count` tasks, oldest first.
    pub(super) fn take(&self, count: usize) -> RunQueue {
        let mut taken = RunQueue::new();
        if self.is_empty() {
            return taken;
        }
        let mut ordered = self.ordered.lock();
        // Before the stack is emptied, so that nobody sees both places empty while the tasks move from one to the other.
        self.ordered_len.fetch_add(1, Ordering::SeqCst);
        ordered.append(&mut self.incoming.take());
        while taken.len() < count
            && let Some(task) = ordered.pop()
        {
            taken.push(task);
        }
        self.ordered_len.store(ordered.len(), Ordering::SeqCst);
        taken
    }

    pub(super) fn is_closed(&self) -> bool {
        self.incoming.is_closed()
    }

    /// About how many tasks are waiting, those not yet in order left out.
    pub(super) fn len(&self) -> usize {
        self.ordered_len.load(Ordering::Relaxed)
    }

    /// Accepts nothing more, and forgets what is queued: entries hold no references.
    pub(super) fn close(&self) {
        let mut ordered = self.ordered.lock();
        drop(self.incoming.close());
        *ordered = RunQueue::new();
        self.ordered_len.store(0, Ordering::SeqCst);
    }
}
