//! Runtimes: what runs tasks, timers, sockets and blocking closures.
//!
//! ```
//! let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
//! let answer = runtime.block_on(async { cede::spawn(async { 42 }).await });
//! assert_eq!(answer?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
pub(crate) mod context;
pub(crate) mod desk;
mod handle;
mod id;
pub(crate) mod local;
mod local_runtime;
mod metrics;
pub(crate) mod pace;
pub(crate) mod panics;
pub(crate) mod parts;
pub(crate) mod placement;
mod ready;
mod reserved;
pub(crate) mod run;
mod shutdown_report;
pub(crate) mod stats;
pub(crate) mod steal;
mod tick;

#[cfg(feature = "record")]
pub use crate::histogram::Histogram;
pub use crate::monitor::{Stall, StallFrame};
pub use crate::rank::{CpuGroupMetrics, policy};
pub use builder::{Builder, UnhandledPanic};
pub use context::EnterGuard;
pub use handle::{Handle, RuntimeFlavor, TryCurrentError};
pub use id::Id;
pub use local_runtime::{LocalOptions, LocalRuntime};
pub use metrics::RuntimeMetrics;
pub use panics::TaskPanic;
pub use shutdown_report::{Refusal, ShutdownReport};
pub use tick::Tick;

pub(crate) use ready::{Order, Ready};

use std::future::Future;
use std::io;
use std::time::Duration;

use crate::task::JoinHandle;

/// A runtime. Dropping it ends all its tasks at their next await and waits for blocking closures that already run.
///
/// ```
/// let runtime = cede::runtime::Runtime::new()?;
/// runtime.block_on(async { println!("hello") });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
    /// Whether the shutdown has happened.
    ended: bool,
}

/// The index of the worker that runs on this thread; the same that [`RuntimeMetrics`] uses. `None` elsewhere, also on a thread that runs tasks only because it waits in
/// [`Runtime::block_on`] of a work-stealing runtime.
///
/// ```
/// assert_eq!(cede::runtime::worker_index(), None);
/// # let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// assert_eq!(runtime.block_on(async { cede::runtime::worker_index() }), Some(0));
/// ```
#[must_use]
pub fn worker_index() -> Option<usize> {
    match context::driving() {
        context::Drive::Nothing => None,
        _ if local::is_any_driven_here() => (!context::is_beside_tasks()).then_some(0),
        _ => steal::worker_index(),
    }
}

/// What `block_on` says when the runtime is made so that a panic ends it.
const ENDED_BY_PANIC: &str = "a spawned task panicked and the runtime is configured to shut down on unhandled panic";

/// How often a graceful shutdown looks whether all tasks have ended. Counting at each end of a task would cost every task something.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Waits until [`Runtime::shutdown_gracefully`] is called on the runtime that polls this.
///
/// *Cancel safety*: dropping it has no effect.
///
/// # Panics
/// Outside of a runtime.
pub async fn shutdown_begins() {
    let handle = Handle::current();
    let parts = handle.parts();
    let begins = parts.drain_begins.notified();
    if !parts.draining.load(std::sync::atomic::Ordering::SeqCst) {
        begins.await;
    }
}

/// Whether an operation failed because its runtime was shut down.
///
/// ```
/// assert!(!cede::runtime::is_rt_shutdown_err(&std::io::Error::other("something else")));
/// ```
#[must_use]
pub fn is_rt_shutdown_err(error: &io::Error) -> bool {
    cede_driver::is_shut_down_error(error)
}

impl Runtime {
    pub(crate) fn from_handle(handle: Handle) -> Self {
        Self { handle, ended: false }
    }

    /// A work-stealing runtime with one worker for each processor, or as many as the environment [says](Builder::worker_threads).
    ///
    /// # Errors
    /// If threads or descriptors cannot be had.
    ///
    /// # Panics
    /// If `TOKIO_WORKER_THREADS` is set and no number above zero.
    pub fn new() -> std::io::Result<Self> {
        Builder::new_multi_thread().enable_all().build()
    }

    /// A handle on this runtime, for other threads and places.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Starts a task; see [`cede::spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a closure that may block; see [`cede::task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(job)
    }

    /// Runs a future to its end on this thread, and returns its output. Tasks go on meanwhile, on the workers; whether on this thread as well while the future waits, is said by
    /// [`Builder::block_on_runs_tasks`].
    ///
    /// Inside a task of the same runtime it nests: the worker runs other tasks until the future is done. What was begun last must then end first, so two nested calls on one worker
    /// that wait for each other's end never do.
    ///
    /// # Panics
    /// If the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        context::beside_tasks(false, || self.handle.run_to_end(future))
    }

    /// Makes this the current runtime of the thread, so that [`cede::spawn`](crate::spawn) and others find it.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Ends the runtime; waits for blocking closures at most `timeout`, then leaves them to themselves.
    pub fn shutdown_timeout(mut self, timeout: Duration) {
        self.end(Some(timeout));
    }

    /// Ends the runtime without waiting for blocking closures.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// Ends the runtime, waits at most `timeout`, and says what came of it: how many tasks were ended, and which tasks and closures refused to.
    ///
    /// A task refuses if it does not return from its poll, a closure if it does not return. They are left to themselves, and keep what they hold; all others have been dropped.
    /// To let tasks end by themselves first, use a [`TaskGroup`](crate::group::TaskGroup) and its [`shutdown`](crate::group::TaskGroup::shutdown) before this.
    ///
    /// ```
    /// use std::time::Duration;
    /// let runtime = cede::runtime::Runtime::new()?;
    /// let (release, blocked) = std::sync::mpsc::channel::<()>();
    /// let (begun, has_begun) = std::sync::mpsc::channel();
    /// runtime.spawn_blocking(move || { begun.send(()).unwrap(); blocked.recv() });
    /// has_begun.recv().unwrap();
    /// let report = runtime.shutdown_report(Duration::from_millis(1));
    /// assert_eq!(report.refused.len(), 1);
    /// println!("{report}");
    /// # drop(release);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn shutdown_report(mut self, timeout: Duration) -> ShutdownReport {
        let begin = std::time::Instant::now();
        let alive = self.handle.alive_tasks();
        self.end(Some(timeout));
        let refused = self.handle.refusals();
        let left = self.handle.alive_tasks();
        ShutdownReport { ended: alive.saturating_sub(left), refused, elapsed: begin.elapsed() }
    }

    /// Ends the runtime in steps, each of them bounded: accepts no more tasks from outside and tells those that wait for [`shutdown_begins`]; lets the tasks run on until all have ended or
    /// `drain` is over; then as [`Runtime::shutdown_report`] with `timeout`.
    ///
    /// Tasks may spawn others while they clean up. Inside of a task, which could not end meanwhile, there is no time for the others either.
    ///
    /// ```
    /// use std::time::Duration;
    /// let runtime = cede::runtime::Runtime::new()?;
    /// let server = runtime.spawn(async {
    ///     cede::runtime::shutdown_begins().await;
    ///     // Close connections, write buffers back ...
    ///     "closed"
    /// });
    /// let report = runtime.shutdown_gracefully(Duration::from_secs(60), Duration::from_secs(1));
    /// assert!(report.is_complete());
    /// assert_eq!(report.ended, 0, "all had ended by themselves");
    /// assert_eq!(cede::block_on(server).unwrap(), "closed");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn shutdown_gracefully(self, drain: Duration, timeout: Duration) -> ShutdownReport {
        let parts = self.handle.parts();
        parts.draining.store(true, std::sync::atomic::Ordering::SeqCst);
        // A waker that panics is no reason to end what is to end by itself.
        run::shielded(|| parts.drain_begins.notify_waiters());
        if !context::is_driving() {
            let drained = async {
                while self.handle.alive_tasks() > 0 {
                    crate::time::sleep_of_runtime(LOOK_EVERY).await;
                }
            };
            let _over = self.block_on(async { crate::time::timeout_of_runtime(drain, drained).await });
        }
        self.shutdown_report(timeout)
    }

    /// Numbers about this runtime as it is now.
    #[must_use]
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    fn end(&mut self, timeout: Option<Duration>) {
        if !std::mem::replace(&mut self.ended, true) {
            // Inside a task of some runtime nothing may block: a closure that never returns must not hang its worker.
            let timeout = if context::is_driving() { Some(Duration::ZERO) } else { timeout };
            self.handle.shut_down(timeout);
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.end(None);
    }
}
