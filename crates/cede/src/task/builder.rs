//! Tasks with names.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::JoinHandle;
use crate::runtime::{Handle, context};

/// Starts a task with properties.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
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

    fn spawn_at<F>(self, future: F, handle: &Handle, site: &'static Location<'static>) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let Some(name) = self.name else { return Ok(handle.spawn_at(future, site)) };
        let future = Named { future, name: Some(Arc::from(name)), registered: None };
        Ok(handle.spawn_at(future, site))
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

impl Drop for Registered {
    fn drop(&mut self) {
        self.handle.parts().names.remove(self.id);
    }
}

impl<F: Future> Future for Named<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(name) = this.name.take()
            && let Some(handle) = context::try_current()
            && let Some(id) = context::current_task_id()
        {
            handle.parts().names.set(id, name);
            *this.registered = Some(Registered { handle, id });
        }
        this.future.poll(cx)
    }
}
