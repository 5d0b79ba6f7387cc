//! The owner of a task's output. Invariants are those of the parent module.

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::task::{Context, Poll, Waker};

use super::header::{Reference, TaskRef};
use super::state::{AfterLeave, JOIN_WAKER};
use crate::run_queue::RunQueue;

/// The right to a task's output: a `Result<T, F>` once it has ended. Dropping it detaches the task.
#[must_use = "a join handle that is dropped detaches its task"]
pub struct Join<T, F> {
    task: TaskRef,
    output: PhantomData<Result<T, F>>,
}

// SAFETY: the handle moves a `Result<T, F>` to whoever polls it and reaches nothing else that is bound to a thread.
unsafe impl<T: Send, F: Send> Send for Join<T, F> {}
// SAFETY: `&Join` only reads atomics and immutable fields.
unsafe impl<T: Send, F: Send> Sync for Join<T, F> {}
// Nothing is pinned in a handle: the output lives in the cell.
impl<T, F> Unpin for Join<T, F> {}

impl<T, F> Join<T, F> {
    /// Takes over one of the task's references.
    ///
    /// # Safety
    /// The task's output is a `Result<T, F>` and this becomes its only join handle.
    #[inline]
    pub(super) unsafe fn new(task: TaskRef) -> Self {
        Self { task, output: PhantomData }
    }

    /// The task.
    #[inline]
    #[must_use]
    pub fn task(&self) -> TaskRef {
        self.task
    }

    /// Returns the result if the task has ended; else keeps the waker and returns `Pending`.
    ///
    /// # Panics
    /// If it returned `Ready` before.
    #[inline]
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, F>> {
        if !self.task.state().is_complete() && !self.wake_when_complete(cx.waker()) {
            return Poll::Pending;
        }
        let mut result = MaybeUninit::<Option<Result<T, F>>>::new(None);
        // SAFETY: [I3] complete, and this is the one join handle: the stage is ours. The pointer has room for the result.
        unsafe { (self.task.vtable().take_output)(self.task, result.as_mut_ptr().cast()) };
        // SAFETY: initialized above, and overwritten by the call.
        match unsafe { result.assume_init() } {
            Some(result) => Poll::Ready(result),
            None => unreachable!("take_output panics or writes"),
        }
    }

    /// Leaves a waker for the completion; returns true if the task has completed already, and then nothing will be woken.
    #[must_use]
    pub fn wake_when_complete(&mut self, waker: &Waker) -> bool {
        let header = self.task.header();
        if header.state.load().has(JOIN_WAKER) {
            if header.join_waker.words().will_wake(waker) {
                return header.state.load().is_complete();
            }
            if header.state.take_join_waker().is_err() {
                return true;
            }
            // SAFETY: [I4] the bit was taken back before completion: the waker is ours again.
            drop(unsafe { header.join_waker.words().into_waker() });
        } else if header.state.load().is_complete() {
            return true;
        }
        // [I4] the bit is unset and we are the join handle: nobody else owns what is there. (After a completion between the check and here the runner does not either, since it finds the bit unset.)
        header.join_waker.put(waker.clone());
        header.state.set_join_waker().is_complete()
    }
}

impl<T, F> Join<T, F> {
    /// Lets go of the task. If it is complete, its output is left to the caller to drop (as the drop of a `Join` does at once); that may be nested as deep as outputs own handles.
    #[inline]
    #[must_use]
    pub fn leave(self) -> Option<Leftover> {
        core::mem::ManuallyDrop::new(self).let_go()
    }

    /// Called once.
    #[inline]
    fn let_go(&mut self) -> Option<Leftover> {
        match self.task.header().state.leave() {
            AfterLeave::Left => {}
            AfterLeave::DropOutput => return Some(Leftover(self.task)),
            AfterLeave::DropWaker => {
                cede_context::wait::forget(self.task.id());
                let _reference = Reference(self.task);
                // SAFETY: [I4] the bit was taken back before completion: the waker is ours.
                drop(unsafe { self.task.header().join_waker.words().into_waker() });
            }
        }
        None
    }
}

impl<T, F> Drop for Join<T, F> {
    #[inline]
    fn drop(&mut self) {
        drop(self.let_go());
    }
}

/// A complete task whose join handle is gone: dropping this drops the output, if it was not taken, and gives the handle's reference back.
#[derive(Debug)]
#[must_use = "the output is dropped with this"]
pub struct Leftover(pub(super) TaskRef);

impl Leftover {
    /// The task, which lives as long as this does.
    #[inline]
    #[must_use]
    pub fn task(&self) -> TaskRef {
        self.0
    }
}

impl Drop for Leftover {
    #[inline]
    fn drop(&mut self) {
        let _reference = Reference(self.0);
        // SAFETY: [I3] complete with interest: the output, if not taken, is ours to drop.
        unsafe { (self.0.vtable().drop_stage)(self.0) };
    }
}

/// Leftovers to be dropped later. They are linked through the tasks, which as complete ones are in no queue.
///
/// Dropping a list that is not empty leaks what is in it.
#[derive(Debug, Default)]
pub struct Leftovers(RunQueue);

impl Leftovers {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(RunQueue::new())
    }

    /// Adds one.
    pub fn push(&mut self, leftover: Leftover) {
        self.0.push(core::mem::ManuallyDrop::new(leftover).0);
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Leftover> {
        self.0.pop().map(Leftover)
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T, F> fmt::Debug for Join<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").field("task", &self.task).finish()
    }
}
