//! Spawning from threads that run no worker of the runtime. What depends on the type of the future is as little as can be: everything else is compiled once.

use std::alloc::Layout;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;

use cede_core::task::{Cell, Home, TaskRef};

use crate::task::{Id, JoinError, JoinHandle};

/// Puts the future into new memory, with its time of birth.
pub(crate) type Emplace<'a> = &'a mut dyn FnMut(NonNull<u8>, u32) -> TaskRef;

/// Queues a new task; says whether that was possible.
pub(crate) type Push<'a> = &'a dyn Fn(TaskRef) -> bool;

/// Starts a task for which `make` finds memory and a queue, unless the runtime ends: then it is cancelled.
///
/// # Safety
/// The memory that `make` gives is as [`Cell::emplace`] wants it, and `make` queues what it gets for it. A future that is not `Send` is spawned by the thread that will run it.
#[cold]
pub(crate) unsafe fn spawn<F, H>(
    future: F,
    id: Id,
    site: &'static Location<'static>,
    make: &mut dyn FnMut(Layout, Emplace<'_>),
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
    H: Home<Failure = JoinError>,
{
    let mut future = Some(future);
    let mut join = None;
    make(Cell::<F, H>::LAYOUT, &mut |memory, born| {
        let future = future.take().expect("a task is made once");
        // SAFETY: the caller's contract.
        let (task, made) = unsafe { Cell::<F, H>::emplace(memory, future, id.number(), site, born) };
        join = Some(made);
        task
    });
    match (join, future) {
        (Some(join), _) => JoinHandle::new(join),
        (None, Some(future)) => crate::task::spawn_cancelled(future, id, site),
        (None, None) => unreachable!("a future that was taken has become a task"),
    }
}
