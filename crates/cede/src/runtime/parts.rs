//! What all schedulers have.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cede_core::lock::Lock;
use cede_driver::clock::Clock;
use cede_sync::Notify;

use crate::blocking::Blocking;
use crate::blocking::simulated::RunsJobs;
use crate::monitor::{Reported, Reports};
use crate::order;
use crate::rank::Usages;
use crate::record::{self, Recorder};
use crate::runtime::panics::{Panicked, Panics, Untold};
use crate::runtime::run::{Main, shielded};
use crate::runtime::{Id, context, steal};
use crate::sim::{BlockedTask, Deadlock};

/// A function of the user's that is called at certain moments.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// Runs the main future, and tasks meanwhile; `false` if another thread does.
pub(crate) type RunsTasks = fn(&Arc<steal::Shared>, Main<'_>) -> bool;

/// The parts of a runtime that do not depend on its scheduler.
pub(crate) struct Parts {
    pub(crate) id: Id,
    pub(crate) clock: Clock,
    pub(crate) blocking: Blocking,
    /// So many polls, then the driver is looked at.
    pub(crate) event_interval: u32,
    /// But not more often than this while tasks are running.
    pub(crate) driver_interval_ns: u64,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) names: Names,
    /// What a simulated runtime does with closures that may block. All others have threads for them.
    pub(crate) simulated: Option<RunsJobs>,
    /// Whether sockets, pipes, processes and signals may be used.
    #[cfg_attr(not(any(feature = "net", feature = "signal")), expect(dead_code, reason = "only descriptors and signals ask"))]
    pub(crate) descriptors: bool,
    /// Whether futures may wait for moments.
    pub(crate) timers: bool,
    pub(crate) name: Option<Arc<str>>,
    /// Whether the panic of a task ends the runtime.
    pub(crate) panics_end_it: bool,
    pub(crate) panicked: AtomicBool,
    /// Those who wait in `block_on` of a work-stealing runtime that a panic ends.
    pub(crate) panic_ends_it: Notify,
    pub(crate) panics: Panics,
    pub(crate) rescue: Rescue,
    pub(crate) reports: Arc<Reports>,
    pub(crate) reported: Reported,
    pub(crate) recorder: Arc<Recorder>,
    /// What the groups of tasks had of its time.
    pub(crate) groups: Usages,
    /// A graceful shutdown has begun: nothing is accepted from outside.
    pub(crate) draining: AtomicBool,
    /// Those who want to know when that begins.
    pub(crate) drain_begins: Notify,
    /// Whether a thread in `block_on` of a work-stealing runtime is a guest worker.
    pub(crate) block_on_runs_tasks: Option<RunsTasks>,
}

/// When a worker is taken from a thread that is stuck in a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rescue {
    /// A poll may take so long.
    pub(crate) after: Duration,
    /// So many threads may be stuck at the same time; none: nobody is watched.
    pub(crate) threads_max: usize,
}

impl Default for Rescue {
    fn default() -> Self {
        Self { after: Duration::from_millis(10), threads_max: 64 }
    }
}

/// See the builder's functions of these names.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) thread_start: Option<Hook>,
    pub(crate) thread_stop: Option<Hook>,
    pub(crate) thread_park: Option<Hook>,
    pub(crate) thread_unpark: Option<Hook>,
}

impl Parts {
    /// Whether the driver and the clock are simulated.
    pub(crate) fn is_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    /// Whether a spawn from here is refused: a graceful shutdown has begun, and this is no task that may need others to end.
    pub(crate) fn refuses_spawn(&self) -> bool {
        self.draining.load(Ordering::SeqCst) && context::current_task().is_none()
    }

    /// A task of this runtime panicked.
    #[cold]
    pub(crate) fn note_panic(&self, panicked: &Panicked<'_>) -> Option<Untold> {
        record::panics(panicked.task);
        if self.panics_end_it {
            self.panicked.store(true, Ordering::SeqCst);
            super::run::shielded(|| self.panic_ends_it.notify_waiters());
        }
        self.tell_panic(panicked)
    }

    /// A task panicked that runs beside those of the scheduler: on a blocking thread or in a local set.
    #[cold]
    pub(crate) fn tell_panic(&self, panicked: &Panicked<'_>) -> Option<Untold> {
        self.panics.note(panicked, self.names.remove(panicked.task))
    }

    pub(crate) fn before_park(&self) {
        if let Some(hook) = &self.hooks.thread_park {
            shielded(|| hook());
        }
    }

    /// Returns whether there was something to do.
    pub(crate) fn after_park(&self) -> bool {
        let Some(hook) = &self.hooks.thread_unpark else { return false };
        shielded(|| hook());
        true
    }

    /// Nothing can ever happen any more in this simulated runtime.
    ///
    /// # Panics
    /// Always: with a [`Deadlock`] that lists all tasks, which the simulator catches.
    pub(crate) fn report_deadlock(&self, describe: impl FnOnce(&mut Vec<BlockedTask>)) -> ! {
        let mut blocked = Vec::new();
        describe(&mut blocked);
        for task in &mut blocked {
            task.name = self.names.get(task.id);
        }
        self.report(Deadlock { blocked: order::by_number(blocked, |task| task.id) });
    }
}

impl Parts {
    /// Ends a simulated run with what was found. The panic hook is not called: the simulator returns the report to its caller.
    pub(crate) fn report(&self, found: impl std::any::Any + Send) -> ! {
        debug_assert!(self.is_simulated());
        std::panic::resume_unwind(Box::new(found))
    }
}

/// The names of the tasks that have one. Few tasks do, so the others pay nothing for it.
#[derive(Debug, Default)]
pub(crate) struct Names(OnceLock<Box<dyn Named>>);

impl Names {
    #[inline]
    pub(crate) fn set(&self, id: u64, name: Arc<str>) {
        self.0.get_or_init(|| Box::new(Table::default())).set(id, name);
    }

    #[inline]
    pub(crate) fn get(&self, id: u64) -> Option<Arc<str>> {
        self.0.get()?.get(id)
    }

    #[inline]
    pub(crate) fn remove(&self, id: u64) -> Option<Arc<str>> {
        self.0.get()?.remove(id)
    }
}

/// The names, where there are some: programs that give none have no table, and who gives one compiles it.
trait Named: Send + Sync {
    fn set(&self, id: u64, name: Arc<str>);
    fn get(&self, id: u64) -> Option<Arc<str>>;
    fn remove(&self, id: u64) -> Option<Arc<str>>;
}

impl Debug for dyn Named {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

#[derive(Default)]
struct Table(Lock<HashMap<u64, Arc<str>>>);

impl Named for Table {
    #[inline]
    fn set(&self, id: u64, name: Arc<str>) {
        let before = self.0.lock().insert(id, name);
        drop(before);
    }

    #[inline]
    fn get(&self, id: u64) -> Option<Arc<str>> {
        self.0.lock().get(&id).cloned()
    }

    #[inline]
    fn remove(&self, id: u64) -> Option<Arc<str>> {
        self.0.lock().remove(&id)
    }
}
