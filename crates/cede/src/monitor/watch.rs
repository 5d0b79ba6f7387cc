//! The desks of one runtime, as the monitor sees them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use cede_core::desk::Desk;
use cede_core::lock::{Guard, Lock};
use cede_driver::ProcessBarrier;

use super::processor;
use crate::sys::thread::{Pid, gettid};

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

/// What is done for a runtime.
pub(crate) trait Watched: Send + Sync {
    /// Wakes a worker that sleeps while tasks wait, unless another one looks after that. Returns whether any worker is awake, whatever it does: what it queues may be left to the next look.
    fn look_for_idlers(&self) -> bool;

    /// Has another thread go on with what the stuck one runs, if there is one; says whether it does.
    fn take_over(self: Arc<Self>, stuck: &Stuck, barrier: ProcessBarrier) -> bool;
}

/// See the module's description.
pub(crate) struct Watch {
    threshold: Duration,
    runtime: Weak<dyn Watched>,
    entries: Mutex<Vec<Entry>>,
    taken: AtomicU64,
    taken_last: Lock<Option<Instant>>,
}

struct Entry {
    stuck: Stuck,
    turns: usize,
    /// The last of them was under way when it was last looked at.
    outside: bool,
    /// When these turns were first seen.
    since: Instant,
    /// When it was seen in the same turn a second time, and for how long the thread had had a processor by then, all in all.
    again: Option<(Instant, Duration)>,
    /// What the desk's thread ran is another one's.
    taken: bool,
}

impl Watch {
    pub(crate) fn new(threshold: Duration, runtime: Weak<dyn Watched>) -> Self {
        Self { threshold, runtime, entries: Mutex::new(Vec::new()), taken: AtomicU64::new(0), taken_last: Lock::default() }
    }

    fn taken_last(&self) -> Guard<'_, Option<Instant>> {
        self.taken_last.lock()
    }

    #[inline(never)]
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For so long a poll may take at the moment. Tasks that get stuck seldom come alone, and behind each that has been found the next is waiting; so after the first the monitor is less patient for a while.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let last = *self.taken_last();
        match last {
            Some(last) if now.saturating_duration_since(last) < TROUBLE => (self.threshold / 8).max(PATIENCE_MIN),
            _ => self.threshold,
        }
    }

    /// How often a worker was taken from its thread.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether what this thread ran is another one's.
    pub(super) fn has_taken_from(&self, number: Pid) -> bool {
        self.entries().iter().any(|entry| entry.stuck.number == number && entry.taken)
    }

    /// The current thread sits at `desk`. It is watched until the result is dropped.
    pub(crate) fn add(self: &Arc<Self>, desk: Arc<Desk>) -> OnDuty {
        let turns = desk.glance().turns;
        let stuck = Stuck { desk: desk.clone(), thread: thread::current(), number: gettid() };
        self.entries().push(Entry { stuck, turns, outside: false, since: Instant::now(), again: None, taken: false });
        OnDuty { watch: self.clone(), desk }
    }

    /// Looks at all desks. Returns whether nothing has happened since the last look, and nothing is under way or may begin without [`wake`](super::wake).
    pub(super) fn look(&self, now: Instant, barrier: ProcessBarrier) -> bool {
        let patience = self.patience(now);
        let (nothing_new, stuck) = self.find_stuck(now, patience);
        let runtime = self.runtime.upgrade();
        let all_sleep = !runtime.as_ref().is_some_and(|runtime| runtime.look_for_idlers());
        for stuck in &stuck {
            if !runtime.as_ref().is_some_and(|runtime| runtime.clone().take_over(stuck, barrier)) {
                continue;
            }
            self.taken.fetch_add(1, Ordering::Relaxed);
            *self.taken_last() = Some(now);
            // Without an entry, its thread has come round already.
            if let Some(entry) = self.entries().iter_mut().find(|entry| Arc::ptr_eq(&entry.stuck.desk, &stuck.desk)) {
                entry.taken = true;
            }
        }
        nothing_new && all_sleep
    }

    /// Whether nothing is going on, and who is stuck.
    fn find_stuck(&self, now: Instant, patience: Duration) -> (bool, Vec<Stuck>) {
        let mut quiet = true;
        let mut stuck = Vec::new();
        for entry in &mut *self.entries() {
            let glance = entry.stuck.desk.glance();
            // What a turn did after it was seen may have closed a circle of waits, so its end is news, too.
            let ended = std::mem::replace(&mut entry.outside, glance.outside) && !glance.outside;
            quiet &= !ended;
            if glance.turns != entry.turns {
                (entry.turns, entry.since, entry.again) = (glance.turns, now, None);
                quiet = false;
                continue;
            }
            if !glance.outside || !(glance.seated || entry.taken) {
                continue;
            }
            quiet &= entry.taken;
            if !entry.taken && entry.is_stuck(now, patience) {
                stuck.push(entry.stuck.clone());
            }
        }
        (quiet, stuck)
    }
}

impl Entry {
    /// Whether the turn has lasted too long, without the time in which its thread was runnable but had no processor: a thread that only waits for its share of a busy machine is not stuck, and another
    /// one would have to wait, too.
    fn is_stuck(&mut self, now: Instant, patience: Duration) -> bool {
        let lasts = now.saturating_duration_since(self.since);
        let had = processor::had(self.stuck.number);
        let (again, had_then) = *self.again.get_or_insert((now, had.time));
        // Nobody knows what it did before the second look, which comes late where processors are scarce.
        let before = again.saturating_duration_since(self.since).min(patience / 2);
        let computed = before + had.time.saturating_sub(had_then);
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Watched for Nobody {
        fn look_for_idlers(&self) -> bool {
            false
        }

        fn take_over(self: Arc<Self>, _: &Stuck, _: ProcessBarrier) -> bool {
            false
        }
    }

    #[test]
    fn that_a_turn_begins_is_news_and_that_it_ends() {
        let Some(barrier) = ProcessBarrier::register() else { return };
        let runtime: Weak<Nobody> = Weak::new();
        let watch = Arc::new(Watch::new(Duration::from_secs(3600), runtime));
        let desk = Arc::new(Desk::new(std::ptr::null_mut()));
        let _on_duty = watch.add(desk.clone());
        let is_quiet = || watch.look(Instant::now(), barrier);
        assert!(is_quiet());
        desk.turn(|| assert!(!is_quiet(), "it has begun"));
        assert!(!is_quiet(), "it has ended");
        assert!(is_quiet());
        desk.turn(|| {
            assert!(!is_quiet());
            let since = watch.entries()[0].since;
            let before = desk.enter();
            assert!(!is_quiet(), "it may have ended");
            desk.exit(before);
            is_quiet();
            assert_eq!(watch.entries()[0].since, since, "it is the same turn, and has lasted since");
        });
        is_quiet();
        assert!(is_quiet());
        desk.turn(|| ());
        assert!(!is_quiet(), "both since the last look");
        assert!(is_quiet());
    }
}
