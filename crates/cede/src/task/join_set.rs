//! Many tasks, awaited in the order in which they end.
//!
//! The join handles are in a `ReadySet`: each has a waker of its own that is left with its task at once, so handles come out in the order in which the tasks ended.

#![forbid(unsafe_code)]

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};

use super::ready_set::{Place, ReadySet};
use super::{AbortHandle, Id, JoinError, JoinHandle, LocalSet};
use crate::runtime::Handle;

/// Tasks with outputs of one type, awaited in the order in which they end. Dropping the set aborts those that have not.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut set = cede::task::JoinSet::new();
/// for i in 1..=3 {
///     set.spawn(async move { i * 10 });
/// }
/// let mut sum = 0;
/// while let Some(output) = set.join_next().await {
///     sum += output.unwrap();
/// }
/// assert_eq!(sum, 60);
/// # });
/// ```
#[must_use = "dropping the set aborts its tasks"]
pub struct JoinSet<T> {
    tasks: ReadySet<JoinHandle<T>>,
}

// As join handles are: a panic leaves nothing in a set that others must not see.
impl<T> UnwindSafe for JoinSet<T> {}
impl<T> RefUnwindSafe for JoinSet<T> {}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self { tasks: ReadySet::new() }
    }

    /// The number of tasks that were not joined yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is no task left to join.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Starts a task with properties.
    ///
    /// ```
    /// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let mut set = cede::task::JoinSet::new();
    /// set.build_task().name("answer").spawn(async { 42 }).unwrap();
    /// assert_eq!(set.join_all().await, [42]);
    /// # });
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder { set: self, task: super::Builder::new() }
    }

    /// Starts a task on the current runtime; see [`cede::spawn`](crate::spawn).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(crate::spawn(task))
    }

    /// Starts a task on the runtime of `handle`.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(task))
    }

    /// Starts a task on this thread; see [`spawn_local`](super::spawn_local).
    ///
    /// # Panics
    /// Outside of a [`LocalSet`] and a [`LocalRuntime`](crate::runtime::LocalRuntime).
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(super::spawn_local(task))
    }

    /// Starts a task on a local set.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(task))
    }

    /// Runs a closure that may block; see [`spawn_blocking`](super::spawn_blocking).
    ///
    /// # Panics
    /// Outside of a runtime, and if no thread for it can be created and none exists.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, job: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn_blocking(job))
    }

    /// Runs a closure that may block on the runtime of `handle`.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, job: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(job))
    }

    fn insert(&mut self, task: JoinHandle<T>) -> AbortHandle {
        let abort = task.abort_handle();
        let place = self.tasks.insert(task);
        let (task, waker) = self.tasks.get(place);
        task.wake_when_complete(waker);
        abort
    }

    /// Waits until a task has ended, and takes its output out of the set; `None` if the set is empty.
    ///
    /// *Cancel safety*: nothing is lost if this is dropped before it is ready.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`JoinSet::join_next`], with the id of the task. That of a task that failed is in the error.
    ///
    /// *Cancel safety*: nothing is lost if this is dropped before it is ready.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Takes the output of a task that has ended already; `None` if there is none, or no task at all.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_join_next_with_id().map(without_id)
    }

    /// As [`JoinSet::try_join_next`], with the id of the task.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        loop {
            let place = self.tasks.pop_woken(None)?;
            if let Poll::Ready(ended) = budget::unconstrained(|| self.poll_at(place)) {
                return Some(ended);
            }
        }
    }

    /// Aborts all tasks and waits until they have ended.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, all tasks have been aborted, and those that have not ended yet are still in the set.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Waits for all tasks, and returns their outputs in the order in which they ended.
    ///
    /// *Cancel safety*: dropping this drops the set, and so aborts the tasks.
    ///
    /// # Panics
    /// If a task panics, with its panic, and if one was aborted.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(ended) = self.join_next().await {
            match ended {
                Ok(output) => outputs.push(output),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    Err(error) => panic!("{error}"),
                },
            }
        }
        outputs
    }

    /// Aborts all tasks. They stay in the set until they are joined.
    pub fn abort_all(&mut self) {
        self.tasks.values().for_each(JoinHandle::abort);
    }

    /// Takes all tasks out of the set. They go on.
    pub fn detach_all(&mut self) {
        self.tasks.drain().for_each(drop);
    }

    /// As [`JoinSet::join_next`], for one's own futures. `Pending` with tasks in the set leaves the waker with them.
    ///
    /// It may also return `Pending`, after having woken the caller, because the caller's cooperative budget is used up.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx).map(|ended| ended.map(without_id))
    }

    /// As [`JoinSet::join_next_with_id`], for one's own futures; see [`JoinSet::poll_join_next`].
    pub fn poll_join_next_with_id(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(Id, T), JoinError>>> {
        let Some(place) = self.tasks.pop_woken(Some(cx.waker())) else {
            if self.is_empty() {
                return Poll::Ready(None);
            }
            waiting_for(WaitKind::Join, 0);
            return Poll::Pending;
        };
        match self.poll_at(place) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => {
                // The budget is used up, or a waker was called too often.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn poll_at(&mut self, place: Place) -> Poll<Result<(Id, T), JoinError>> {
        let (task, waker) = self.tasks.get(place);
        match Pin::new(&mut *task).poll(&mut Context::from_waker(waker)) {
            Poll::Ready(ended) => {
                let id = task.id();
                let _ended = self.tasks.remove(place);
                Poll::Ready(ended.map(|output| (id, output)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

fn without_id<T>(ended: Result<(Id, T), JoinError>) -> Result<T, JoinError> {
    ended.map(|(_, output)| output)
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.tasks.values().for_each(JoinHandle::abort);
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Starts each future as a task on the current runtime.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

/// Starts each future as a task on the current runtime.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}

/// Starts a task of a [`JoinSet`] with properties; see [`JoinSet::build_task`].
#[must_use = "nothing is started until one of the `spawn` methods is called"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    task: super::Builder<'a>,
}

impl<'a, T: 'static> Builder<'a, T> {
    /// The name under which reports and dumps show the task.
    pub fn name(self, name: &'a str) -> Self {
        Self { task: self.task.name(name), ..self }
    }

    /// See [`JoinSet::spawn`].
    ///
    /// # Errors
    /// None at present.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.task.spawn(future)?))
    }

    /// See [`JoinSet::spawn_on`].
    ///
    /// # Errors
    /// None at present.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.task.spawn_on(future, handle)?))
    }

    /// See [`JoinSet::spawn_local`].
    ///
    /// # Errors
    /// None at present.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.insert(self.task.spawn_local(future)?))
    }

    /// See [`JoinSet::spawn_local_on`].
    ///
    /// # Errors
    /// None at present.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        Ok(self.set.insert(self.task.spawn_local_on(future, local_set)?))
    }

    /// See [`JoinSet::spawn_blocking`].
    ///
    /// # Errors
    /// If no thread for it can be created and none exists.
    #[track_caller]
    pub fn spawn_blocking<F>(self, job: F) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.task.spawn_blocking(job)?))
    }

    /// See [`JoinSet::spawn_blocking_on`].
    ///
    /// # Errors
    /// If no thread for it can be created and none exists.
    #[track_caller]
    pub fn spawn_blocking_on<F>(self, job: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        Ok(self.set.insert(self.task.spawn_blocking_on(job, handle)?))
    }
}

impl<T> fmt::Debug for Builder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("join_set::Builder").field("joinset", &self.set).field("builder", &self.task).finish()
    }
}
