//! A one-thread runtime for futures that are not `Send`.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;

use super::{EnterGuard, Handle, Runtime};
use crate::task::JoinHandle;

/// Options of a [`LocalRuntime`]; there are none yet.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LocalOptions {
    /// Options may come to hold what is bound to a thread.
    not_send: PhantomData<*mut ()>,
}

/// A runtime that lives on one thread, so that its tasks may hold what is not `Send`.
///
/// ```
/// use std::rc::Rc;
/// let runtime = cede::runtime::LocalRuntime::new()?;
/// let shared = Rc::new(5);
/// let task = runtime.spawn_local(async move { *shared + 1 });
/// assert_eq!(runtime.block_on(task).unwrap(), 6);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LocalRuntime {
    runtime: Runtime,
    not_send: PhantomData<*mut ()>,
}

impl LocalRuntime {
    /// A runtime with timers and network.
    ///
    /// # Errors
    /// If descriptors cannot be had.
    pub fn new() -> io::Result<Self> {
        super::Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
    }

    #[inline]
    pub(crate) fn from_runtime(runtime: Runtime) -> Self {
        Self { runtime, not_send: PhantomData }
    }

    /// A handle on this runtime. Through it only `Send` futures can be spawned.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Starts a task on this thread.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.handle().spawn_local_here(future, Location::caller())
    }

    /// Runs a closure that may block; see [`cede::task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle().spawn_blocking(job)
    }

    /// Runs a future to its end on this thread, and returns its output. Tasks go on meanwhile.
    ///
    /// # Panics
    /// If the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// See [`Runtime::metrics`].
    #[inline]
    #[must_use]
    pub fn metrics(&self) -> super::RuntimeMetrics {
        self.runtime.metrics()
    }

    /// See [`Runtime::enter`].
    #[inline]
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// See [`Runtime::shutdown_timeout`].
    #[inline]
    pub fn shutdown_timeout(self, timeout: std::time::Duration) {
        self.runtime.shutdown_timeout(timeout);
    }

    /// See [`Runtime::shutdown_background`].
    #[inline]
    pub fn shutdown_background(self) {
        self.runtime.shutdown_background();
    }

    /// See [`Runtime::shutdown_report`].
    #[inline]
    pub fn shutdown_report(self, timeout: std::time::Duration) -> super::ShutdownReport {
        self.runtime.shutdown_report(timeout)
    }

    /// See [`Runtime::shutdown_gracefully`].
    #[inline]
    pub fn shutdown_gracefully(self, drain: std::time::Duration, timeout: std::time::Duration) -> super::ShutdownReport {
        self.runtime.shutdown_gracefully(drain, timeout)
    }
}
