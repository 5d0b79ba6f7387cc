//! Tasks that have a rank, on a one-thread runtime.
//!
//! As on a work-stealing one: a home of their own, and the lanes. Where a policy of the user's orders all tasks, they queue like the others; the policy
//! sees the rank.
//!
//! # Invariants
//! Those of the parent module and of [`lanes`](crate::rank::lanes), and
//! - I1: a task of `RankedHome` is in a slab of `Shared`. (No loom model: the state word's is that of `cede_core::task`, and the lanes are behind a lock.)

use std::alloc::Layout;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use cede_core::task::{Home, TaskRef};

use super::home::LocalHome;
use super::spawn::spawn_to;
use super::{Scheduler, Shared, is_driven_here};
use crate::rank::{self, Rank, Ranked, Wanted, linked};
use crate::record;
use crate::runtime::ready::Ready;
use crate::task::slab;
use crate::task::{Id, JoinError, JoinHandle};

/// The home of the tasks that have a rank.
struct RankedHome;

impl Home for RankedHome {
    type Failure = JoinError;

    fn schedule(task: TaskRef) {
        record::wakes(task);
        // SAFETY: [I1] and the task is alive.
        let (shared, _) = unsafe { slab::owner_of::<Shared>(task) };
        if shared.ordered {
            return super::home::queue(task);
        }
        // Its future is there, and so is the entry of that: the caller has the right to poll it, which goes to the lanes.
        let rank = rank::of(task.id());
        // Once pushed, the task may run to its end and take its chunk, and the runtime, with it.
        let shared = shared.clone();
        let outside = !is_driven_here(&shared);
        if outside {
            record::wakes_outside(&shared.parts, &shared.foreign_stats.samples, task);
        }
        if let Some(rank) = rank
            && shared.push_ranked(task, &rank)
            && outside
        {
            shared.timers.driver().unpark();
        }
    }

    unsafe fn free(task: TaskRef, layout: Layout) {
        // SAFETY: [I1] and the caller's contract.
        unsafe { LocalHome::free(task, layout) };
    }
}

/// Starts a task that has a rank. One that is not `Send` is only spawned by the thread that the scheduler is bound to (I3).
pub(crate) fn spawn_ranked<F>(shared: &Arc<Shared>, future: F, wanted: Wanted, site: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let id = Id::next();
    let deadline = wanted.deadline.map(|deadline| shared.parts.clock.at(deadline));
    let future = Ranked::new(future, id.number(), wanted, deadline, &shared.lanes, &shared.parts.groups);
    let rank = future.rank().clone();
    let push_here = |scheduler: &Scheduler, task| {
        if shared.ordered {
            scheduler.push(task);
        } else {
            // They are closed by this thread.
            let _pushed = shared.push_ranked(task, &rank);
        }
    };
    let push_elsewhere = |task| {
        record::spawns_outside(&shared.parts, &shared.foreign_stats.samples, task);
        if shared.ordered { shared.push_to_inbox(task) } else { shared.push_ranked(task, &rank) }
    };
    spawn_to::<_, RankedHome>(shared, future, id, site, push_here, push_elsewhere)
}

impl Shared {
    /// Fails if the runtime ends, which will drop the future itself.
    fn push_ranked(&self, task: TaskRef, rank: &Arc<Rank>) -> bool {
        linked::push(&self.lanes, task, rank, self.parts.clock.now()).is_ok()
    }
}

impl rank::Scheduler for Scheduler {
    fn has_ordinary(&self) -> bool {
        !self.ready(|ready| ready.is_empty()) || !self.shared.inbox.is_empty()
    }

    fn next_ordinary(&self) -> Option<TaskRef> {
        self.next()
    }

    fn polls(&self) -> u32 {
        self.pace.polls()
    }

    fn now(&self) -> u64 {
        self.shared.parts.clock.now()
    }
}

impl Scheduler {
    /// A task that has a rank is still runnable after its poll. That is no wake.
    pub(super) fn push_again(&self, task: TaskRef) {
        if let Some(rank) = rank::of(task.id()) {
            // They are closed by this thread.
            let _pushed = self.shared.push_ranked(task, &rank);
        }
    }

    /// The next task, and whether it has a rank.
    #[cold]
    pub(super) fn next_by_rank(&self) -> (Option<TaskRef>, bool) {
        let next = linked::next(&mut self.turns.borrow_mut(), &self.shared.lanes, self);
        next.map_or_else(|| (self.next(), false), |(task, ranked)| (Some(task), ranked))
    }

    /// Takes any task that is queued.
    pub(super) fn pop_any(&self) -> Option<TaskRef> {
        self.ready(Ready::pop).or_else(|| linked::pop(&self.shared.lanes))
    }
}
