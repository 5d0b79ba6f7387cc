//! The desks of one runtime, as the monitor sees them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use cede_driver::ProcessBarrier;
use rustix::thread::{Pid, gettid};

use cede_core::desk::Desk;

/// So long after a worker was taken its runtime counts as in trouble.
const TROUBLE: Duration = Duration::from_millis(100);
/// A poll may take at least so long.
const PATIENCE_MIN: Duration = Duration::from_millis(1);

/// A poll that is taking too long.
#[derive(Clone, Debug)]
pub(crate) struct Stuck {
    pub(crate) desk: Arc<Desk>,
    pub(crate) thread: Thread,
    /// The kernel's number of that thread.
    pub(crate) number: Pid,
}

/// What is done for a runtime when the thread of a worker is stuck.
pub(crate) trait Watched: Send + Sync {
    /// Has another thread go on with what the stuck one runs; says whether there is one.
    fn take_over(self: Arc<Self>, stuck: &Stuck, barrier: ProcessBarrier) -> bool;
}

/// See the module's description.
pub(crate) struct Watch {
    threshold: Duration,
    runtime: Weak<dyn Watched>,
    entries: Mutex<Vec<Entry>>,
    taken: AtomicU64,
    /// When a worker was last taken.
    last_taken: Mutex<Option<Instant>>,
}

struct Entry {
    stuck: Stuck,
    turns: usize,
    /// When these turns were first seen.
    since: Instant,
    /// What the desk's thread ran is another one's.
    taken: bool,
}

impl Watch {
    pub(crate) fn new(threshold: Duration, runtime: Weak<dyn Watched>) -> Self {
        Self { threshold, runtime, entries: Mutex::new(Vec::new()), taken: AtomicU64::new(0), last_taken: Mutex::new(None) }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For so long a poll may take at the moment. Tasks that get stuck seldom come alone, and behind each that has been found the next is waiting; so after the first the monitor is less patient for a while.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let last = *self.last_taken.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(last) if now.saturating_duration_since(last) < TROUBLE => (self.threshold / 8).max(PATIENCE_MIN),
            _ => self.threshold,
        }
    }

    /// How often a worker was taken from its thread.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// The current thread sits at `desk`. It is watched until the result is dropped.
    pub(crate) fn add(self: &Arc<Self>, desk: Arc<Desk>) -> OnDuty {
        let turns = desk.glance().turns;
        let stuck = Stuck { desk: desk.clone(), thread: thread::current(), number: gettid() };
        self.entries().push(Entry { stuck, turns, since: Instant::now(), taken: false });
        OnDuty { watch: self.clone(), desk }
    }

    /// Looks at all desks. Returns whether nothing has happened since the last look, and nothing is under way.
    pub(super) fn look(&self, now: Instant, barrier: ProcessBarrier) -> bool {
        let mut quiet = true;
        let patience = self.patience(now);
        let mut stuck = Vec::new();
        for entry in &mut *self.entries() {
            let glance = entry.stuck.desk.glance();
            if glance.turns != entry.turns {
                entry.turns = glance.turns;
                entry.since = now;
                quiet = false;
            } else if glance.outside && !entry.taken {
                quiet = false;
                if now.duration_since(entry.since) >= patience && glance.seated {
                    stuck.push(entry.stuck.clone());
                }
            }
        }
        for stuck in stuck {
            let taken = self.runtime.upgrade().is_some_and(|runtime| runtime.take_over(&stuck, barrier));
            if taken {
                self.taken.fetch_add(1, Ordering::Relaxed);
                *self.last_taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
                let mut entries = self.entries();
                let entry = entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.stuck.desk, &stuck.desk));
                // Without one, its thread has come round already.
                if let Some(entry) = entry {
                    entry.taken = true;
                }
            }
        }
        quiet
    }
}

/// See [`Watch::add`].
#[derive(Debug)]
pub(crate) struct OnDuty {
    watch: Arc<Watch>,
    desk: Arc<Desk>,
}

impl Drop for OnDuty {
    fn drop(&mut self) {
        self.watch.entries().retain(|entry| !Arc::ptr_eq(&entry.stuck.desk, &self.desk));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have been the last.
        super::wake();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("threshold", &self.threshold).field("taken", &self.taken()).finish_non_exhaustive()
    }
}
