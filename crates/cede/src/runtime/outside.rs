//! Spawning from threads that run no worker of the runtime. What depends on the type of the future is as little as can be: everything else is compiled once.

use std::future::Future;
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
    let mut future = Some(future);
    let mut join = None;
    make(&mut |memory, born| {
        let future = future.take().expect("a task is made once");
        // SAFETY: the caller's contract.
        let (task, made) = unsafe { emplace_of(memory, future, id.number(), site, born) };
        join = Some(made);
        task
    });
    match (join, future) {
        (Some(join), _) => JoinHandle::new(join),
        (None, Some(future)) => crate::task::spawn_cancelled(future, id, site),
        (None, None) => unreachable!("a future that was taken has become a task"),
    }
}
