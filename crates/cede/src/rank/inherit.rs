//! Whoever holds what others wait for matters as much as they do.
//!
//! # What
//! A graph of the waits for locks and for tasks, kept while any task of the process has a rank. Locks say who waits and who holds ([`cede_context::holder`]); join handles say which task they wait for. A task with a rank
//! gets the highest class among its own and those of all who wait for it, directly or through others; when somebody has ceased to wait it is computed anew.
//!
//! # Why not the obvious way
//! A count in each lock of what waits for it would make every lock larger, and could not be followed from a task to the lock that *it* waits for. To raise whoever releases a lock, when it is released, comes too late: it
//! has to run before it can release it.
//!
//! # Who may touch what
//! `GRAPH`: everybody, under its lock, in which only ranks and lanes are locked besides, and no foreign code runs. Locks call with their own queue locked.
//!
//! # What it does not see
//! Waits that began before the first task with a rank; readers of an `RwLock`, and holders of permits and of owned guards, who are not known; and ordinary tasks are not raised, but whoever they wait for is raised to `Normal`. A task
//! that is raised while it is queued wakes no worker: this runs under a lock's own queue, and to wake one takes a handle on the runtime, the last of which must not be dropped there. It was announced when it was queued; so
//! the worker that comes next takes it, after its poll, from its watch, or from a rescue.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cede_context::holder::Awaited;

use super::Priority;

/// A circle of waits would never settle; so many steps are enough for any chain that makes sense.
const STEPS_MAX: usize = 1_000;

static GRAPH: Mutex<Option<Graph>> = Mutex::new(None);

#[derive(Debug, Default)]
struct Graph {
    things: HashMap<Awaited, Thing>,
    tasks: HashMap<u64, Node>,
}

/// A lock or a task, for which somebody waits.
#[derive(Debug, Default)]
struct Thing {
    holder: Option<u64>,
    waiters: Vec<u64>,
}

/// A task that waits, or holds what is waited for.
#[derive(Debug)]
struct Node {
    class: Priority,
    waits_for: Vec<Awaited>,
    holds: Vec<Awaited>,
}

#[inline]
fn graph() -> Option<MutexGuard<'static, Option<Graph>>> {
    let graph = super::any().then(|| GRAPH.lock().unwrap_or_else(PoisonError::into_inner));
    // The last rank may have gone meanwhile, and the graph with it.
    graph.filter(|_| super::any())
}

/// Somebody waits for the lock at this address, which this task has now; zero: nobody knows.
#[inline]
pub(super) fn holds(lock: u64, holder: u64) {
    let Some(mut graph) = graph() else { return };
    graph.get_or_insert_default().hold(Awaited::Lock(lock), (holder != 0).then_some(holder));
}

/// Nobody waits for the lock at this address any more.
#[inline]
pub(super) fn idle(lock: u64) {
    let Some(mut graph) = graph() else { return };
    graph.get_or_insert_default().forget(Awaited::Lock(lock));
}

/// A task waits.
#[inline]
pub(super) fn begins(what: Awaited, waiter: u64) {
    let Some(mut graph) = graph() else { return };
    let graph = graph.get_or_insert_default();
    if let Awaited::Task(task) = what {
        // There is one handle on a task: if another one waits now, it has got that.
        if graph.things.get(&what).is_some_and(|thing| thing.waiters != [waiter]) {
            graph.forget(what);
        }
        graph.wait(what, waiter);
        return graph.hold(what, Some(task));
    }
    graph.wait(what, waiter);
}

/// Nobody waits for a task any more: it has ended, or its handle is gone, wherever that was.
#[inline]
pub(crate) fn released(task: u64) {
    let Some(mut graph) = graph() else { return };
    graph.get_or_insert_default().forget(Awaited::Task(task));
}

/// A task waits no longer.
#[inline]
pub(super) fn ends(what: Awaited, waiter: u64) {
    let Some(mut graph) = graph() else { return };
    graph.get_or_insert_default().wait_no_more(what, waiter);
}

/// A task with a rank has ended.
#[inline]
pub(super) fn ended(task: u64) {
    let mut graph = GRAPH.lock().unwrap_or_else(PoisonError::into_inner);
    if !super::any() {
        *graph = None;
    } else if let Some(graph) = graph.as_mut() {
        graph.forget(Awaited::Task(task));
    }
}

impl Graph {
    #[inline]
    fn node(&mut self, task: u64) -> &mut Node {
        let new = || Node { class: own_class(task), waits_for: Vec::new(), holds: Vec::new() };
        self.tasks.entry(task).or_insert_with(new)
    }

    #[inline]
    fn wait(&mut self, what: Awaited, waiter: u64) {
        let waiters = &mut self.things.entry(what).or_default().waiters;
        if waiters.contains(&waiter) {
            return;
        }
        waiters.push(waiter);
        self.node(waiter).waits_for.push(what);
        self.settle(self.things[&what].holder);
    }

    #[inline]
    fn wait_no_more(&mut self, what: Awaited, waiter: u64) {
        let Some(thing) = self.things.get_mut(&what) else { return };
        thing.waiters.retain(|&other| other != waiter);
        let (holder, idle) = (thing.holder, thing.waiters.is_empty());
        if let Some(node) = self.tasks.get_mut(&waiter) {
            node.waits_for.retain(|&other| other != what);
        }
        if idle {
            self.forget(what);
        } else {
            self.settle(holder);
        }
        self.leave_out(waiter);
    }

    #[inline]
    fn hold(&mut self, what: Awaited, holder: Option<u64>) {
        let thing = self.things.entry(what).or_default();
        let before = std::mem::replace(&mut thing.holder, holder);
        if before == holder {
            return;
        }
        self.let_go(what, before);
        if let Some(holder) = holder {
            self.node(holder).holds.push(what);
            self.settle(Some(holder));
        }
    }

    #[inline]
    fn let_go(&mut self, what: Awaited, holder: Option<u64>) {
        let Some(holder) = holder else { return };
        if let Some(node) = self.tasks.get_mut(&holder) {
            node.holds.retain(|&other| other != what);
        }
        self.settle(Some(holder));
        self.leave_out(holder);
    }

    #[inline]
    fn forget(&mut self, what: Awaited) {
        let Some(thing) = self.things.remove(&what) else { return };
        for waiter in thing.waiters {
            if let Some(node) = self.tasks.get_mut(&waiter) {
                node.waits_for.retain(|&other| other != what);
            }
            self.leave_out(waiter);
        }
        self.let_go(what, thing.holder);
    }

    /// Who neither waits nor holds is not in the graph.
    #[inline]
    fn leave_out(&mut self, task: u64) {
        if self.tasks.get(&task).is_some_and(|node| node.waits_for.is_empty() && node.holds.is_empty()) {
            self.tasks.remove(&task);
        }
    }

    /// The class of a task is computed anew, and those of the tasks that it waits for.
    #[inline]
    fn settle(&mut self, task: Option<u64>) {
        let mut next = Vec::from_iter(task);
        for _ in 0..STEPS_MAX {
            let Some(task) = next.pop() else { return };
            let Some(node) = self.tasks.get(&task) else { continue };
            let waiters = node.holds.iter().filter_map(|what| self.things.get(what)).flat_map(|thing| &thing.waiters);
            let others = waiters.filter(|&&waiter| waiter != task).filter_map(|waiter| self.tasks.get(waiter)).map(|node| node.class);
            let class = others.fold(own_class(task), Priority::max);
            if class == node.class {
                continue;
            }
            next.extend(node.waits_for.iter().filter_map(|what| self.things.get(what)?.holder));
            if let Some(node) = self.tasks.get_mut(&task) {
                node.class = class;
            }
            if let Some(rank) = super::of(task) {
                rank.set_class(class);
            }
        }
    }
}

#[inline]
fn own_class(task: u64) -> Priority {
    super::of(task).map_or(Priority::Normal, |rank| rank.own_class())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use cede_context::holder::Awaited;

    use super::{GRAPH, begins, ends, holds, idle, released};
    use crate::rank::{Lanes, Priority, Ranked, Usages, Wanted};

    fn ranked(id: u64, priority: Priority, lanes: &Arc<Lanes>) -> Ranked<()> {
        Ranked::new((), id, Wanted { priority, ..Wanted::default() }, None, lanes, &Usages::default())
    }

    fn is_empty() -> bool {
        GRAPH.lock().unwrap().as_ref().is_none_or(|graph| graph.things.is_empty() && graph.tasks.is_empty())
    }

    #[test]
    fn whoever_waits_no_more_leaves_nothing_behind() {
        let lanes = Arc::default();
        // Numbers that no task has.
        let (low, high) = (u64::MAX - 1, u64::MAX - 2);
        let holder = ranked(low, Priority::Background, &lanes);
        let waiter = ranked(high, Priority::Urgent, &lanes);
        let class = || holder.rank().class.load(Ordering::SeqCst);
        for ordinary in 0..10 {
            begins(Awaited::Task(1 << 40 | ordinary), 1 << 41 | ordinary);
            ends(Awaited::Task(1 << 40 | ordinary), 1 << 41 | ordinary);
            begins(Awaited::Task(1 << 40 | ordinary), 1 << 41 | ordinary);
            released(1 << 40 | ordinary);
        }
        assert!(is_empty());
        // The handle goes from one task to another.
        begins(Awaited::Task(low), high);
        assert_eq!(class(), Priority::Urgent as u8);
        begins(Awaited::Task(low), 1 << 41);
        assert_eq!(class(), Priority::Normal as u8);
        released(low);
        assert_eq!(class(), Priority::Background as u8);
        assert!(is_empty());
        holds(8, low);
        begins(Awaited::Lock(8), high);
        assert_eq!(class(), Priority::Urgent as u8);
        idle(8);
        assert_eq!(class(), Priority::Background as u8);
        assert!(is_empty());
        drop(waiter);
    }
}
