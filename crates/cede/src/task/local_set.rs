//! Tasks that stay on one thread, on a runtime that moves its tasks about.
//!
//! # What
//! A [`LocalSet`] is a scheduler that is itself a future: polling it gives its tasks their turns. It has no driver and no timers, those are the runtime's that polls it; so it is
//! a queue, a slab, and the wakers of those who poll it. The unsafe part, tasks and their memory, is in [`tasks`].
//!
//! # Who may touch what
//! [`tasks::Tasks`] belongs to the thread, in an `Rc` that the set and the thread-local `CURRENT` share. [`tasks::Shared`] is everybody's: an inbox for wakes from elsewhere, and
//! the wakers of the futures that poll the set.
//!
//! # Several pollers
//! `run_until` may be called by several tasks at once, and the set be awaited meanwhile. Each leaves its waker, and a task that becomes runnable wakes all of them: whichever
//! goes away, the others carry on.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.

mod ending;
mod tasks;

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::JoinHandle;
use crate::runtime::{Id, Runtime, UnhandledPanic, context};
use tasks::Tasks;

thread_local! {
    /// The set that [`spawn_local`] finds.
    static CURRENT: RefCell<Option<Rc<Tasks>>> = const { RefCell::new(None) };
}

/// A set of tasks that run on the thread that polls it, for futures that are not `Send`.
///
/// Awaiting the set runs its tasks until all have ended. Dropping it ends them: their futures are dropped before the drop returns. Only in a chain, sets in tasks of sets and
/// so on, the stack would not suffice for that: from the sixteenth level on, a set ends after the drop of it has returned, but before that of the outermost set does.
///
/// ```
/// use std::rc::Rc;
/// # let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
/// let local = cede::task::LocalSet::new();
/// let sum = local.block_on(&runtime, async {
///     let number = Rc::new(20);
///     let other = number.clone();
///     let task = cede::task::spawn_local(async move { *other + 1 });
///     task.await.unwrap() + *number
/// });
/// assert_eq!(sum, 41);
/// ```
pub struct LocalSet {
    tasks: Rc<Tasks>,
    not_send: PhantomData<*const ()>,
}

impl LocalSet {
    /// An empty set.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self { tasks: Tasks::new(), not_send: PhantomData }
    }

    /// Makes this the set of the thread until the guard is dropped, so that [`spawn_local`] finds it.
    #[inline]
    #[must_use = "the set is left when the guard is dropped"]
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard { _entered: Entered::set(self.tasks.clone()) }
    }

    /// Starts a task on this set. It runs when the set is polled.
    #[inline]
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_at(future, Location::caller())
    }

    #[inline]
    pub(super) fn spawn_at<F>(&self, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.tasks.spawn(future, site)
    }

    /// Runs a future to its end on a runtime, from this thread, and the tasks of this set meanwhile.
    ///
    /// # Panics
    /// If the future panics.
    #[inline]
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        runtime.block_on(self.run_until(future))
    }

    /// Runs a future to its end, in which [`spawn_local`] finds this set, and the tasks of the set meanwhile.
    ///
    /// *Cancel safety*: dropping this drops `future`; the tasks stay in the set and go on when it is polled again.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| self.poll_with(cx, |cx| future.as_mut().poll(cx))).await
    }

    /// What happens when a task of this set panics. With [`UnhandledPanic::ShutdownRuntime`] the next poll of the set panics.
    #[inline]
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Self {
        self.tasks.set_panics_end_it(behavior == UnhandledPanic::ShutdownRuntime);
        self
    }

    /// A number that no other set or runtime has.
    #[inline]
    #[must_use]
    pub fn id(&self) -> Id {
        self.tasks.id()
    }

    /// Polls `first` and then the tasks, unless it was ready.
    #[inline]
    fn poll_with<R>(&self, cx: &mut Context<'_>, first: impl FnOnce(&mut Context<'_>) -> Poll<R>) -> Poll<R> {
        let _no_blocking = context::drive(context::Drive::OneThread);
        let _entered = Entered::set(self.tasks.clone());
        self.tasks.keep_waker(cx.waker());
        let looking = self.tasks.look_after();
        if let Poll::Ready(result) = first(cx) {
            drop(looking);
            self.tasks.wake_for_leftovers();
            return Poll::Ready(result);
        }
        if self.tasks.tick() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Runs the tasks of the set until all have ended.
impl Future for LocalSet {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_with(cx, |_| Poll::<()>::Pending) {
            Poll::Pending if self.tasks.is_empty() => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Drop for LocalSet {
    #[inline]
    fn drop(&mut self) {
        ending::end(&self.tasks);
    }
}

impl Default for LocalSet {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").finish()
    }
}

/// The thread is in a [`LocalSet`] until this is dropped; see [`LocalSet::enter`].
pub struct LocalEnterGuard {
    _entered: Entered,
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish()
    }
}

/// The thread is in a set until this is dropped. `None` while the thread's locals are being torn down.
struct Entered(Option<Option<Rc<Tasks>>>);

impl Entered {
    #[inline]
    fn set(tasks: Rc<Tasks>) -> Self {
        Self(CURRENT.try_with(|current| current.borrow_mut().replace(tasks)).ok())
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            let left = CURRENT.try_with(|current| std::mem::replace(&mut *current.borrow_mut(), before));
            // Outside of the borrow: it may be the last reference to its set's tasks.
            drop(left);
        }
    }
}

/// Starts a task whose future need not be `Send`, on the current thread.
///
/// # Panics
/// If the thread is in no [`LocalSet`] and does not drive a [`LocalRuntime`](crate::runtime::LocalRuntime): only there it is certain that the future stays on its thread.
///
/// ```
/// # use std::rc::Rc;
/// let runtime = cede::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
/// runtime.block_on(async {
///     let shared = Rc::new(5);
///     let task = cede::task::spawn_local({ let shared = shared.clone(); async move { *shared } });
///     assert_eq!(task.await.unwrap(), 5);
/// });
/// ```
#[inline]
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_local_at(future, Location::caller())
}

#[inline]
#[track_caller]
pub(super) fn spawn_local_at<F>(future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    if let Some(handle) = context::try_current()
        && handle.is_local()
    {
        return match handle.spawn_local_at(future, site) {
            Some(task) => task,
            None => panic!("Local tasks can only be spawned on a LocalRuntime from the thread the runtime was created on"),
        };
    }
    let current = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten();
    match current {
        Some(tasks) => tasks.spawn(future, site),
        None => panic!("`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`"),
    }
}
