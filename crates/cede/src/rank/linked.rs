//! What is in a program only if it gives a task a rank.
//!
//! Schedulers ask the lanes whether anything waits there, and locks say who waits for whom. So the linker would keep all of this module for programs that never give a rank to anything, which are
//! most. Instead the first task with a rank puts a table of functions here; before that there is nothing to do.

#![forbid(unsafe_code)]

use std::sync::{Arc, OnceLock};

use cede_context::holder::Awaited;
use cede_core::task::TaskRef;

use super::lanes::Closed;
use super::{CpuGroupMetrics, Lanes, Priority, Rank, Scheduler, Turns, Usages, inherit};
use crate::inspect::registry::Inspected;

/// What groups have had, each with the number of the runtime.
pub(crate) type GroupsOfRuntimes = Vec<(u64, CpuGroupMetrics)>;

type AskRuntimes = fn(&[Arc<dyn Inspected>], Option<u64>) -> GroupsOfRuntimes;

/// A task, and whether it has a rank.
type Next = Option<(TaskRef, bool)>;

struct Linked {
    next: fn(&mut Turns, &Lanes, &dyn Scheduler) -> Next,
    pop: fn(&Lanes) -> Option<TaskRef>,
    of: fn(u64) -> Option<Arc<Rank>>,
    holds: fn(u64, u64),
    idle: fn(u64),
    begins: fn(Awaited, u64),
    ends: fn(Awaited, u64),
    released: fn(u64),
    push: fn(&Lanes, TaskRef, &Arc<Rank>, u64) -> Result<Priority, Closed>,
    close: fn(&Lanes),
    groups_of: fn(&Usages) -> Vec<CpuGroupMetrics>,
    groups: AskRuntimes,
}

static LINKED: OnceLock<&'static Linked> = OnceLock::new();

/// A task gets a rank. The table is not a static, which this crate would have to compile.
#[inline]
pub(super) fn link() {
    const ALL: &Linked = &Linked {
        next: Turns::next,
        pop: Lanes::pop,
        of: super::registered,
        holds: inherit::holds,
        idle: inherit::idle,
        begins: inherit::begins,
        ends: inherit::ends,
        released: inherit::released,
        push: Lanes::push,
        close: Lanes::close,
        groups_of: Usages::all,
        groups: all_groups,
    };
    LINKED.get_or_init(|| ALL);
}

/// See [`Turns::next`].
#[cold]
pub(crate) fn next(turns: &mut Turns, lanes: &Lanes, scheduler: &dyn Scheduler) -> Next {
    LINKED.get().and_then(|linked| (linked.next)(turns, lanes, scheduler))
}

/// Takes any task from the lanes.
pub(crate) fn pop(lanes: &Lanes) -> Option<TaskRef> {
    LINKED.get().and_then(|linked| (linked.pop)(lanes))
}

/// The rank of a task.
pub(crate) fn of(task: u64) -> Option<Arc<Rank>> {
    LINKED.get().and_then(|linked| (linked.of)(task))
}

/// See [`inherit::holds`].
pub(crate) fn holds(lock: u64, holder: u64) {
    if let Some(linked) = LINKED.get() {
        (linked.holds)(lock, holder);
    }
}

/// See [`inherit::idle`].
pub(crate) fn idle(lock: u64) {
    if let Some(linked) = LINKED.get() {
        (linked.idle)(lock);
    }
}

/// See [`inherit::begins`].
pub(crate) fn begins(what: Awaited, waiter: u64) {
    if let Some(linked) = LINKED.get() {
        (linked.begins)(what, waiter);
    }
}

/// See [`inherit::released`].
#[cold]
pub(crate) fn released(task: u64) {
    if let Some(linked) = LINKED.get() {
        (linked.released)(task);
    }
}

/// See [`inherit::ends`].
pub(crate) fn ends(what: Awaited, waiter: u64) {
    if let Some(linked) = LINKED.get() {
        (linked.ends)(what, waiter);
    }
}

pub(super) fn groups_of(usages: &Usages) -> Vec<CpuGroupMetrics> {
    LINKED.get().map(|linked| (linked.groups_of)(usages)).unwrap_or_default()
}

/// What the groups of these runtimes have had, and on which, or on `only` one.
pub(crate) fn groups(runtimes: &[Arc<dyn Inspected>], only: Option<u64>) -> GroupsOfRuntimes {
    LINKED.get().map(|linked| (linked.groups)(runtimes, only)).unwrap_or_default()
}

#[inline]
fn all_groups(runtimes: &[Arc<dyn Inspected>], only: Option<u64>) -> GroupsOfRuntimes {
    let mut groups = Vec::new();
    for parts in runtimes.iter().map(|runtime| runtime.parts()) {
        let number = parts.id.number();
        if only.is_none_or(|only| number == only) {
            groups.extend(parts.groups.all().into_iter().map(|group| (number, group)));
        }
    }
    groups
}

/// Queues a task that has a rank: its future has linked all this.
pub(crate) fn push(lanes: &Lanes, task: TaskRef, rank: &Arc<Rank>, now: u64) -> Result<Priority, Closed> {
    LINKED.get().map_or(Err(Closed), |linked| (linked.push)(lanes, task, rank, now))
}

/// Nothing is queued from now on, and what was is forgotten.
pub(crate) fn close(lanes: &Lanes) {
    lanes.refuse();
    if let Some(linked) = LINKED.get() {
        (linked.close)(lanes);
    }
}
