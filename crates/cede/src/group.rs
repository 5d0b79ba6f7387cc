//! Structured concurrency: tasks in parallel that end together.
//!
//! # What
//! A [`TaskGroup`] owns tasks. Nothing of it outlives it unnoticed: [`TaskGroup::join`] returns when all have ended and their futures are dropped, those of groups that were made inside of
//! them included. The first error cancels the others; all errors are kept. A group that is dropped cancels its tasks.
//!
//! # Why not the obvious way
//! A `JoinSet` in each function leaves a gap: a task that is aborted drops its own set, whose tasks are aborted then, but nobody waits for them. Here groups form a tree, and each waits for
//! all below it.
//!
//! # States of a group
//! ```text
//! running ──error, panic, deadline, cancel, shutdown──► cancelled ──cleanup time is over──► cut off
//!    └────────────────────────────drop, parent cut off──────────────────────────────────────┘
//! ```
//! *Cancelled*: [`cancelled`] is ready in every child, which may clean up. *Cut off*: every child is dropped at its next turn. The cleanup time is zero unless
//! [`Builder::cleanup`] says otherwise, so a child need not know about any of this.
//!
//! # What a child inherits
//! The group (its reason to be cancelled and its deadline) by the task-local `NODE`, and those task-locals that [`Builder::inherit`] names. A group made inside of a child is below the child's.
//!
//! # Who may touch what
//! `node::Node`, one for each group: everybody, under its lock, which is not held while wakers are called or futures dropped. Locks are taken one at a time.
//!
//! # Invariants
//! - I1: `live` of a node is the number of children of its group and of all groups below it whose futures are not dropped yet.
//! - I2: a child is counted before its task is made; what takes it off the count is dropped after its future, in every way in which a task can end.
//! - I3: a node that is added below a cancelled one is cancelled.
//! - I4: a child waits for the next change of its node before it looks at the node, so no change is missed.
//!
//! # What dropping can do
//! A drop cannot wait. It cuts all children off; each ends at its next await, on its own thread. The group's ancestors wait for them, and
//! [`num_alive_tasks`](crate::runtime::RuntimeMetrics::num_alive_tasks) counts them. Whoever must know that they have ended calls [`TaskGroup::shutdown`] instead.

#![forbid(unsafe_code)]

mod builder;
mod child;
mod error;
mod node;
mod restart;

pub use builder::{Builder, OnPanic};
pub use child::Child;

pub use crate::backoff::Backoff;
pub use error::{CancelReason, Cause, ChildError, ChildName, GroupError, NoValue};

use std::fmt;
use std::future::{Future, pending};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::runtime::context;
use crate::time::Instant;
use child::Shared;
use node::{Force, NODE};

/// Tasks in parallel that end together; see the [module](self).
///
/// ```
/// # cede::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
/// use cede::group::{CancelReason, TaskGroup};
///
/// let mut group = TaskGroup::new();
/// let size = group.spawn(async { Ok(6 * 7) });
/// assert_eq!(size.await, Ok(42));
/// group.spawn_named("writer", async { Err::<(), _>("disk full") });
/// group.spawn(std::future::pending::<Result<(), _>>());
/// let error = group.join().await.unwrap_err();
/// assert_eq!(error.reason, Some(CancelReason::ChildFailed));
/// assert_eq!(error.failures().collect::<Vec<_>>(), [&"disk full"]);
/// assert_eq!(error.errors[0].child.name(), Some("writer"));
/// # });
/// ```
#[must_use = "dropping a group cuts its tasks off"]
pub struct TaskGroup<E> {
    spawner: Spawner<E>,
}

impl<E: Send + 'static> TaskGroup<E> {
    /// A group without limits of its own. Inside of a child of another group it is below that one.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A group with properties.
    pub fn builder() -> Builder<E> {
        Builder::new()
    }

    fn from_shared(shared: Arc<Shared<E>>) -> Self {
        Self { spawner: Spawner { shared } }
    }

    /// What spawns in this group; it can be given to the children.
    #[must_use]
    pub fn spawner(&self) -> Spawner<E> {
        self.spawner.clone()
    }

    /// Starts a child; see [`Spawner::spawn`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F, T>(&self, child: F) -> Child<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawner.spawn(child)
    }

    /// Starts a child with a name; see [`Spawner::spawn_named`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_named<F, T>(&self, name: impl Into<Arc<str>>, child: F) -> Child<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawner.spawn_named(name, child)
    }

    /// Starts a child that is started again when it panics; see [`Spawner::spawn_restarting`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_restarting<F, T>(&self, name: impl Into<Arc<str>>, backoff: Backoff, make: impl FnMut() -> F + Send + 'static) -> Child<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawner.spawn_restarting(name, backoff, make)
    }

    /// The number of children that have not ended, those of groups below this one included.
    #[must_use]
    pub fn live(&self) -> usize {
        self.spawner.shared.node.live()
    }

    /// Why the group is cancelled, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<CancelReason> {
        self.spawner.shared.node.reason()
    }

    /// Cancels the children and those of all groups below. The first reason stays.
    pub fn cancel(&self, reason: CancelReason) {
        self.spawner.cancel(reason);
    }

    /// Waits until all children have ended, and those of all groups below. New ones may be spawned meanwhile.
    ///
    /// *Cancel safety*: nothing is lost if this is dropped before it is ready; the children go on.
    ///
    /// # Errors
    /// If a child failed or panicked, or the group was cancelled. The errors are taken out of the group.
    pub async fn join(&mut self) -> Result<(), GroupError<E>> {
        self.spawner.shared.node.ended().await;
        self.spawner.shared.take_result()
    }

    /// Cancels the children, gives them `cleanup` to end by themselves, drops those that have not, and waits until all futures are gone. Only a child that does not return from its poll can
    /// hold this up.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, the group is dropped, and so all children are cut off.
    ///
    /// # Errors
    /// As for [`TaskGroup::join`], except that having been cancelled by this is no error.
    pub async fn shutdown(mut self, cleanup: Duration) -> Result<(), GroupError<E>> {
        let node = &self.spawner.shared.node;
        node.set_cleanup(cleanup);
        node.cancel(&CancelReason::Shutdown, Force::Cancel);
        match self.join().await {
            Err(error) if error.reason == Some(CancelReason::Shutdown) && error.errors.is_empty() && error.cut_off.is_empty() => Ok(()),
            ended => ended,
        }
    }
}

impl<E: Send + 'static> Default for TaskGroup<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Drop for TaskGroup<E> {
    fn drop(&mut self) {
        self.spawner.shared.node.cancel(&CancelReason::Dropped, Force::CutOff);
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup").field("node", &self.spawner.shared.node).finish()
    }
}

/// Starts children of a [`TaskGroup`]; can be cloned into them.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cede::group::TaskGroup;
///
/// let mut group = TaskGroup::<std::io::Error>::new();
/// let spawner = group.spawner();
/// group.spawn(async move {
///     spawner.spawn(async { Ok(()) });
///     Ok(())
/// });
/// assert!(group.join().await.is_ok(), "all have ended, also those that children have started");
/// # });
/// ```
pub struct Spawner<E> {
    shared: Arc<Shared<E>>,
}

impl<E: Send + 'static> Spawner<E> {
    /// Starts a child on the current runtime. An error or panic of it cancels the others. A child of a group that is cancelled already is told so at once. Whoever wants the child's value awaits
    /// what this returns; errors are the group's.
    ///
    /// With a [limit](Builder::limit), a child that is too many waits for another one to end, in the order of the spawns; so this never waits. If the group is cancelled before the child's turn
    /// comes, it never begins.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F, T>(&self, child: F) -> Child<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        child::spawn(&self.shared, child, &context::current(), ChildName { name: None, site: Location::caller() })
    }

    /// As [`Spawner::spawn`], with a name, under which errors, reports and dumps show the child.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_named<F, T>(&self, name: impl Into<Arc<str>>, child: F) -> Child<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        child::spawn(&self.shared, child, &context::current(), ChildName { name: Some(name.into()), site: Location::caller() })
    }

    /// As [`Spawner::spawn_named`], of what `make` makes; if that panics, it is made and started again after the next pause of `backoff`. When there is none left, the panic is the child's. A run that
    /// lasted longer than the longest pause begins with all pauses again. An error is no panic: it ends the child.
    ///
    /// Each panic is counted and told by the runtime. Supervision with more to it is in `cede-actor`.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// ```
    /// # cede::runtime::Builder::new_current_thread().start_paused(true).enable_all().build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use cede::group::{Backoff, TaskGroup};
    ///
    /// let mut group = TaskGroup::<()>::new();
    /// let mut runs = 0;
    /// let child = group.spawn_restarting("importer", Backoff::new(Duration::from_millis(50)), move || {
    ///     runs += 1;
    ///     async move { if runs < 3 { panic!("run {runs}") } else { Ok(runs) } }
    /// });
    /// assert_eq!(child.await, Ok(3));
    /// group.join().await.unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_restarting<F, T>(&self, name: impl Into<Arc<str>>, backoff: Backoff, make: impl FnMut() -> F + Send + 'static) -> Child<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        let who = ChildName { name: Some(name.into()), site: Location::caller() };
        child::spawn(&self.shared, restart::restarting(who.clone(), backoff, make), &context::current(), who)
    }

    /// See [`TaskGroup::cancel`].
    pub fn cancel(&self, reason: CancelReason) {
        self.shared.node.cancel(&reason, Force::Cancel);
    }
}

impl<E> Clone for Spawner<E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<E> fmt::Debug for Spawner<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").field("node", &self.shared.node).finish()
    }
}

/// Waits until the group, of which the running task is a child, is cancelled; for ever outside of groups. Says why.
///
/// *Cancel safety*: dropping it has no effect.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().start_paused(true).enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use cede::group::{self, CancelReason, TaskGroup};
///
/// let mut group = TaskGroup::<()>::builder().cleanup(Duration::from_secs(1)).build();
/// group.spawn(async {
///     let reason = group::cancelled().await;
///     assert_eq!(reason, CancelReason::Requested("enough".into()));
///     cede::time::sleep(Duration::from_millis(10)).await; // There is time to clean up.
///     Ok(())
/// });
/// group.cancel(CancelReason::Requested("enough".into()));
/// assert!(group.join().await.unwrap_err().cut_off.is_empty());
/// # });
/// ```
pub async fn cancelled() -> CancelReason {
    match NODE.try_get() {
        Ok(node) => node.cancelled().await,
        Err(_) => pending().await,
    }
}

/// Why the group, of which the running task is a child, is cancelled; `None` if it is not, and outside of groups.
#[must_use]
pub fn cancel_reason() -> Option<CancelReason> {
    NODE.try_with(|node| node.reason()).ok().flatten()
}

/// When the group, of which the running task is a child, is cancelled at the latest: the earliest deadline of its group and those above.
#[must_use]
pub fn deadline() -> Option<Instant> {
    NODE.try_with(|node| node.deadline()).ok().flatten()
}
