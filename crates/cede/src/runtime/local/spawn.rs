//! How tasks of a one-thread runtime are made. Invariants are those of the parent module.

use std::alloc::Layout;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use cede_core::task::{Cell as TaskCell, Home, TaskRef};

use super::home::LocalHome;
use super::{Scheduler, Shared, with_active};
use crate::inspect::age;
use crate::record;
use crate::runtime::reserved::{Push, Reserved};
use crate::task::spans::{self, Made};
use crate::task::{Id, JoinError, JoinHandle};

/// Starts a task.
#[inline]
pub(crate) fn spawn<F>(shared: &Arc<Shared>, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_to::<F, LocalHome>(shared, future, Id::next(), site, Scheduler::push, |task| push_outside(shared, task))
}

/// Starts a task that one of the two functions queues: here, or where another thread drives; that succeeds unless the runtime ends.
#[inline(always)]
pub(super) fn spawn_to<F, H>(
    shared: &Arc<Shared>,
    future: F,
    id: Id,
    site: &'static Location<'static>,
    push_here: impl FnOnce(&Scheduler, TaskRef),
    push_elsewhere: impl Fn(TaskRef) -> bool,
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
        _ => spawn_elsewhere::<F, H>(shared, future, id, site, &push_elsewhere),
    })
}

/// Starts a task that is not in the scheduler's own slab; `push` queues it, which succeeds unless the runtime ends.
#[cold]
#[inline]
fn spawn_elsewhere<F, H>(shared: &Arc<Shared>, future: F, id: Id, site: &'static Location<'static>, push: Push<'_>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
    H: Home<Failure = JoinError>,
{
    let Some(reserved) = (shared.linked.reserve_elsewhere)(shared, TaskCell::<F, H>::LAYOUT) else {
        return crate::task::spawn_cancelled(future, id, site);
    };
    // SAFETY: [I3] the memory is new. A future that is not `Send` is only spawned by the thread that the scheduler is bound to.
    let (task, join) = unsafe { TaskCell::<F, H>::emplace(reserved.memory, future, id.number(), site, reserved.born) };
    (shared.linked.admit_elsewhere)(shared, reserved, task, push);
    JoinHandle::new(join)
}

/// Memory for a task that is not in the scheduler's own slab; `None` if the runtime ends.
pub(super) fn reserve_elsewhere(shared: &Arc<Shared>, layout: Layout) -> Option<Reserved<'_, Shared>> {
    let mut foreign = shared.foreign_slab.lock();
    let open = !shared.inbox.is_closed() && !shared.parts.refuses_spawn();
    let memory = foreign.as_mut().filter(|_| open)?.allocate(layout);
    Some(Reserved { memory, born: age::coarse(shared.parts.clock.about_now()), _slab: foreign })
}

/// Queues what was made of that.
pub(super) fn admit_elsewhere(shared: &Arc<Shared>, reserved: Reserved<'_, Shared>, task: TaskRef, push: Push<'_>) {
    // Whoever counts has the slab.
    shared.foreign_stats.spawned();
    let pushed = push(task);
    drop(reserved);
    debug_assert!(pushed, "the inbox is closed under the same lock");
    shared.timers.driver().unpark();
}

/// Fails if the runtime ends.
fn push_outside(shared: &Shared, task: TaskRef) -> bool {
    record::spawns_outside(&shared.parts, &shared.foreign_stats.samples, task);
    shared.push_to_inbox(task)
}
