//! Runtimes: what runs tasks, timers, sockets and blocking closures.
//!
//! ```
//! let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
//! let answer = runtime.block_on(async { cede::spawn(async { 42 }).await });
//! assert_eq!(answer?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
pub(crate) mod context;
mod handle;
pub(crate) mod local;
mod local_runtime;
mod metrics;
pub(crate) mod parts;
mod ready;
pub(crate) mod run;
pub(crate) mod steal;
mod tick;

pub use builder::{Builder, UnhandledPanic};
pub use context::EnterGuard;
pub use handle::{Handle, RuntimeFlavor, TryCurrentError};
pub use local_runtime::{LocalOptions, LocalRuntime};
pub use metrics::RuntimeMetrics;
pub use tick::Tick;

pub(crate) use ready::Ready;

use std::future::Future;
use std::io;
use std::time::Duration;

use crate::task::JoinHandle;

/// Whether an error of a socket means that its runtime was shut down.
#[must_use]
pub fn is_rt_shutdown_err(error: &io::Error) -> bool {
    cede_driver::is_shut_down_error(error)
}

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

impl Runtime {
    pub(crate) fn from_handle(handle: Handle) -> Self {
        Self { handle, ended: false }
    }

    /// A work-stealing runtime with one worker for each processor.
    ///
    /// # Errors
    /// If threads or descriptors cannot be had.
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

    /// Runs a future to its end on this thread, and returns its output. Tasks go on meanwhile; this thread may run some of them while the future waits, see
    /// [`Builder::block_on_runs_tasks`].
    ///
    /// Inside a task of the same runtime it nests: the worker runs other tasks until the future is done. What was begun last must then end first, so two nested calls on one worker
    /// that wait for each other's end never do.
    ///
    /// # Panics
    /// If the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
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
