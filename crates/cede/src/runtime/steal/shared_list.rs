//! A list of tasks that several threads use: a run queue under a short lock, with its length beside it for a look without the lock.
//!
//! It is what does not fit into a worker's ring, and the ordered part of the injection queue. The lock is held for a few instructions, or for as many as a batch has tasks.

use std::sync::atomic::{AtomicUsize, Ordering};

use cede_core::lock::Lock;
use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;

pub(super) struct SharedList {
    tasks: Lock<RunQueue>,
    len: AtomicUsize,
}

impl SharedList {
    pub(super) fn new() -> Self {
        Self { tasks: Lock::new(RunQueue::new()), len: AtomicUsize::new(0) }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&self, task: TaskRef) {
        let mut tasks = self.tasks.lock();
        tasks.push(task);
        self.len.store(tasks.len(), Ordering::SeqCst);
    }

    /// Appends what `more` gives for the present length, then takes as many tasks from the front as `count` says for the length that there is then.
    pub(super) fn append_and_take(&self, more: impl FnOnce(usize) -> RunQueue, count: impl FnOnce(usize) -> usize) -> RunQueue {
        let mut tasks = self.tasks.lock();
        let present = tasks.len();
        // Before `more` is emptied, so that nobody sees both places empty while tasks move from one to the other.
        self.len.fetch_add(1, Ordering::SeqCst);
        tasks.append(&mut more(present));
        let count = count(tasks.len());
        let taken = front(&mut tasks, count);
        self.len.store(tasks.len(), Ordering::SeqCst);
        taken
    }

    /// Takes as many tasks from the front as `count` says for the present length.
    pub(super) fn take(&self, count: impl FnOnce(usize) -> usize) -> RunQueue {
        if self.is_empty() {
            return RunQueue::new();
        }
        self.append_and_take(|_| RunQueue::new(), count)
    }

    /// Forgets all entries; they hold no references. Does `also` under the same lock.
    pub(super) fn clear(&self, also: impl FnOnce()) {
        let mut tasks = self.tasks.lock();
        also();
        *tasks = RunQueue::new();
        self.len.store(0, Ordering::SeqCst);
    }
}

/// Not inlined: there are many who take.
#[inline(never)]
fn front(tasks: &mut RunQueue, count: usize) -> RunQueue {
    let mut taken = RunQueue::new();
    for _ in 0..count {
        let Some(task) = tasks.pop() else { break };
        taken.push(task);
    }
    taken
}
