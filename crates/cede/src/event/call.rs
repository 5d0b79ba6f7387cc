//! Futures and streams as calls of closures, on a task of their own.

use std::fmt;
use std::future::Future;
use std::pin::pin;

use futures_util::stream::{Stream, StreamExt};

use crate::task::{JoinError, JoinHandle, consume_budget};

/// Calls `callback` with the output of `future`, on a task of the current runtime.
///
/// ```
/// use cede::event;
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let listener = event::call_when_ready(async { 6 * 7 }, |answer| assert_eq!(answer, 42));
/// listener.join().await.unwrap();
/// # });
/// ```
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn call_when_ready<F, C>(future: F, callback: C) -> Listener
where
    F: Future + Send + 'static,
    C: FnOnce(F::Output) + Send + 'static,
{
    Listener::new(crate::spawn(async move { callback(future.await) }))
}

/// Calls `callback` with each item of `stream`, in order, on a task of the current runtime. After a panic of the callback it is not called again.
///
/// ```
/// use cede::{event, stream};
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut sum = 0;
/// let (completer, completion) = event::completion();
/// event::call_for_each(stream::iter(1..=4), move |n| {
///     sum += n;
///     if n == 4 {
///         completer.complete(sum).unwrap();
///     }
/// })
/// .detach();
/// assert_eq!(completion.await, Ok(10));
/// # });
/// ```
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn call_for_each<S, C>(stream: S, mut callback: C) -> Listener
where
    S: Stream + Send + 'static,
    S::Item: Send,
    C: FnMut(S::Item) + Send + 'static,
{
    Listener::new(crate::spawn(async move {
        let mut stream = pin!(stream);
        while let Some(item) = stream.next().await {
            callback(item);
            // The stream may always have an item; the listener can be dropped nevertheless.
            consume_budget().await;
        }
    }))
}

/// A closure that is called when something happens. Dropping this ends that; a call that has begun ends by itself.
#[must_use = "dropping it ends the calls; use `detach` to let them go on"]
pub struct Listener {
    /// None once somebody else is responsible for the task.
    task: Option<JoinHandle<()>>,
}

impl Listener {
    fn new(task: JoinHandle<()>) -> Self {
        Self { task: Some(task) }
    }

    /// Lets it go on without this handle.
    pub fn detach(mut self) {
        self.task = None;
    }

    /// Waits until there is nothing more to call it with.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, the calls end.
    ///
    /// # Errors
    /// If the future, the stream or the closure panicked, or the runtime was shut down.
    pub async fn join(mut self) -> Result<(), JoinError> {
        match &mut self.task {
            Some(task) => task.await,
            None => Ok(()),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("task", &self.task).finish()
    }
}
