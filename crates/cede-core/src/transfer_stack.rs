//! Tasks from many threads to one taker: a stack that is pushed to one by one and taken as a whole.
//!
//! # What
//! The inbox of a scheduler for tasks woken by foreign threads, and of a slab for cells freed by them. A push is one compare-exchange, whoever else
//! pushes; the taker swaps the whole chain out and turns it round, so tasks come out in the order of the pushes.
//!
//! # Why not the obvious way
//! A stack that is popped one by one has the ABA problem. A queue with two ends (Vyukov's) has a moment in which a push is half done and the taker
//! must wait for a descheduled producer.
//!
//! # States
//! `head` is null (empty), a task (the newest), or the address [`CLOSED`] (nothing is accepted any more; the pusher keeps what it has).
//!
//! # Who may touch what
//! A pusher owns the task's link until its compare-exchange succeeds, then the stack does, then the taker. [`TransferStack::take`] and [`TransferStack::close`] are
//! the taker's, of whom there is one at a time: a `take` that has seen the stack open must not meet a `close`.
//!
//! # Orderings
//! One variable: the Release of a push pairs with the Acquire of the swap that takes it. Pushes are SeqCst as well, because an inbox is one side of a
//! parking protocol: "push, then look whether the taker sleeps" against "say that I sleep, then look whether something was pushed".

use core::ptr::{self, NonNull};

use crate::prim::atomic::{AtomicPtr, Ordering};
use crate::run_queue::RunQueue;
use crate::task::{Header, TaskRef};

/// See the module's description.
#[derive(Debug)]
pub struct TransferStack {
    head: AtomicPtr<Header>,
}

/// The stack was closed; the caller keeps what it wanted to push.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed;

/// No header can have this address: headers are aligned to 64.
const CLOSED: *mut Header = ptr::without_provenance_mut(1);

impl TransferStack {
    crate::const_fn_unless_loom! {
        #[doc = "An empty stack."]
        #[must_use]
        pub fn new() -> TransferStack {
            TransferStack { head: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Puts a task on the stack; says whether the stack was empty.
    ///
    /// # Errors
    /// [`Closed`] if the stack was closed.
    pub fn push(&self, task: TaskRef) -> Result<bool, Closed> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == CLOSED {
                return Err(Closed);
            }
            // SAFETY: a head that is neither null nor CLOSED is a task in this stack; it is only compared and linked, not accessed.
            task.set_next(NonNull::new(head).map(|head| unsafe { TaskRef::from_raw(head) }));
            match self.head.compare_exchange_weak(head, task.as_ptr().as_ptr(), Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return Ok(head.is_null()),
                Err(found) => head = found,
            }
        }
    }

    /// Takes everything, oldest first. A closed stack stays closed.
    pub fn take(&self) -> RunQueue {
        if self.is_empty() {
            return RunQueue::new();
        }
        self.swap(ptr::null_mut())
    }

    /// Takes everything and accepts nothing more.
    pub fn close(&self) -> RunQueue {
        self.swap(CLOSED)
    }

    /// Whether nothing is accepted any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.head.load(Ordering::SeqCst) == CLOSED
    }

    /// Whether there is nothing to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::SeqCst);
        head.is_null() || head == CLOSED
    }

    fn swap(&self, next: *mut Header) -> RunQueue {
        let head = self.head.swap(next, Ordering::AcqRel);
        if head == CLOSED {
            self.head.store(CLOSED, Ordering::Release);
            return RunQueue::new();
        }
        // SAFETY: the chain was swapped out whole, so its tasks and links are ours.
        RunQueue::from_newest_first(NonNull::new(head).map(|head| unsafe { TaskRef::from_raw(head) }))
    }
}

impl Default for TransferStack {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, loom))]
mod model;
