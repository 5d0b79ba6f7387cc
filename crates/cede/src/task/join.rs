//! Handles on tasks.
//!
//! # Invariants
//! - I1: the join of a handle is there from its making to its drop, which takes it out; nothing uses it after that.
//! - I2: an abort handle owns one reference to its task. (The loom models are those of `cede_core::task`, whose functions this calls.)

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use cede_context::budget;
use cede_context::holder::{self, Awaited};
use cede_context::wait::{WaitKind, waiting_for_by_way};
use cede_core::task::{Join, TaskRef};

use super::{Id, JoinError, nesting};
use crate::rank;
use crate::runtime::context;

/// The right to await a task's output. Dropping it detaches the task, which goes on.
///
/// *Cancel safety*: awaiting `&mut handle` and dropping that loses nothing; the output waits in the task.
///
/// # Panics
/// When it is polled after it returned its result.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let handle = cede::spawn(async { 6 * 7 });
/// assert_eq!(handle.await.unwrap(), 42);
/// # });
/// ```
pub struct JoinHandle<T> {
    /// Initialized until the drop.
    join: ManuallyDrop<Join<T, JoinError>>,
}

impl<T> Unpin for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(crate) fn new(join: Join<T, JoinError>) -> Self {
        Self { join: ManuallyDrop::new(join) }
    }

    /// Asks for the task's future to be dropped at its next turn. Awaiting the handle then gives a cancelled [`JoinError`], unless the task
    /// completes first. A blocking closure that already runs is not stopped.
    pub fn abort(&self) {
        self.join.task().cancel();
    }

    /// Whether the task has ended and its future is gone.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.join.task().state().is_complete()
    }

    /// A handle that can abort the task and nothing else.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.join.task())
    }

    /// The task's id.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::from_number(self.join.task().id())
    }

    /// Wakes `waker` when the task has ended, or now if it has already. A later poll of the handle replaces the waker.
    pub(crate) fn wake_when_complete(&mut self, waker: &Waker) {
        if self.join.wake_when_complete(waker) {
            waker.wake_by_ref();
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(budget::poll_proceed(cx));
        match self.join.poll(cx) {
            Poll::Ready(result) => {
                unit.spend();
                Poll::Ready(result.map_err(JoinError::told))
            }
            Poll::Pending => {
                if rank::any() {
                    holder::waits(Awaited::Task(self.join.task().id()));
                }
                waiting_for_by_way(WaitKind::Join, self.join.task().id(), !context::is_of_current_task(cx.waker()));
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: [I1] a value is dropped once, and nobody uses the field after this.
        let join = unsafe { ManuallyDrop::take(&mut self.join) };
        if rank::any() {
            rank::linked::released(join.task().id());
        }
        if let Some(leftover) = join.leave() {
            if std::mem::needs_drop::<T>() {
                nesting::settle(leftover);
            } else {
                // At most the payload of a panic.
                drop(leftover);
            }
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

/// The right to abort a task, without the right to its output.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let task = cede::spawn(std::future::pending::<()>());
/// let abort = task.abort_handle();
/// abort.abort();
/// assert!(task.await.unwrap_err().is_cancelled());
/// assert!(abort.is_finished());
/// # });
/// ```
pub struct AbortHandle {
    task: TaskRef,
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    pub(crate) fn new(task: TaskRef) -> Self {
        task.retain();
        Self { task }
    }

    /// See [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.task.cancel();
    }

    /// Whether the task has ended and its future is gone.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.state().is_complete()
    }

    /// The task's id.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::from_number(self.task.id())
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        Self::new(self.task)
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        // SAFETY: [I2] the reference taken in `new` is given back here, once.
        unsafe { self.task.release() };
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}
