//! How tasks of a one-thread runtime are made. Invariants are those of the parent module.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use cede_core::task::{Cell as TaskCell, Home, TaskRef};

use super::home::LocalHome;
use super::{Scheduler, Shared, with_active};
use crate::inspect::age;
use crate::record;
use crate::task::spans::{self, Made};
use crate::task::{Id, JoinError, JoinHandle};

/// Starts a task.
#[inline]
pub(crate) fn spawn<F>(shared: &Arc<Shared>, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_to::<F, LocalHome>(shared, future, Id::next(), site, Scheduler::push, |task| {
        record::spawns_outside(&shared.parts, &shared.foreign_stats.samples, task);
        shared.push_to_inbox(task)
    })
}

/// Starts a task that one of the two functions queues: here, or where another thread drives; that succeeds unless the runtime ends.
#[inline(always)]
pub(super) fn spawn_to<F, H>(
    shared: &Arc<Shared>,
    future: F,
    id: Id,
    site: &'static Location<'static>,
    push_here: impl FnOnce(&Scheduler, TaskRef),
    push_elsewhere: impl FnOnce(TaskRef) -> bool,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
    H: Home<Failure = JoinError>,
{
    let layout = TaskCell::<F, H>::LAYOUT;
    spans::spawns::<F>(id, site, layout.size(), Made::Task);
    with_active(|active| match active {
        Some(scheduler) if Arc::ptr_eq(&scheduler.shared, shared) && !scheduler.slab(|slab| slab.is_frozen()) => {
            let memory = scheduler.slab(|slab| slab.allocate(layout));
            let born = age::coarse(scheduler.seen_at.get());
            // SAFETY: [I3] the memory is new. A future that is not `Send` is only spawned by its scheduler's thread.
            let (task, join) = unsafe { TaskCell::<F, H>::emplace(memory, future, id.number(), site, born) };
            shared.stats.spawned();
            record::spawns(task);
            push_here(scheduler, task);
            JoinHandle::new(join)
        }
        _ => spawn_from_elsewhere::<F, H>(shared, future, id, site, push_elsewhere),
    })
}

/// Starts a task that is not in the slab of the scheduler; `push` queues it, which succeeds unless the runtime ends.
#[cold]
fn spawn_from_elsewhere<F, H>(
    shared: &Arc<Shared>,
    future: F,
    id: Id,
    site: &'static Location<'static>,
    push: impl FnOnce(TaskRef) -> bool,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
    H: Home<Failure = JoinError>,
{
    let layout = TaskCell::<F, H>::LAYOUT;
    let mut place = shared.foreign_slab.lock();
    let open = !shared.inbox.is_closed() && !shared.parts.refuses_spawn();
    let Some(slab) = place.as_mut().filter(|_| open) else {
        drop(place);
        return crate::task::spawn_cancelled(future, id, site);
    };
    let memory = slab.allocate(layout);
    let born = age::coarse(shared.parts.clock.about_now());
    // SAFETY: [I3] the memory is new. A future that is not `Send` is only spawned by the thread that the scheduler is bound to. The slab is locked, so the walk of the shutdown sees the
    // task whole or not at all.
    let (task, join) = unsafe { TaskCell::<F, H>::emplace(memory, future, id.number(), site, born) };
    // Whoever counts has the slab.
    shared.foreign_stats.spawned();
    let pushed = push(task);
    drop(place);
    debug_assert!(pushed, "the inbox is closed under the same lock");
    shared.timers.driver().unpark();
    JoinHandle::new(join)
}
