//! Groups of tasks that share processor time.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// What groups have that nothing is said about, and what ordinary tasks have together.
pub(super) const SHARES_USUAL: u32 = 100;

/// Tasks that share processor time with others, and are accounted for together.
///
/// When tasks of several groups of one [`Priority`](super::Priority) want to run, their groups get time in proportion to their shares; ordinary tasks have 100 together. A group that has nothing to do
/// saves nothing up. Clones are the same group, which may have tasks on several runtimes; each divides its own time.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cede::task::{Builder, CpuGroup};
///
/// let imports = CpuGroup::new("imports", 20);
/// let task = Builder::new().group(&imports).spawn(async { 6 * 7 }).unwrap();
/// assert_eq!(task.await.unwrap(), 42);
/// assert_eq!(imports.polls(), 1);
/// println!("{} took {:?}", imports.name(), imports.busy_time());
/// # });
/// ```
#[derive(Clone)]
pub struct CpuGroup(Arc<State>);

struct State {
    name: Box<str>,
    shares: u32,
    tasks: AtomicUsize,
    polls: AtomicU64,
    busy_ns: AtomicU64,
}

impl CpuGroup {
    /// A group with so many shares, of which ordinary tasks have 100 together.
    ///
    /// # Panics
    /// If `shares` is zero: its tasks would never run. For work that is to stay behind all other there is [`Priority::Background`](super::Priority::Background).
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new(name: &str, shares: u32) -> Self {
        assert!(shares > 0, "the group \"{name}\" has no share of the processors, so its tasks would never run; give it one at least");
        let zero = || AtomicU64::new(0);
        Self(Arc::new(State { name: name.into(), shares, tasks: AtomicUsize::new(0), polls: zero(), busy_ns: zero() }))
    }

    /// The name that it was given.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The shares that it was given.
    #[inline]
    #[must_use]
    pub fn shares(&self) -> u32 {
        self.0.shares
    }

    /// How many of its tasks have not ended.
    #[inline]
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.0.tasks.load(Ordering::Relaxed)
    }

    /// How often its tasks have been polled.
    #[inline]
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.0.polls.load(Ordering::Relaxed)
    }

    /// The time that these polls took: processor time, and that during which the system had given the processor to another thread.
    #[inline]
    #[must_use]
    pub fn busy_time(&self) -> Duration {
        Duration::from_nanos(self.0.busy_ns.load(Ordering::Relaxed))
    }

    /// Whether these are the same group.
    #[inline]
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    #[inline]
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// How many handles there are.
    #[inline]
    #[cfg(feature = "metrics")]
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    #[inline]
    pub(super) fn joined(&self) {
        self.0.tasks.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn left(&self) {
        self.0.tasks.fetch_sub(1, Ordering::Relaxed);
    }

    /// One of its tasks was polled, which took so long.
    #[inline]
    pub(super) fn polled(&self, nanos: u64) {
        self.0.polls.fetch_add(1, Ordering::Relaxed);
        self.0.busy_ns.fetch_add(nanos, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn downgrade(&self) -> WeakGroup {
        WeakGroup(Arc::downgrade(&self.0))
    }
}

/// A group, as long as anybody else has it.
pub(super) struct WeakGroup(Weak<State>);

impl WeakGroup {
    #[inline]
    pub(super) fn upgrade(&self) -> Option<CpuGroup> {
        self.0.upgrade().map(CpuGroup)
    }
}

impl fmt::Debug for WeakGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.upgrade().fmt(f)
    }
}

impl fmt::Debug for CpuGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuGroup")
            .field("name", &self.0.name)
            .field("shares", &self.0.shares)
            .field("tasks", &self.tasks())
            .finish_non_exhaustive()
    }
}
