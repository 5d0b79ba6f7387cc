//! Where the tasks of a one-thread scheduler go when they are woken, and when they are gone. The invariants are those of the parent module. (No loom model: what it does to a task is modelled in
//! `cede_core::task`, and the inbox in `cede_core::transfer_stack`.)

use std::alloc::Layout;
use std::sync::Arc;

use cede_core::task::{Home, TaskRef};

use super::{Shared, with_active};
use crate::record;
use crate::task::JoinError;
use crate::task::slab;

/// The home of the tasks of one-thread schedulers.
pub(super) struct LocalHome;

impl Home for LocalHome {
    type Failure = JoinError;

    fn schedule(task: TaskRef) {
        // SAFETY: [I4] and the task is alive.
        let schedule = unsafe { slab::owner_of::<Shared>(task) }.0.linked.schedule;
        schedule(task);
    }

    unsafe fn wake_and_release(task: TaskRef) {
        // SAFETY: [I4] and the caller's reference keeps the task.
        let wake_and_release = unsafe { slab::owner_of::<Shared>(task) }.0.linked.wake_and_release;
        // SAFETY: [I4] it is this scheduler's; the rest is the caller's contract.
        unsafe { wake_and_release(task) };
    }

    unsafe fn free(task: TaskRef, _layout: Layout) {
        // SAFETY: [I4] the last reference is gone, and the chunk is alive until the cell is given back.
        let free = unsafe { slab::owner_of::<Shared>(task) }.0.linked.free;
        // SAFETY: [I4] it is this scheduler's; the rest is the caller's contract.
        unsafe { free(task) };
    }
}

/// What is done to a task of this scheduler by whoever has a reference, or had the last one. Where the scheduler is, stands in the task's chunk, which may be gone before the function returns: so that is
/// no argument.
pub(super) type OfReference = unsafe fn(TaskRef);

/// # Safety
/// As [`Home::wake_and_release`]; the task is of this scheduler.
pub(super) unsafe fn wake_and_release(task: TaskRef) {
    // SAFETY: [I4] and the caller's reference keeps the task.
    let (shared, _) = unsafe { slab::owner_of::<Shared>(task) };
    with_active(|active| match active {
        Some(scheduler) if Arc::ptr_eq(&scheduler.shared, shared) => {
            // SAFETY: [I4] the scheduler does not end meanwhile; the rest is the caller's contract.
            unsafe {
                task.wake_and_release_into(|task| {
                    record::wakes(task);
                    scheduler.push(task);
                });
            }
        }
        // SAFETY: [I2 of `cede_core::task`] the caller's reference.
        _ => unsafe { task.wake_and_release() },
    });
}

/// # Safety
/// As [`Home::free`]; the task is of this scheduler.
pub(super) unsafe fn free(task: TaskRef) {
    // SAFETY: [I4] the last reference is gone, and the chunk is alive until the cell is given back.
    let (shared, number) = unsafe { slab::owner_of::<Shared>(task) };
    with_active(|active| match active {
        Some(scheduler) if scheduler.slab(|slab| slab.owns(shared, number)) => {
            // SAFETY: [I4] the last reference is gone, and the slab is the one that owns the cell.
            scheduler.slab(|slab| unsafe { slab.free(task) });
        }
        // SAFETY: [I4] as above.
        _ => unsafe { slab::free_elsewhere::<Shared>(task) },
    });
}

/// To the queue of the thread that drives the scheduler: directly if that is this one.
pub(super) fn schedule(task: TaskRef) {
    record::wakes(task);
    queue(task);
}

/// The same of a task whose wake is recorded.
pub(super) fn queue(task: TaskRef) {
    // SAFETY: [I4] and the task is alive.
    let (shared, _) = unsafe { slab::owner_of::<Shared>(task) };
    with_active(|active| match active {
        Some(scheduler) if Arc::ptr_eq(&scheduler.shared, shared) => scheduler.push(task),
        _ => {
            // Once pushed, the task may run to its end and take its chunk, and the runtime, with it.
            let shared = shared.clone();
            record::wakes_outside(&shared.parts, &shared.foreign_stats.samples, task);
            // A closed inbox means that the runtime ends and will drop the future itself.
            if shared.push_to_inbox(task) {
                shared.timers.driver().unpark();
            }
        }
    });
}
