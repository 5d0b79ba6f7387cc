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
use crate::runtime::outside::{self, Emplace, Push};
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
        // SAFETY: [I3] the memory is new. A future that is not `Send` is only spawned by the thread that the scheduler is bound to.
        _ => unsafe {
            let make = &mut |emplace: Emplace<'_>| (shared.linked.make_elsewhere)(shared, layout, emplace, &push_elsewhere);
            outside::spawn::<F>(future, id, site, TaskCell::<F, H>::emplace, make)
        },
    })
}

/// The same for what is spawned rarely: but for the future itself, it is compiled once.
pub(crate) fn spawn_rarely<F>(shared: &Arc<Shared>, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let layout = TaskCell::<F, LocalHome>::LAYOUT;
    let id = Id::next();
    spans::spawns::<F>(id, site, layout.size(), Made::Task);
    // SAFETY: [I3] the memory is new. A future that is not `Send` is only spawned by the thread that the scheduler is bound to.
    unsafe {
        let make = &mut |emplace: Emplace<'_>| (shared.linked.make)(shared, layout, emplace);
        outside::spawn::<F>(future, id, site, TaskCell::<F, LocalHome>::emplace, make)
    }
}

/// Makes and queues a task where this thread may.
pub(super) fn make(shared: &Arc<Shared>, layout: Layout, emplace: Emplace<'_>) {
    let here = with_active(|active| {
        let own = |scheduler: &&Scheduler| Arc::ptr_eq(&scheduler.shared, shared) && !scheduler.slab(|slab| slab.is_frozen());
        let Some(scheduler) = active.filter(own) else { return false };
        let memory = scheduler.slab(|slab| slab.allocate(layout));
        let task = emplace(memory, age::coarse(scheduler.seen_at.get()));
        shared.stats.spawned();
        record::spawns(task);
        scheduler.push(task);
        true
    });
    if !here {
        make_elsewhere(shared, layout, emplace, &|task| {
            record::spawns_outside(&shared.parts, &shared.foreign_stats.samples, task);
            shared.push_to_inbox(task)
        });
    }
}

/// Makes and queues a task that is not in the scheduler's own slab; `push` succeeds unless the runtime ends.
pub(super) fn make_elsewhere(shared: &Arc<Shared>, layout: Layout, emplace: Emplace<'_>, push: Push<'_>) {
    let mut place = shared.foreign_slab.lock();
    let open = !shared.inbox.is_closed() && !shared.parts.refuses_spawn();
    let Some(slab) = place.as_mut().filter(|_| open) else { return };
    // The slab is locked, so the walk of the shutdown sees the task whole or not at all.
    let task = emplace(slab.allocate(layout), age::coarse(shared.parts.clock.about_now()));
    // Whoever counts has the slab.
    shared.foreign_stats.spawned();
    let pushed = push(task);
    drop(place);
    debug_assert!(pushed, "the inbox is closed under the same lock");
    shared.timers.driver().unpark();
}
