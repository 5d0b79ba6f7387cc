//! Spawning from threads that run no worker of the runtime, and what is spawned rarely. What depends on the type of the future is as little as can be: everything else is compiled once.
//!
//! # Why not the obvious way
//! An `Option` that the future is taken out of is two copies of the future more, on the stack of whoever spawns it. (No loom model: one thread, no shared memory.)
//!
//! # Invariants
//! - I1: a [`Waiting`] is full until its future was moved out, once.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;

use cede_core::task::{Join, TaskRef};

use crate::task::{Id, JoinError, JoinHandle};

/// Puts the future into new memory, with its time of birth.
pub(crate) type Emplace<'a> = &'a mut dyn FnMut(NonNull<u8>, u32) -> TaskRef;

/// Queues a new task; says whether that was possible.
pub(crate) type Push<'a> = &'a dyn Fn(TaskRef) -> bool;

/// [`Cell::emplace`](cede_core::task::Cell::emplace) for a home.
pub(crate) type EmplaceOf<F> =
    unsafe fn(NonNull<u8>, F, u64, &'static Location<'static>, u32) -> (TaskRef, Join<<F as Future>::Output, JoinError>);

/// Starts a task for which `make` finds memory and a queue, unless the runtime ends: then it is cancelled.
///
/// # Safety
/// The memory that `make` gives is as `emplace_of` wants it, and `make` queues what it gets for it. A future that is not `Send` is spawned by the thread that will run it.
#[cold]
pub(crate) unsafe fn spawn<F>(
    future: F,
    id: Id,
    site: &'static Location<'static>,
    emplace_of: EmplaceOf<F>,
    make: &mut dyn FnMut(Emplace<'_>),
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let mut waiting = Waiting { future: ManuallyDrop::new(future), full: true };
    let mut join = None;
    make(&mut |memory, born| {
        assert!(std::mem::replace(&mut waiting.full, false), "a task is made once");
        // SAFETY: [I1] it was full. The rest is the caller's contract.
        let (task, made) = unsafe { emplace_of(memory, ManuallyDrop::take(&mut waiting.future), id.number(), site, born) };
        join = Some(made);
        task
    });
    match join {
        Some(join) => JoinHandle::new(join),
        None => {
            waiting.full = false;
            // SAFETY: [I1] without a task it was full until just now.
            crate::task::spawn_cancelled(unsafe { ManuallyDrop::take(&mut waiting.future) }, id, site)
        }
    }
}

/// A future that has no memory of its own yet.
struct Waiting<F> {
    future: ManuallyDrop<F>,
    full: bool,
}

impl<F> Drop for Waiting<F> {
    fn drop(&mut self) {
        if self.full {
            // SAFETY: [I1] it is full, and nobody comes after this.
            unsafe { ManuallyDrop::drop(&mut self.future) };
        }
    }
}
