//! Tasks that matter more, or less, than others.
//!
//! # What
//! A task that was built with a [`Priority`], a [`CpuGroup`] or a deadline has a *rank*. While it is runnable it stands in the [`lanes`] of its runtime, not in a worker's ring, and whoever looks for
//! work takes from there what is due. All other tasks know nothing of that: their queues, wakes and cells are what they were, and a scheduler whose lanes are empty pays for one load at each turn.
//!
//! # Why not the obvious way
//! A word for the rank in each cell, and a queue for each class in each worker, would make everybody pay, and a steal would have to look into all of them. Ranks are for the few tasks that one cares about
//! (or does not), so one queue for all workers, behind a lock, is enough.
//!
//! # How
//! The future of such a task is a [`Ranked`], whose poll measures itself for its group, and its home a type of its own: there a wake finds the lanes, and in the registry the rank. (To read the rank in the future itself would be quicker,
//! but a reference to a future from outside is not allowed while it holds references into itself.)
//!
//! # Who may touch what
//! A [`Rank`]: everybody; what changes in it is atomic. `REGISTRY`: everybody, under its lock; a rank is in it from the spawn until its future is dropped.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.

#![forbid(unsafe_code)]

mod group;
mod inherit;
pub(crate) mod lanes;
pub(crate) mod linked;
pub mod policy;
mod turns;
mod usage;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;

use usage::Usage;

pub use group::CpuGroup;
pub(crate) use lanes::Lanes;
pub(crate) use linked::of;
pub(crate) use turns::{Scheduler, Turns};
pub use usage::CpuGroupMetrics;
pub(crate) use usage::Usages;

/// How much a task matters.
///
/// What is urgent runs before what is high, and so on, as long as there is any. So that nothing starves, each class gets some of the time of those above it when it waits: [`High`](Priority::High) and
/// [`Normal`](Priority::Normal) a quarter, [`Background`](Priority::Background) a sixteenth. A poll is never interrupted, so what matters waits for the polls that are under way: a background task that computes should
/// [yield](crate::task::yield_now) often.
///
/// A task that holds a [`Mutex`](crate::sync::Mutex) or the writer's side of an [`RwLock`](crate::sync::RwLock), or whose [`JoinHandle`](crate::task::JoinHandle) is awaited, matters as much as
/// whoever waits for it, until they wait no more. This reaches tasks that were given a rank; an ordinary one has its place in its worker's ring.
/// Who has an owned guard is not known, because it may be passed on.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cede::task::{Builder, Priority};
///
/// let later = Builder::new().priority(Priority::Background).spawn(async { "index" }).unwrap();
/// let first = Builder::new().priority(Priority::High).spawn(async { "click" }).unwrap();
/// assert_eq!((first.await.unwrap(), later.await.unwrap()), ("click", "index"));
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// What can wait.
    Background,
    /// As all tasks that nothing is said about.
    #[default]
    Normal,
    /// What somebody waits for.
    High,
    /// What has to be done now: short, rare, and worth delaying everything.
    Urgent,
}

impl Priority {
    /// The most important one first.
    pub(crate) const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Background];

    #[inline]
    fn of(number: u8) -> Self {
        Self::ALL.into_iter().find(|&class| class as u8 == number).unwrap_or_default()
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

impl std::fmt::Display for Priority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a task asks for when it is spawned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) priority: Priority,
    pub(crate) group: Option<CpuGroup>,
    pub(crate) deadline: Option<Instant>,
}

/// The rank of one task.
#[derive(Debug)]
pub(crate) struct Rank {
    pub(crate) id: u64,
    wanted: Wanted,
    /// The deadline by the clock of the runtime, in nanoseconds.
    deadline_ns: Option<u64>,
    /// What it is at present: its own class, or that of somebody who waits for it.
    class: AtomicU8,
    /// Where it is queued when it is runnable.
    lanes: Weak<Lanes>,
    /// Where its polls are counted, if it has a group.
    usage: Option<Arc<Usage>>,
}

impl Rank {
    /// The class that decides at present.
    #[inline]
    pub(crate) fn class(&self) -> Priority {
        Priority::of(self.class.load(Ordering::SeqCst))
    }

    /// What the task was given.
    #[inline]
    pub(crate) fn own_class(&self) -> Priority {
        self.wanted.priority
    }

    #[inline]
    pub(crate) fn group(&self) -> Option<&CpuGroup> {
        self.wanted.group.as_ref()
    }

    /// The group, and where its polls are counted.
    #[inline]
    fn counted(&self) -> Option<(&Usage, &CpuGroup)> {
        self.usage.as_deref().zip(self.group())
    }

    #[inline]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.wanted.deadline
    }

    /// Another class decides from now on.
    #[inline]
    fn set_class(&self, class: Priority) {
        if self.class.swap(class as u8, Ordering::SeqCst) != class as u8
            && let Some(lanes) = self.lanes.upgrade()
        {
            lanes.move_to_class(self.id, class);
        }
    }
}

static REGISTRY: Mutex<Option<HashMap<u64, Arc<Rank>>>> = Mutex::new(None);
/// How many there are in the process.
pub(crate) static COUNT: AtomicUsize = AtomicUsize::new(0);

#[inline]
fn registry() -> MutexGuard<'static, Option<HashMap<u64, Arc<Rank>>>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether any task of the process has a rank.
#[inline]
pub(crate) fn any() -> bool {
    COUNT.load(Ordering::Relaxed) != 0
}

/// The rank of a task.
#[inline]
fn registered(task: u64) -> Option<Arc<Rank>> {
    if !any() {
        return None;
    }
    registry().as_ref()?.get(&task).cloned()
}

pin_project! {
    /// The future of a task that has a rank.
    pub(crate) struct Ranked<F> {
        #[pin]
        future: F,
        entry: Entry,
    }
}

/// A rank in the registry, taken out when dropped.
struct Entry(Arc<Rank>);

impl<F> Ranked<F> {
    /// For a task with this number, on a runtime with these lanes, whose clock shows `deadline_ns` at the deadline.
    #[inline]
    pub(crate) fn new(future: F, id: u64, wanted: Wanted, deadline_ns: Option<u64>, lanes: &Arc<Lanes>, usages: &Usages) -> Self {
        let class = AtomicU8::new(wanted.priority as u8);
        let usage = wanted.group.as_ref().map(|group| usages.of(group));
        let rank = Arc::new(Rank { id, wanted, deadline_ns, class, lanes: Arc::downgrade(lanes), usage });
        linked::link();
        COUNT.fetch_add(1, Ordering::Relaxed);
        registry().get_or_insert_default().insert(id, rank.clone());
        if let Some((usage, group)) = rank.counted() {
            usage.joined(group);
        }
        Self { future, entry: Entry(rank) }
    }

    #[inline]
    pub(crate) fn rank(&self) -> &Arc<Rank> {
        &self.entry.0
    }
}

impl<F: Future> Future for Ranked<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _measured = this.entry.0.counted().map(|(usage, group)| usage.measure(group));
        this.future.poll(cx)
    }
}

impl Drop for Entry {
    #[inline]
    fn drop(&mut self) {
        let entry = registry().as_mut().and_then(|ranks| ranks.remove(&self.0.id));
        drop(entry);
        COUNT.fetch_sub(1, Ordering::Relaxed);
        inherit::ended(self.0.id);
        if let Some((usage, group)) = self.0.counted() {
            usage.left(group);
        }
    }
}
