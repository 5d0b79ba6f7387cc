//! One turn of one task: the part that all schedulers share.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use cede_context::{budget, wait};
use cede_core::task::{Leftover, TaskRef, with_waker};

use super::context;
use super::panics::{Panicked, Untold};
use crate::inspect::chain;
use crate::record;
use crate::task::{Id, JoinError, spans};

/// The future of a `block_on`, without its type, so that what drives it is compiled once. It keeps its output to itself, and is not called again after that.
pub(crate) type Main<'a> = &'a mut dyn FnMut(&mut Context<'_>) -> Poll<()>;

/// What became of a task at its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// It waits to be woken; the scheduler must not touch it any more.
    Asleep,
    /// It is runnable again and still the scheduler's: to be put at the back of a queue.
    Again,
    /// It ended; the scheduler must not touch it any more.
    Completed,
}

/// Gives a task its turn. `on_panic` is called if it panics, before its join handle knows; what it returns is told if nobody asks the handle.
///
/// # Safety
/// The caller took the task from a queue, and with it the right to poll; its failure type is [`JoinError`].
#[inline]
pub(crate) unsafe fn run(task: TaskRef, on_panic: impl FnOnce(&Panicked<'_>) -> Option<Untold>) -> Outcome {
    if task.start().is_cancelled() {
        // SAFETY: the caller's contract.
        unsafe { cancel(task) };
        return Outcome::Completed;
    }
    task.count_poll();
    record::polls(task);
    let entered = spans::enter(task);
    wait::clear();
    let polled = catch_unwind(AssertUnwindSafe(|| {
        context::polling(task, || {
            budget::with_initial(|| {
                let unwinds = DropsWhileUnwinding(task);
                // SAFETY: the caller's contract.
                let polled = with_waker(task, |waker| unsafe { task.poll(&mut Context::from_waker(waker)) });
                std::mem::forget(unwinds);
                polled
            })
        })
    }));
    entered.leave(task, || matches!(polled, Ok((Poll::Pending, yielded)) if yielded || task.state().is_notified()));
    match polled {
        Ok((Poll::Pending, yielded)) => {
            task.set_wait(wait::take_word());
            // SAFETY: the caller's contract. A task that yielded is queued with the right to poll still taken.
            if yielded || unsafe { task.park() } { Outcome::Again } else { Outcome::Asleep }
        }
        Ok((Poll::Ready(()), _)) => {
            // SAFETY: the output is in place.
            unsafe { complete(task) };
            Outcome::Completed
        }
        Err(panic) => {
            let awaited = task.state().has_join_handle();
            let untold = on_panic(&Panicked { task: task.id(), spawned_at: task.site(), payload: &*panic, awaited });
            let error = JoinError::panicked(Id::from_number(task.id()), panic, untold);
            // SAFETY: the caller's contract.
            unsafe { fail(task, error) };
            Outcome::Completed
        }
    }
}

/// A future that panics is dropped while its panic unwinds, so that what it owns can see that (a guard of a mutex poisons it).
struct DropsWhileUnwinding(TaskRef);

impl Drop for DropsWhileUnwinding {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: [I1 of `cede_core::task`] this is dropped only by a panic of the poll, whose caller has the right to poll and ends the task then. A panic of the drop must not leave this function.
        shielded(|| unsafe { self.0.drop_future() });
    }
}

/// Ends a task that was aborted, or whose runtime ends.
///
/// # Safety
/// The caller has the right to poll, and the failure type is [`JoinError`].
#[cold]
pub(crate) unsafe fn cancel(task: TaskRef) {
    let error = JoinError::cancelled(Id::from_number(task.id()));
    // SAFETY: the caller's contract.
    unsafe { fail(task, error) };
}

/// # Safety
/// As for [`cancel`].
#[cold]
unsafe fn fail(task: TaskRef, error: JoinError) {
    let id = Id::from_number(task.id());
    // SAFETY: the caller's contract.
    let dropped = catch_unwind(AssertUnwindSafe(|| context::polling(task, || unsafe { task.fail(error) })));
    if let Err(panic) = dropped {
        let error = JoinError::panicked(id, panic, None);
        // SAFETY: as above; what panicked in its drop is gone now, so nothing is left that could.
        unsafe { task.fail(error) };
    }
    // SAFETY: the failure is in place.
    unsafe { complete(task) };
}

/// # Safety
/// The output is in place and the caller has the right to poll.
#[inline]
unsafe fn complete(task: TaskRef) {
    record::ends(task);
    chain::ended(task);
    // SAFETY: the caller's contract.
    match catch_unwind(AssertUnwindSafe(|| unsafe { task.complete() })) {
        Ok(None) => {}
        Ok(Some(leftover)) => drop_leftover(leftover),
        Err(panic) => ignore(panic),
    }
}

/// Drops an output that nobody wants, as the task that it is of. A panic goes nowhere: there is nobody left to tell but the panic hook.
pub(crate) fn drop_leftover(leftover: Leftover) {
    shielded(|| context::polling(leftover.task(), || drop(leftover)));
}

/// Runs what calls foreign wakers. Each of them has been called when this returns, and the panic hook has been told if one panicked; the scheduler goes on.
pub(crate) fn shielded<R>(wake: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(wake)) {
        Ok(result) => Some(result),
        Err(panic) => {
            ignore(panic);
            None
        }
    }
}

/// The output's drop or a foreign waker panicked after the task had ended; there is nobody left to tell but the panic hook, which has been told.
#[cold]
fn ignore(panic: Box<dyn Any + Send>) {
    // The payload's own drop may panic, too.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}
