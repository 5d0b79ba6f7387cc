//! Handles on runtimes.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cede_driver::Handle as DriverHandle;

use super::context::{self, EnterGuard};
use super::parts::Parts;
use super::run::Main;
use super::stats::Stats;
use super::{Id, Refusal, RuntimeMetrics};
use super::{local, steal};
use crate::inspect::Dump;
use crate::rank::Wanted;
use crate::task::JoinHandle;
use crate::time::timers::Lease;

/// A handle on a runtime: cheap to clone, usable from any thread. It does not keep the runtime's tasks running; spawning on a runtime that has been shut down gives a
/// cancelled task.
///
/// ```
/// let runtime = cede::runtime::Runtime::new()?;
/// let handle = runtime.handle().clone();
/// std::thread::spawn(move || handle.spawn(async { 1 })).join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    scheduler: SchedulerHandle,
}

#[derive(Clone)]
pub(crate) enum SchedulerHandle {
    Local(Arc<local::Shared>),
    Steal(Arc<steal::Shared>),
}

// A panic in a task does not leave a runtime in a state that others must not see: tasks are isolated from each other.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

/// The kinds of runtime.
///
/// ```
/// use cede::runtime::{Builder, Handle, RuntimeFlavor};
///
/// let runtime = Builder::new_current_thread().build()?;
/// assert_eq!(runtime.block_on(async { Handle::current().runtime_flavor() }), RuntimeFlavor::CurrentThread);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// All tasks run on the thread that calls `block_on`.
    CurrentThread,
    /// Tasks run on several workers, which steal from each other.
    MultiThread,
}

impl Handle {
    pub(crate) fn new(scheduler: SchedulerHandle) -> Self {
        Self { scheduler }
    }

    /// The runtime that the thread is in.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    #[must_use]
    pub fn current() -> Self {
        context::current()
    }

    /// The runtime that the thread is in.
    ///
    /// # Errors
    /// Outside of a runtime.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        context::try_current().ok_or(TryCurrentError(()))
    }

    /// Makes this the current runtime of the thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        context::enter(self.clone())
    }

    /// Shows the tasks of this runtime: what each does, and what it waits for. Nothing is polled or stopped for that, and it works while all workers are stuck. See [`inspect`](crate::inspect).
    #[must_use]
    pub fn dump(&self) -> Dump {
        Dump::of(Some(self.parts().id.number()))
    }

    /// Starts a task; see [`cede::spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_at(future, Location::caller())
    }

    /// Whether a spawn here and now only moves the future: the thread runs a worker of this runtime.
    #[inline]
    pub(crate) fn spawns_here(&self) -> bool {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => local::is_driven_here(shared),
            SchedulerHandle::Steal(shared) => steal::is_driven_here(shared),
        }
    }

    #[inline]
    pub(crate) fn spawn_at<F>(&self, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => local::spawn(shared, future, site),
            SchedulerHandle::Steal(shared) => steal::spawn(shared, future, site),
        }
    }

    /// Starts a task that has a rank.
    pub(crate) fn spawn_ranked_at<F>(&self, future: F, wanted: Wanted, site: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => local::spawn_ranked(shared, future, wanted, site),
            SchedulerHandle::Steal(shared) => steal::spawn_ranked(shared, future, wanted, site),
        }
    }

    /// Starts a task that has a rank and need not be `Send`, if this is the runtime of this thread.
    pub(crate) fn spawn_ranked_local_at<F>(
        &self,
        future: F,
        wanted: Wanted,
        site: &'static Location<'static>,
    ) -> Option<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match &self.scheduler {
            SchedulerHandle::Local(shared) if shared.takes_local_tasks() => Some(local::spawn_ranked(shared, future, wanted, site)),
            _ => None,
        }
    }

    /// Starts a task that need not be `Send`, if this is the runtime of this thread.
    pub(crate) fn spawn_local_at<F>(&self, future: F, site: &'static Location<'static>) -> Option<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match &self.scheduler {
            SchedulerHandle::Local(shared) if shared.takes_local_tasks() => Some(local::spawn(shared, future, site)),
            _ => None,
        }
    }

    /// Whether this is a [`LocalRuntime`](super::LocalRuntime).
    pub(crate) fn is_local(&self) -> bool {
        matches!(&self.scheduler, SchedulerHandle::Local(shared) if shared.is_bound())
    }

    pub(crate) fn spawn_local_here<F>(&self, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_local_at(future, site).expect("a LocalRuntime does not leave its thread")
    }

    /// Runs a closure that may block; see [`cede::task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        crate::blocking::spawn(self, job, Location::caller())
    }

    /// Runs a future to its end on this thread; see [`Runtime::block_on`](super::Runtime::block_on). The future counts as none of the runtime's: it has no
    /// [`worker_index`](super::worker_index), and may call [`block_in_place`](crate::task::block_in_place).
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        context::beside_tasks(true, || self.run_to_end(future))
    }

    /// Runs a future to its end on this thread.
    #[track_caller]
    pub(crate) fn run_to_end<F: Future>(&self, future: F) -> F::Output {
        let mut output = None;
        let _inside = self.enter();
        let mut future = pin!(future);
        self.run_main(&mut |cx| future.as_mut().poll(cx).map(|value| output = Some(value)));
        output.expect("a future that is run to its end has an output")
    }

    fn run_main(&self, main: Main<'_>) {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => (shared.linked.block_on)(shared, main),
            SchedulerHandle::Steal(shared) if shared.parts.panics_end_it => self.run_unless_a_task_panics(shared, main),
            SchedulerHandle::Steal(shared) => shared.block_on(main),
        }
    }

    /// # Panics
    /// When a task of the runtime has.
    fn run_unless_a_task_panics(&self, shared: &Arc<steal::Shared>, main: Main<'_>) {
        let parts = self.parts();
        let mut panicked = pin!(parts.panic_ends_it.notified());
        // From here on it is told.
        panicked.as_mut().enable();
        shared.block_on(&mut |cx| {
            assert!(!(parts.panicked.load(Ordering::SeqCst) || panicked.as_mut().poll(cx).is_ready()), "{}", super::ENDED_BY_PANIC);
            main(cx)
        });
    }

    /// The kind of runtime.
    #[must_use]
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match &self.scheduler {
            SchedulerHandle::Local(_) => RuntimeFlavor::CurrentThread,
            SchedulerHandle::Steal(_) => RuntimeFlavor::MultiThread,
        }
    }

    /// Numbers about the runtime as it is now.
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.clone())
    }

    /// A number that no other runtime has.
    #[must_use]
    pub fn id(&self) -> Id {
        self.parts().id
    }

    /// The runtime's name, if it got one from [`Builder::name`](super::Builder::name).
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.parts().name.as_deref()
    }

    /// As what pictures and histograms see it.
    #[cfg(feature = "record")]
    pub(crate) fn counted(&self) -> &dyn crate::inspect::registry::Counted {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => &**shared,
            SchedulerHandle::Steal(shared) => &**shared,
        }
    }

    pub(crate) fn alive_tasks(&self) -> usize {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => shared.alive_tasks(),
            SchedulerHandle::Steal(shared) => shared.alive_tasks(),
        }
    }

    #[inline]
    pub(crate) fn spawned_tasks(&self) -> u64 {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => shared.spawned_tasks(),
            SchedulerHandle::Steal(shared) => shared.spawned_tasks(),
        }
    }

    #[inline]
    #[track_caller]
    pub(crate) fn local_queue_depth(&self, worker: usize) -> usize {
        let _there_is_one = self.stats(worker);
        match &self.scheduler {
            SchedulerHandle::Local(_) => 0,
            SchedulerHandle::Steal(shared) => shared.local_queue_depth(worker),
        }
    }

    #[inline]
    pub(crate) fn queue_depth(&self) -> usize {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => shared.queue_depth(),
            SchedulerHandle::Steal(shared) => shared.queue_depth(),
        }
    }

    #[inline]
    #[track_caller]
    pub(crate) fn stats(&self, worker: usize) -> &Stats {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => {
                assert!(worker == 0, "the runtime has one worker, so none has the index {worker}");
                &shared.stats
            }
            SchedulerHandle::Steal(shared) => shared.stats(worker),
        }
    }

    /// What the shutdown of this runtime is still waiting for.
    #[inline]
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        let tasks = match &self.scheduler {
            SchedulerHandle::Local(_) => Vec::new(),
            SchedulerHandle::Steal(shared) => shared.refusing_tasks(),
        };
        let named = |is_blocking| {
            move |(id, site)| Refusal { is_blocking, id: crate::task::Id::from_number(id), name: self.parts().names.get(id), site }
        };
        let closures = self.parts().blocking.running();
        tasks.into_iter().map(named(false)).chain(closures.into_iter().map(named(true))).collect()
    }

    #[inline]
    pub(crate) fn worker_count(&self) -> usize {
        match &self.scheduler {
            SchedulerHandle::Local(_) => 1,
            SchedulerHandle::Steal(shared) => shared.worker_count(),
        }
    }

    #[inline]
    pub(crate) fn interrupts(&self) -> u64 {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => shared.timers.driver().interrupts(),
            SchedulerHandle::Steal(shared) => shared.interrupts(),
        }
    }

    #[inline]
    pub(crate) fn parts(&self) -> &Parts {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => &shared.parts,
            SchedulerHandle::Steal(shared) => &shared.parts,
        }
    }

    #[inline]
    pub(crate) fn rescued_workers(&self) -> u64 {
        match &self.scheduler {
            SchedulerHandle::Local(_) => 0,
            SchedulerHandle::Steal(shared) => shared.watch.taken(),
        }
    }

    /// The timers of the current worker, or those of a worker that will do.
    #[inline]
    pub(crate) fn timers(&self) -> &Lease {
        match &self.scheduler {
            SchedulerHandle::Local(shared) => &shared.timers,
            SchedulerHandle::Steal(shared) => shared.timers(),
        }
    }

    /// The driver of the current worker, or that of a worker that will do.
    pub(crate) fn driver(&self) -> DriverHandle {
        self.timers().driver().clone()
    }

    pub(crate) fn shut_down(&self, timeout: Option<Duration>) {
        // One limit for both.
        let left = match &self.scheduler {
            SchedulerHandle::Local(shared) => {
                (shared.linked.shut_down)(shared);
                timeout
            }
            SchedulerHandle::Steal(shared) => shared.shut_down(timeout),
        };
        self.parts().blocking.shut_down(left);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("name", &self.parts().name).field("flavor", &self.runtime_flavor()).finish_non_exhaustive()
    }
}

/// The thread is not in a runtime.
#[derive(Debug)]
pub struct TryCurrentError(());

impl TryCurrentError {
    /// Whether the thread is outside of every runtime.
    #[must_use]
    pub fn is_missing_context(&self) -> bool {
        true
    }

    /// Whether the thread is being torn down; never, because that case is also seen as being outside.
    #[must_use]
    pub fn is_thread_local_destroyed(&self) -> bool {
        false
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no reactor running, must be called from the context of a Tokio 1.x runtime")
    }
}

impl Error for TryCurrentError {}
