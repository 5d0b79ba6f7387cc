//! Tasks with names and ranks.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;

use super::{CpuGroup, JoinHandle, LocalSet, Priority, spans};
use crate::rank::Wanted;
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
    priority: Option<Priority>,
    group: Option<&'a CpuGroup>,
    deadline: Option<Instant>,
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
        Self { name: Some(name), ..self }
    }

    /// How much the task matters. What it spawns is an ordinary task, unless it is given a priority, too.
    ///
    /// Closures that may block have no priority: bound what they do with a [`BlockingPool`](crate::blocking::BlockingPool).
    #[must_use]
    pub fn priority(self, priority: Priority) -> Self {
        Self { priority: Some(priority), ..self }
    }

    /// The tasks with which it shares processor time.
    #[must_use]
    pub fn group(self, group: &'a CpuGroup) -> Self {
        Self { group: Some(group), ..self }
    }

    /// The moment by which the task wants to be done: among those of its priority and group, the earliest runs first. Nothing happens when it passes; for that there is
    /// [`timeout_at`](crate::time::timeout_at).
    #[must_use]
    pub fn deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The rank, if the task is to have one.
    #[inline]
    fn wanted(&self) -> Option<Wanted> {
        let any = self.priority.is_some() || self.group.is_some() || self.deadline.is_some();
        any.then(|| Wanted { priority: self.priority.unwrap_or_default(), group: self.group.cloned(), deadline: self.deadline })
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
    /// If the task is given a priority, a group or a deadline, in a [`LocalSet`], which runs its tasks in the order in which they were woken.
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
        if let Some(wanted) = self.wanted() {
            let handle = context::try_current().filter(Handle::is_local).ok_or_else(no_ranks)?;
            let _naming = self.name.map(spans::name_next);
            let task = handle.spawn_ranked_local_at(Named::new(future, self.name), wanted, site);
            return task
                .ok_or_else(|| io::Error::other("this is not the thread of the `LocalRuntime`, which alone may spawn local tasks on it"));
        }
        Ok(match self.name {
            Some(name) => {
                let _naming = spans::name_next(name);
                super::local_set::spawn_local_at(Named::new(future, Some(name)), site)
            }
            None => super::local_set::spawn_local_at(future, site),
        })
    }

    /// Starts the task on a local set.
    ///
    /// # Errors
    /// If the task is given a priority, a group or a deadline: a local set runs its tasks in the order in which they were woken.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let site = Location::caller();
        if self.wanted().is_some() {
            return Err(no_ranks());
        }
        Ok(match self.name {
            Some(name) => {
                let _naming = spans::name_next(name);
                local_set.spawn_at(Named::new(future, Some(name)), site)
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
        let _naming = self.name.map(spans::name_next);
        Ok(match (self.wanted(), self.name) {
            (None, None) => handle.spawn_at(future, site),
            (None, name) => handle.spawn_at(Named::new(future, name), site),
            (Some(wanted), name) => handle.spawn_ranked_at(Named::new(future, name), wanted, site),
        })
    }
}

#[inline]
fn no_ranks() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "a `LocalSet` runs its tasks in the order in which they were woken; use a `LocalRuntime` for priorities",
    )
}

pin_project! {
    /// A future whose task is registered under its name, if it has one, from its first poll to its end.
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
    fn new(future: F, name: Option<&str>) -> Self {
        Self { future, name: name.map(Arc::from), registered: None }
    }
}

impl Registered {
    /// The task that is being polled, under this name.
    #[inline]
    fn here(name: Arc<str>) -> Option<Self> {
        let handle = context::try_current()?;
        let id = context::current_task_id()?;
        handle.parts().recorder.names(id, &name);
        handle.parts().names.set(id, name);
        Some(Self { handle, id })
    }
}

impl Drop for Registered {
    #[inline]
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
