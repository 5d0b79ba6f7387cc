//! The desks of one runtime, as the monitor sees them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use cede_core::desk::Desk;
use cede_driver::ProcessBarrier;
use rustix::thread::{Pid, gettid};

use super::{Stall, processor};
use crate::runtime::stats::TaskSite;

/// So long after a worker was taken its runtime counts as in trouble.
const TROUBLE: Duration = Duration::from_millis(100);
/// Stalls are written to the error output this often at most.
const REPORT_EVERY: Duration = Duration::from_secs(1);
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
    /// Has another thread go on with what the stuck one runs, if there is one.
    fn take_over(self: Arc<Self>, stuck: &Stuck, barrier: ProcessBarrier) -> TakenOver;

    /// The name of a task, if it has one.
    fn name_of(&self, task: u64) -> Option<Arc<str>>;
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TakenOver {
    pub(crate) taken: bool,
    /// The task that the stuck thread polls.
    pub(crate) task: Option<TaskSite>,
}

/// A function of the user's that gets the reports.
type Listener = Arc<dyn Fn(&Stall) + Send + Sync>;

/// When to say something about a task that does not await, and to whom.
#[derive(Clone)]
pub(crate) struct Reports {
    pub(crate) after: Duration,
    /// `None`: to the error output.
    pub(crate) to: Option<Listener>,
}

impl Default for Reports {
    fn default() -> Self {
        Self { after: Duration::from_millis(100), to: None }
    }
}

/// See the module's description.
pub(crate) struct Watch {
    threshold: Duration,
    reports: Reports,
    runtime: Weak<dyn Watched>,
    entries: Mutex<Vec<Entry>>,
    taken: AtomicU64,
    stalls: AtomicU64,
    recent: Mutex<Recent>,
}

/// What happened lately.
#[derive(Default)]
struct Recent {
    taken: Option<Instant>,
    reported: Option<Instant>,
    /// Reports that were left out since then.
    left_out: u64,
}

#[derive(Clone)]
struct Entry {
    stuck: Stuck,
    turns: usize,
    /// When these turns were first seen.
    since: Instant,
    /// When it was seen in the same turn a second time, and for how long the thread had had a processor by then, all in all.
    again: Option<(Instant, Duration)>,
    /// What the desk's thread ran is another one's.
    taken: bool,
    /// The task of this turn, once it was asked for.
    task: Option<TaskSite>,
    reported: bool,
}

impl Watch {
    pub(crate) fn new(threshold: Duration, reports: Reports, runtime: Weak<dyn Watched>) -> Self {
        Self {
            threshold,
            reports,
            runtime,
            entries: Mutex::new(Vec::new()),
            taken: AtomicU64::new(0),
            stalls: AtomicU64::new(0),
            recent: Mutex::default(),
        }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For so long a poll may take at the moment. Tasks that get stuck seldom come alone, and behind each that has been found the next is waiting; so after the first the monitor is less patient for a while.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let last = self.recent().taken;
        match last {
            Some(last) if now.saturating_duration_since(last) < TROUBLE => (self.threshold / 8).max(PATIENCE_MIN),
            _ => self.threshold,
        }
    }

    /// How often a worker was taken from its thread.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many polls were found to take too long.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    /// The current thread sits at `desk`. It is watched until the result is dropped.
    pub(crate) fn add(self: &Arc<Self>, desk: Arc<Desk>) -> OnDuty {
        let turns = desk.glance().turns;
        let stuck = Stuck { desk: desk.clone(), thread: thread::current(), number: gettid() };
        self.entries().push(Entry { stuck, turns, since: Instant::now(), again: None, taken: false, task: None, reported: false });
        OnDuty { watch: self.clone(), desk }
    }

    /// Looks at all desks. Returns whether nothing has happened since the last look, and nothing is under way.
    pub(super) fn look(&self, now: Instant, barrier: ProcessBarrier) -> bool {
        let patience = self.patience(now);
        let (quiet, stuck, stalls) = self.find_stuck(now, patience);
        let runtime = self.runtime.upgrade();
        for (stuck, runtime) in stuck.into_iter().zip(runtime.iter().cycle()) {
            let TakenOver { taken, task } = runtime.clone().take_over(&stuck, barrier);
            if taken {
                self.taken.fetch_add(1, Ordering::Relaxed);
                self.recent().taken = Some(now);
            }
            let mut entries = self.entries();
            let entry = entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.stuck.desk, &stuck.desk));
            // Without one, its thread has come round already.
            if let Some(entry) = entry {
                entry.taken = taken;
                entry.task = task.or(entry.task);
            }
        }
        // After the rescues, because this calls the user's code.
        for (entry, lasts) in stalls {
            self.report(&entry, lasts, now);
        }
        quiet
    }

    /// Whether nothing is going on; who is stuck; about whom something is to be said.
    fn find_stuck(&self, now: Instant, patience: Duration) -> (bool, Vec<Stuck>, Vec<(Entry, Duration)>) {
        let mut quiet = true;
        let (mut stuck, mut stalls) = (Vec::new(), Vec::new());
        for entry in &mut *self.entries() {
            let glance = entry.stuck.desk.glance();
            if glance.turns != entry.turns {
                *entry = Entry { turns: glance.turns, since: now, again: None, task: None, reported: false, ..entry.clone() };
                quiet = false;
                continue;
            }
            if !glance.outside || !(glance.seated || entry.taken) {
                continue;
            }
            let lasts = now.saturating_duration_since(entry.since);
            if lasts >= self.reports.after && !entry.reported && entry.task.is_some() {
                entry.reported = true;
                stalls.push((entry.clone(), lasts));
            }
            // While a taken thread is not back, its report may be due.
            quiet &= entry.taken && entry.reported;
            if !entry.taken && entry.is_stuck(now, patience) {
                stuck.push(entry.stuck.clone());
            }
        }
        (quiet, stuck, stalls)
    }

    fn report(&self, entry: &Entry, lasts: Duration, now: Instant) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
        let Some((task, spawned_at)) = entry.task else { return };
        let name = self.runtime.upgrade().and_then(|runtime| runtime.name_of(task));
        let thread = entry.stuck.thread.name().map(str::to_owned);
        let stall = Stall { task, name, spawned_at, thread, lasts, rescued: entry.taken };
        if let Some(to) = &self.reports.to {
            to(&stall);
            return;
        }
        let left_out = {
            let mut recent = self.recent();
            if recent.reported.is_some_and(|last| now.saturating_duration_since(last) < REPORT_EVERY) {
                recent.left_out += 1;
                return;
            }
            recent.reported = Some(now);
            std::mem::take(&mut recent.left_out)
        };
        let more = if left_out == 0 { String::new() } else { format!(" ({left_out} more like this in between)") };
        // Not here: the task that is stuck may be the one that holds the lock of the error output, or the reader of that.
        let _not_said = thread::Builder::new().name("cede-report".into()).spawn(move || eprintln!("cede: {stall}{more}"));
    }
}

impl Entry {
    /// Whether the turn has lasted too long, without the time in which its thread was runnable but had no processor: a thread that only waits for its share of a busy machine is not stuck, and another
    /// one would have to wait, too.
    fn is_stuck(&mut self, now: Instant, patience: Duration) -> bool {
        let lasts = now.saturating_duration_since(self.since);
        let had = processor::had(self.stuck.number);
        let (again, had_then) = *self.again.get_or_insert((now, had.time));
        let computed = again.saturating_duration_since(self.since) + had.time.saturating_sub(had_then);
        lasts >= patience && (!had.runnable || computed >= patience)
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
