//! Tasks that have a rank, on a work-stealing runtime.
//!
//! They have a home of their own, by which a wake finds the lanes, and in the registry the rank. The rest is the same: cells are in the slab for foreign spawns, wherever they are spawned.
//!
//! # Invariants
//! Those of the parent module and of [`lanes`](crate::rank::lanes), and
//! - I1: a task of `RankedHome` is in a slab of `Shared`. (No loom model: the state word's is that of `cede_core::task`, and the lanes are behind a lock.)

use std::alloc::Layout;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use cede_core::task::{Home, TaskRef};

use super::{Shared, StealHome, is_driven_here, spawn_from_elsewhere};
use crate::rank::{self, Priority, Rank, Ranked, Wanted, linked};
use crate::record;
use crate::task::slab;
use crate::task::spans::{self, Made};
use crate::task::{Id, JoinError, JoinHandle};

/// The home of the tasks that have a rank.
struct RankedHome;

impl Home for RankedHome {
    type Failure = JoinError;

    fn schedule(task: TaskRef) {
        record::wakes(task);
        // SAFETY: [I1] and the task is alive.
        let (shared, _) = unsafe { slab::owner_of::<Shared>(task) };
        // Its future is there, and so is the entry of that: the caller has the right to poll it, which goes to the lanes.
        let rank = rank::of(task.id());
        // Once pushed, the task may run to its end and take its chunk, and the runtime, with it.
        let shared = shared.clone();
        if !is_driven_here(&shared) {
            record::wakes_outside(&shared.parts, &shared.foreign_stats.samples, task);
        }
        if let Some(rank) = rank {
            shared.push_ranked(task, &rank);
        }
    }

    unsafe fn free(task: TaskRef, layout: Layout) {
        // SAFETY: [I1] and the caller's contract.
        unsafe { StealHome::free(task, layout) };
    }
}

/// Starts a task that has a rank.
pub(crate) fn spawn_ranked<F>(shared: &Arc<Shared>, future: F, wanted: Wanted, site: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let id = Id::next();
    spans::spawns::<F>(id, site, size_of::<F>(), Made::Task);
    let deadline = wanted.deadline.map(|deadline| shared.parts.clock.at(deadline));
    let future = Ranked::new(future, id.number(), wanted, deadline, &shared.lanes, &shared.parts.groups);
    let rank = future.rank().clone();
    let now = shared.parts.clock.now();
    spawn_from_elsewhere::<_, RankedHome>(shared, future, id, site, &|task| {
        if is_driven_here(shared) {
            record::spawns(task);
        } else {
            record::spawns_outside(&shared.parts, &shared.foreign_stats.samples, task);
        }
        shared.lanes.push(task, &rank, now).is_ok()
    })
}

impl Shared {
    /// A task that has a rank is still runnable after its poll. That is no wake.
    pub(super) fn push_again(self: &Arc<Self>, task: TaskRef) {
        if let Some(rank) = rank::of(task.id()) {
            self.push_ranked(task, &rank);
        }
    }

    fn push_ranked(self: &Arc<Self>, task: TaskRef, rank: &Arc<Rank>) {
        // Closed lanes mean that the runtime ends and will drop the future itself.
        let Ok(class) = linked::push(&self.lanes, task, rank, self.parts.clock.now()) else { return };
        // A worker comes back to the lanes after its poll; what is more urgent than usual does not wait for that if somebody sleeps.
        let patient = class <= Priority::Normal && is_driven_here(self);
        let wake = if patient { self.idle.should_wake_for_push(false, || 0) } else { self.idle.should_wake_for_foreign_push() };
        if wake {
            self.wake_one();
        }
    }
}
