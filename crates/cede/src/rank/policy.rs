//! Which task runs next on a one-thread runtime, if its builder was given a policy.
//!
//! A policy gives each task that becomes runnable a number, and the one with the smallest number runs next; so whatever a policy does, no task is lost, and none runs twice. A task that yields or is woken
//! again gets a new number. The future of `block_on` is no task: it has its turn when it was woken and all that were runnable before have had theirs, or sooner.
//!
//! ```
//! use cede::runtime::{Builder, policy};
//! use std::sync::{Arc, Mutex};
//!
//! let order = Arc::new(Mutex::new(Vec::new()));
//! let runtime = Builder::new_current_thread().policy(policy::Lifo::default()).build()?;
//! runtime.block_on(async {
//!     let tasks: Vec<_> = (0..3).map(|n| { let order = order.clone(); cede::spawn(async move { order.lock().unwrap().push(n) }) }).collect();
//!     for task in tasks { task.await.unwrap() }
//! });
//! assert_eq!(*order.lock().unwrap(), [2, 1, 0]);
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use cede_core::choice::{Choices, Domain, Seeded};
use cede_core::task::TaskRef;

use super::{CpuGroup, Priority, Rank};
use crate::runtime::Order;
use crate::runtime::parts::Parts;
use crate::task::Id;

/// Orders the tasks of a one-thread runtime; see [`Builder::policy`](crate::runtime::Builder::policy). A closure is one, too.
///
/// It is called when a task becomes runnable. If it panics, or wakes another task, that task gets the number zero.
///
/// ```
/// use cede::runtime::{Builder, policy::Runnable};
///
/// // Those with a name first.
/// let mut builder = Builder::new_current_thread();
/// let runtime = builder.policy(|task: &Runnable<'_>| u64::from(task.name().is_none())).build()?;
/// # runtime.block_on(async {});
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Policy: Send {
    /// The place of a task that is runnable now: the smallest runs next, and among equals the one that was runnable first.
    fn rank(&mut self, task: &Runnable<'_>) -> u64;
}

impl<F: FnMut(&Runnable<'_>) -> u64 + Send> Policy for F {
    #[inline]
    fn rank(&mut self, task: &Runnable<'_>) -> u64 {
        self(task)
    }
}

/// What a policy sees of a task.
pub struct Runnable<'a> {
    task: TaskRef,
    rank: Option<Arc<Rank>>,
    parts: &'a Parts,
}

impl<'a> Runnable<'a> {
    #[inline]
    pub(crate) fn new(task: TaskRef, parts: &'a Parts) -> Self {
        Self { task, rank: super::of(task.id()), parts }
    }

    /// Its id.
    #[inline]
    #[must_use]
    pub fn id(&self) -> Id {
        Id::from_number(self.task.id())
    }

    /// Its name, if it has one and has been polled before.
    #[inline]
    #[must_use]
    pub fn name(&self) -> Option<Arc<str>> {
        self.parts.names.get(self.task.id())
    }

    /// Where it was spawned.
    #[inline]
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.task.site()
    }

    /// How often it has been polled; wraps around after 2^32.
    #[inline]
    #[must_use]
    pub fn polls(&self) -> u32 {
        self.task.polls()
    }

    /// Its priority at present, which may be that of a task that waits for it.
    #[inline]
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.rank.as_ref().map_or(Priority::Normal, |rank| rank.class())
    }

    /// Its group.
    #[inline]
    #[must_use]
    pub fn group(&self) -> Option<&CpuGroup> {
        self.rank.as_ref()?.group()
    }

    /// Its deadline.
    #[inline]
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.rank.as_ref()?.deadline()
    }
}

impl fmt::Debug for Runnable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runnable").field("id", &self.id()).field("priority", &self.priority()).finish_non_exhaustive()
    }
}

/// In the order in which they became runnable, as without a policy; ranks count for nothing.
///
/// ```
/// # use cede::runtime::{Builder, policy};
/// let runtime = Builder::new_current_thread().policy(policy::Fifo).build()?;
/// # runtime.block_on(async {});
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Policy for Fifo {
    #[inline]
    fn rank(&mut self, _task: &Runnable<'_>) -> u64 {
        0
    }
}

/// The last one first. What was runnable early may wait for ever.
///
/// The module's example shows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lifo {
    pushes: u64,
}

impl Policy for Lifo {
    #[inline]
    fn rank(&mut self, _task: &Runnable<'_>) -> u64 {
        self.pushes += 1;
        u64::MAX - self.pushes
    }
}

/// Strictly by [`Priority`]: what is less important runs when nothing else can, and may wait for ever.
///
/// ```
/// # use cede::runtime::{Builder, policy};
/// let runtime = Builder::new_current_thread().policy(policy::ByPriority).build()?;
/// # runtime.block_on(async {});
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ByPriority;

impl Policy for ByPriority {
    #[inline]
    fn rank(&mut self, task: &Runnable<'_>) -> u64 {
        Priority::Urgent as u64 - task.priority() as u64
    }
}

/// The earliest deadline first, then those without; the order that meets all deadlines if any does (Liu and Layland, "Scheduling Algorithms for Multiprogramming in a Hard-Real-Time Environment", 1973).
///
/// ```
/// # use cede::runtime::{Builder, policy};
/// use std::time::{Duration, Instant};
///
/// let runtime = Builder::new_current_thread().policy(policy::EarliestDeadline).build()?;
/// runtime.block_on(async {
///     let soon = Instant::now() + Duration::from_millis(5);
///     let task = cede::task::Builder::new().deadline(soon).spawn(async { "in time" }).unwrap();
///     assert_eq!(task.await.unwrap(), "in time");
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EarliestDeadline;

impl Policy for EarliestDeadline {
    #[inline]
    fn rank(&mut self, task: &Runnable<'_>) -> u64 {
        task.rank.as_ref().and_then(|rank| rank.deadline_ns).unwrap_or(u64::MAX)
    }
}

/// In an order that only the seed decides: for tests that should not depend on an order. Whole runs that can be repeated are made with [`sim`](crate::sim).
///
/// ```
/// # use cede::runtime::{Builder, policy};
/// let runtime = Builder::new_current_thread().policy(policy::Random::new(7)).build()?;
/// # runtime.block_on(async {});
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Random(Seeded);

impl Random {
    /// With this seed.
    #[inline]
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }
}

impl Policy for Random {
    #[inline]
    fn rank(&mut self, _task: &Runnable<'_>) -> u64 {
        self.0.choose(Domain::Schedule, u32::MAX).into()
    }
}

/// The runnable tasks, by the numbers that a policy gave them.
#[derive(Debug, Default)]
pub(crate) struct OrderedQueue {
    tasks: BinaryHeap<Reverse<(u64, u64, Place)>>,
    pushes: u64,
}

/// A task, all of which are equal: the numbers before it decide.
#[derive(Debug)]
struct Place(TaskRef);

impl PartialEq for Place {
    #[inline]
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    #[inline]
    fn cmp(&self, _other: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Order for OrderedQueue {
    #[inline]
    fn is_by_number(&self) -> bool {
        true
    }

    #[inline]
    fn push(&mut self, task: TaskRef, rank: u64) {
        self.pushes += 1;
        self.tasks.push(Reverse((rank, self.pushes, Place(task))));
    }

    #[inline]
    fn pop(&mut self) -> Option<TaskRef> {
        self.tasks.pop().map(|Reverse((_, _, Place(task)))| task)
    }

    #[inline]
    fn len(&self) -> usize {
        self.tasks.len()
    }

    #[inline]
    fn clear(&mut self) {
        self.tasks.clear();
    }
}
