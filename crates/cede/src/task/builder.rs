//! Tasks with names.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{JoinHandle, LocalSet, spans};
use crate::runtime::{Handle, context};

/// Starts a task with properties.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let task = cede::task::Builder::new().name("answer").spawn(async { 42 }).unwrap();
/// assert_eq!(task.await.unwrap(), 42);
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// No properties yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name under which reports and dumps show the task.
    #[must_use]
    pub fn name(self, name: &'a str) -> Self {
        Self { name: Some(name) }
    }

    /// Starts the task on the current runtime.
    ///
    /// # Errors
    /// None at present; the signature leaves room for limits.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let site = Location::caller();
        self.spawn_at(future, &context::current(), site)
    }

    /// Starts the task on the runtime of `handle`.
    ///
    /// # Errors
    /// None at present; the signature leaves room for limits.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let site = Location::caller();
        self.spawn_at(future, handle, site)
    }

    /// Starts the task on this thread; see [`spawn_local`](super::spawn_local).
    ///
    /// # Errors
    /// None at present; the signature leaves room for limits.
    ///
    /// # Panics
    /// Outside of a [`LocalSet`] and a [`LocalRuntime`](crate::runtime::LocalRuntime).
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let site = Location::caller();
        Ok(match self.name {
            Some(name) => {
                let _naming = spans::name_next(name);
                super::local_set::spawn_local_at(Named::new(future, name), site)
            }
            None => super::local_set::spawn_local_at(future, site),
        })
    }

    /// Starts the task on a local set.
    ///
    /// # Errors
    /// None at present; the signature leaves room for limits.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let site = Location::caller();
        Ok(match self.name {
            Some(name) => {
                let _naming = spans::name_next(name);
                local_set.spawn_at(Named::new(future, name), site)
            }
            None => local_set.spawn_at(future, site),
        })
    }

    /// Runs a closure that may block; see [`spawn_blocking`](super::spawn_blocking).
    ///
    /// # Errors
    /// If no thread for it can be created and none exists.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, job: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let handle = context::current();
        self.spawn_blocking_on(job, &handle)
    }

    /// Runs a closure that may block on the runtime of `handle`.
    ///
    /// # Errors
    /// If no thread for it can be created and none exists.
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(self, job: F, handle: &Handle) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let site = Location::caller();
        let Some(name) = self.name else { return crate::blocking::try_spawn(handle, job, site) };
        let _naming = spans::name_next(name);
        let name = Arc::from(name);
        let named = move || {
            let _registered = Registered::here(name);
            job()
        };
        crate::blocking::try_spawn(handle, named, site)
    }

    pub(crate) fn spawn_at<F>(self, future: F, handle: &Handle, site: &'static Location<'static>) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let Some(name) = self.name else { return Ok(handle.spawn_at(future, site)) };
        let _naming = spans::name_next(name);
        Ok(handle.spawn_at(Named::new(future, name), site))
    }
}

pin_project! {
    /// A future whose task is registered under a name from its first poll to its end.
    struct Named<F> {
        #[pin]
        future: F,
        name: Option<Arc<str>>,
        registered: Option<Registered>,
    }
}

/// An entry in the runtime's table of names, taken out when dropped.
struct Registered {
    handle: Handle,
    id: u64,
}

impl<F> Named<F> {
    fn new(future: F, name: &str) -> Self {
        Self { future, name: Some(Arc::from(name)), registered: None }
    }
}

impl Registered {
    /// The task that is being polled, under this name.
    fn here(name: Arc<str>) -> Option<Self> {
        let handle = context::try_current()?;
        let id = context::current_task_id()?;
        handle.parts().recorder.names(id, &name);
        handle.parts().names.set(id, name);
        Some(Self { handle, id })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // A panic is told with the name; it is taken out then.
        if !std::thread::panicking() {
            self.handle.parts().names.remove(self.id);
        }
    }
}

impl<F: Future> Future for Named<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(name) = this.name.take() {
            *this.registered = Registered::here(name);
        }
        this.future.poll(cx)
    }
}
