//! What the groups of a runtime have had of its threads' time.
//!
//! A group may have tasks on several runtimes, so each runtime counts its own. An entry is there as long as anybody has the group, lanes included.

#![forbid(unsafe_code)]

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::group::WeakGroup;
use super::{CpuGroup, linked};
use crate::order;

/// The groups that have, or had, tasks on a runtime. What that is is made by the first group, without its type, so that other programs have no table.
#[derive(Debug, Default)]
pub(crate) struct Usages(OnceLock<Box<dyn Any + Send + Sync>>);

#[derive(Debug, Default)]
struct Entries {
    /// By the address of the group, which is no other group's while the entry is there: that keeps the memory.
    by_group: HashMap<usize, Arc<Usage>>,
    /// How many groups came.
    came: u64,
    /// With so many entries it is worth looking for those that nobody has any more.
    look_at: usize,
}

/// What the tasks of one group did on one runtime.
#[derive(Debug)]
pub(crate) struct Usage {
    group: WeakGroup,
    number: u64,
    tasks: AtomicUsize,
    polls: AtomicU64,
    busy_ns: AtomicU64,
}

/// What the tasks of a [`CpuGroup`] did on a runtime, see [`RuntimeMetrics::cpu_groups`](crate::runtime::RuntimeMetrics::cpu_groups).
///
/// ```
/// # cede::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use cede::task::{Builder, CpuGroup};
///
/// let imports = CpuGroup::new("imports", 20);
/// Builder::new().group(&imports).spawn(async {}).unwrap().await.unwrap();
/// let groups = cede::runtime::Handle::current().metrics().cpu_groups();
/// assert_eq!((groups[0].name(), groups[0].polls()), ("imports", 1));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct CpuGroupMetrics {
    group: CpuGroup,
    tasks: usize,
    polls: u64,
    busy: Duration,
}

impl Usages {
    #[inline]
    fn entries(&self) -> MutexGuard<'_, Entries> {
        let entries = self.0.get_or_init(|| Box::<Mutex<Entries>>::default());
        entries.downcast_ref::<Mutex<Entries>>().expect("nothing else is put there").lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a group; those of groups that nobody has any more are taken out now and then.
    #[inline]
    pub(super) fn of(&self, group: &CpuGroup) -> Arc<Usage> {
        linked::link();
        let mut entries = self.entries();
        if let Some(own) = entries.by_group.get(&group.address()) {
            return own.clone();
        }
        if entries.by_group.len() >= entries.look_at {
            entries.by_group.retain(|_, usage| usage.group.upgrade().is_some());
            entries.look_at = 2 * entries.by_group.len();
        }
        entries.came += 1;
        let zero = || AtomicU64::new(0);
        let usage = Usage { group: group.downgrade(), number: entries.came, tasks: AtomicUsize::new(0), polls: zero(), busy_ns: zero() };
        entries.by_group.entry(group.address()).or_insert(Arc::new(usage)).clone()
    }

    /// As they are now, in the order in which the groups came.
    #[inline]
    pub(crate) fn metrics(&self) -> Vec<CpuGroupMetrics> {
        linked::groups_of(self)
    }

    #[inline]
    pub(super) fn all(&self) -> Vec<CpuGroupMetrics> {
        let usages: Vec<_> = self.entries().by_group.values().cloned().collect();
        let usages = order::by_number(usages, |usage| usage.number);
        usages.iter().filter_map(|usage| usage.metrics()).collect()
    }
}

impl Usage {
    #[inline]
    fn metrics(&self) -> Option<CpuGroupMetrics> {
        Some(CpuGroupMetrics {
            group: self.group.upgrade()?,
            tasks: self.tasks.load(Ordering::Relaxed),
            polls: self.polls.load(Ordering::Relaxed),
            busy: Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)),
        })
    }

    /// A task of `group`, whose entry this is, is there from now on.
    #[inline]
    pub(super) fn joined(&self, group: &CpuGroup) {
        self.tasks.fetch_add(1, Ordering::Relaxed);
        group.joined();
    }

    #[inline]
    pub(super) fn left(&self, group: &CpuGroup) {
        self.tasks.fetch_sub(1, Ordering::Relaxed);
        group.left();
    }

    /// A poll begins; it ends when the result is dropped.
    #[inline]
    pub(super) fn measure<'a>(&'a self, group: &'a CpuGroup) -> Measure<'a> {
        Measure { usage: self, group, began: Instant::now() }
    }
}

pub(super) struct Measure<'a> {
    usage: &'a Usage,
    group: &'a CpuGroup,
    began: Instant,
}

impl Drop for Measure<'_> {
    #[inline]
    fn drop(&mut self) {
        let took = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.usage.polls.fetch_add(1, Ordering::Relaxed);
        self.usage.busy_ns.fetch_add(took, Ordering::Relaxed);
        self.group.polled(took);
    }
}

#[cfg(feature = "metrics")]
impl CpuGroupMetrics {
    #[inline]
    pub(crate) fn is_of_same_group(&self, other: &Self) -> bool {
        self.group.is(&other.group)
    }

    /// Whether more than so many have the group.
    #[inline]
    pub(crate) fn is_held_by_more_than(&self, holders: usize) -> bool {
        self.group.holders() > holders
    }
}

impl CpuGroupMetrics {
    /// The name of the group.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &str {
        self.group.name()
    }

    /// The shares of the group.
    #[inline]
    #[must_use]
    pub fn shares(&self) -> u32 {
        self.group.shares()
    }

    /// How many of its tasks on the runtime have not ended.
    #[inline]
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// How often its tasks have been polled on the runtime.
    #[inline]
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// The time that these polls took, as in [`CpuGroup::busy_time`].
    #[inline]
    #[must_use]
    pub fn busy_time(&self) -> Duration {
        self.busy
    }
}

/// `group "imports", 20 shares: 3 tasks, 4711 polls in 1.2s`
impl std::fmt::Display for CpuGroupMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { group, tasks, polls, busy } = self;
        write!(f, "group \"{}\", {} shares: {tasks} tasks, {polls} polls in {busy:.1?}", group.name(), group.shares())
    }
}

#[cfg(test)]
mod tests {
    use super::{CpuGroup, Usages};

    #[test]
    fn an_entry_is_there_as_long_as_anybody_has_the_group() {
        let usages = Usages::default();
        let [kept, short] = ["kept", "short"].map(|name| CpuGroup::new(name, 7));
        let usage = usages.of(&kept);
        usage.joined(&kept);
        drop(usages.of(&kept).measure(&kept));
        drop(usages.of(&short).measure(&short));
        let names = |usages: &Usages| usages.metrics().iter().map(|group| group.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&usages), ["kept", "short"]);
        drop(short);
        assert_eq!(names(&usages), ["kept"]);
        assert_eq!(usages.entries().by_group.len(), 2);
        usages.of(&CpuGroup::new("third", 7));
        assert_eq!(usages.entries().by_group.len(), 2, "that of the second was taken out");
        let metrics = &usages.metrics()[0];
        assert_eq!((metrics.tasks(), metrics.polls(), metrics.shares()), (1, 1, 7));
        assert!(kept.polls() == 1 && kept.tasks() == 1 && metrics.busy_time() <= kept.busy_time());
    }
}
