//! Making groups.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cede_sync::Semaphore;

use super::TaskGroup;
use super::child::{Inheritance, Shared};
use super::node::Node;
use crate::ZeroLimit;
use crate::task::LocalKey;
use crate::time::Instant;

/// Makes a [`TaskGroup`].
///
/// ```
/// use std::time::Duration;
/// use cede::group::TaskGroup;
///
/// # cede::runtime::Builder::new_current_thread().start_paused(true).enable_all().build().unwrap().block_on(async {
/// let builder = TaskGroup::<std::io::Error>::builder().timeout(Duration::from_secs(5)).limit(2)?;
/// let mut group = builder.build();
/// for _ in 0..10 {
///     group.spawn(async { Ok(cede::time::sleep(Duration::from_millis(10)).await) });
/// }
/// group.join().await.unwrap();
/// # Ok::<(), cede::ZeroLimit>(())
/// # }).unwrap();
/// ```
#[must_use = "there is no group until `build` is called"]
pub struct Builder<E> {
    limit: Option<usize>,
    deadline: Option<Instant>,
    cleanup: Duration,
    inheritances: Vec<Inheritance<E>>,
    on_panic: OnPanic,
}

/// What a [`TaskGroup`] does when a child panics. The panic is counted and told by the runtime in any case, and it is among the errors that [`TaskGroup::join`] returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnPanic {
    /// It cancels the other children, as an error does.
    #[default]
    Cancel,
    /// The others go on.
    Continue,
}

impl<E: Send + 'static> Builder<E> {
    pub(super) fn new() -> Self {
        Self { limit: None, deadline: None, cleanup: Duration::ZERO, inheritances: Vec::new(), on_panic: OnPanic::Cancel }
    }

    /// So many children run at the same time at most; the others wait.
    ///
    /// # Errors
    /// If it is zero: then no child could ever run.
    pub fn limit(self, children: usize) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("concurrency", children)?;
        Ok(Self { limit: Some(children), ..self })
    }

    /// When the group is cancelled at the latest. An earlier deadline of a group above stays.
    pub fn deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// As [`Builder::deadline`], from now. A time too far away for a clock is no deadline.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(timeout), ..self }
    }

    /// How long children have to end by themselves when the group is cancelled; then they are dropped. None by default.
    pub fn cleanup(self, cleanup: Duration) -> Self {
        Self { cleanup, ..self }
    }

    /// What happens when a child panics. To start it again, see [`Spawner::spawn_restarting`](super::Spawner::spawn_restarting).
    ///
    /// ```
    /// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use cede::group::{OnPanic, TaskGroup};
    ///
    /// let mut group = TaskGroup::<()>::builder().on_panic(OnPanic::Continue).build();
    /// group.spawn_named("parser", async { if true { panic!("bad input") } else { Ok(()) } });
    /// let other = group.spawn(async { Ok(cede::task::yield_now().await) });
    /// assert!(other.await.is_ok());
    /// assert_eq!(group.join().await.unwrap_err().errors[0].child.name(), Some("parser"));
    /// # });
    /// ```
    pub fn on_panic(self, on_panic: OnPanic) -> Self {
        Self { on_panic, ..self }
    }

    /// Children get a clone of this task-local's value as it is for whoever spawns them, if it is set.
    ///
    /// ```
    /// cede::task_local! { static REQUEST: u32; }
    /// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let mut group = cede::group::TaskGroup::<()>::builder().inherit(&REQUEST).build();
    /// REQUEST.sync_scope(7, || group.spawn(async { Ok(assert_eq!(REQUEST.get(), 7)) }));
    /// group.join().await.unwrap();
    /// # });
    /// ```
    pub fn inherit<T: Clone + Send + 'static>(mut self, key: &'static LocalKey<T>) -> Self {
        self.inheritances.push(Inheritance::of(key));
        self
    }

    /// Makes the group. Inside of a child of another group it is below that one.
    pub fn build(self) -> TaskGroup<E> {
        let limit = self.limit.map(|limit| Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))));
        TaskGroup::from_shared(Shared::new(Node::new(self.deadline, self.cleanup), limit, self.inheritances, self.on_panic))
    }
}

impl<E> fmt::Debug for Builder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("group::Builder")
            .field("limit", &self.limit)
            .field("deadline", &self.deadline)
            .field("cleanup", &self.cleanup)
            .field("on_panic", &self.on_panic)
            .finish_non_exhaustive()
    }
}
