//! Concurrent parts of one task, which may borrow from it.
//!
//! # What
//! [`scope()`] runs a body and the children that it spawns concurrently, as one future. The children are inside of that future: they run on the task that polls it, end with it, and may
//! borrow what outlives it. For children that run in parallel, see [`TaskGroup`](crate::group::TaskGroup).
//!
//! # Why not the obvious way
//! Tasks that borrow cannot be sound: the future of the scope can be forgotten (`mem::forget`), and then nothing ends the tasks before what they borrow goes. Here a forgotten
//! scope means forgotten children: they are never polled again. And a `FuturesUnordered` in the body polls its children only while the body awaits it; here they always go on.
//!
//! # Who may touch what
//! The children belong to the scope's future. A [`Scope`], which children may have too, only puts new ones into a list under a lock, and wakes.
//!
//! # Invariants
//! - I1: a child is in the list of arrivals or in the set of the scope's future, nowhere else. When that future goes, both are emptied, and later arrivals are dropped at once.
//! - I2: whoever adds an arrival wakes the future that drives the scope, unless it is just being polled and looks afterwards.

#![forbid(unsafe_code)]

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cede_context::wait::{WaitKind, waiting_for};
use cede_core::lock::Lock;

use crate::task::ready_set::ReadySet;

/// A child that may go to another thread with its scope.
type SendChild<'env> = Pin<Box<dyn Future<Output = ()> + Send + 'env>>;
/// A child that stays on its thread, and so does its scope.
type LocalChild<'env> = Pin<Box<dyn Future<Output = ()> + 'env>>;

/// Runs `body` and what it spawns on its [`Scope`], concurrently; returns the body's output when all have ended.
///
/// Children may borrow everything that outlives the scope, which the body's own variables do not. A panic of a child is the panic of the scope. The children run on the
/// task that awaits the scope, one at a time; only those that were woken are polled.
///
/// *Cancel safety*: dropping this drops the body and all children, wherever they are.
///
/// ```
/// use std::time::Duration;
/// # cede::runtime::Builder::new_current_thread().start_paused(true).enable_all().build().unwrap().block_on(async {
/// let text = String::from("borrowed, not moved");
/// let words = cede::scope(async |s| {
///     let count = s.spawn(async { text.split(' ').count() });
///     let length = s.spawn(async {
///         cede::time::sleep(Duration::from_secs(1)).await;
///         text.len()
///     });
///     (count.await, length.await)
/// }).await;
/// assert_eq!(words, (3, 19));
/// # });
/// ```
///
/// What belongs to the body cannot be borrowed, since the children go on when the body has ended:
/// ```compile_fail,E0597
/// # async fn example() {
/// cede::scope(|s| async move {
///     let text = String::from("the body's own");
///     s.spawn(async { println!("{}", &text) });
/// }).await;
/// # }
/// ```
pub async fn scope<'env, B, F>(body: B) -> F::Output
where
    B: FnOnce(Scope<'env>) -> F,
    F: Future,
{
    let shared = Shared::new();
    let children = Children { set: ReadySet::new(), shared: shared.clone() };
    run(body(Scope { shared }), children).await
}

/// As [`scope()`], with children that need not be [`Send`]: they may share an [`Rc`](std::rc::Rc) or a `RefCell`. The future is not `Send` then; it is awaited by `block_on`, a
/// [`LocalSet`](crate::task::LocalSet) or a task of a [`LocalRuntime`](crate::runtime::LocalRuntime).
///
/// *Cancel safety*: dropping this drops the body and all children, wherever they are.
///
/// ```
/// use std::cell::Cell;
/// # cede::block_on(async {
/// let hits = Cell::new(0);
/// cede::local_scope(async |s| {
///     for _ in 0..3 {
///         s.spawn(async { hits.set(hits.get() + 1) });
///     }
/// }).await;
/// assert_eq!(hits.get(), 3);
/// # });
/// ```
pub async fn local_scope<'env, B, F>(body: B) -> F::Output
where
    B: FnOnce(LocalScope<'env>) -> F,
    F: Future,
{
    let shared = Shared::new();
    let children = Children { set: ReadySet::new(), shared: shared.clone() };
    run(body(LocalScope { shared }), children).await
}

/// Polls the body and the children until all have ended.
async fn run<F: Future, C: Future<Output = ()> + Unpin>(body: F, mut children: Children<C>) -> F::Output {
    let mut body = pin!(body);
    let mut output = None;
    poll_fn(move |cx| {
        if output.is_none()
            && let Poll::Ready(result) = body.as_mut().poll(cx)
        {
            output = Some(result);
        }
        match children.poll(cx) {
            Poll::Ready(()) if output.is_some() => Poll::Ready(()),
            _ => return Poll::Pending,
        }
        .map(|()| output.take().expect("is there"))
    })
    .await
}

/// Where the parts of a [`scope()`] are spawned. It can be cloned into children.
///
/// ```
/// # cede::block_on(async {
/// let words = ["many", "hands"];
/// let lengths = cede::scope(async |s| {
///     let inner = s.clone();
///     let first = s.spawn(async move { inner.spawn(async move { words[0].len() }).await });
///     (first.await, s.spawn(async { words[1].len() }).await)
/// });
/// assert_eq!(lengths.await, (4, 5));
/// # });
/// ```
pub struct Scope<'env> {
    shared: Arc<Shared<SendChild<'env>>>,
}

/// Where the parts of a [`local_scope`] are spawned. It can be cloned into children.
pub struct LocalScope<'env> {
    shared: Arc<Shared<LocalChild<'env>>>,
}

impl<'env> Scope<'env> {
    /// Adds a child: it runs concurrently with the body, whether or not the result is awaited, and the scope does not end before it.
    ///
    /// When the scope has ended already the child is dropped, and awaiting the result panics.
    pub fn spawn<F>(&self, future: F) -> Child<F::Output>
    where
        F: Future + Send + 'env,
        F::Output: Send + 'env,
    {
        let (child, result) = Child::of(future);
        self.shared.arrive(Box::pin(child));
        result
    }
}

impl<'env> LocalScope<'env> {
    /// Adds a child, as [`Scope::spawn`] does.
    pub fn spawn<F>(&self, future: F) -> Child<F::Output>
    where
        F: Future + 'env,
        F::Output: 'env,
    {
        let (child, result) = Child::of(future);
        self.shared.arrive(Box::pin(child));
        result
    }
}

impl Clone for Scope<'_> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl Clone for LocalScope<'_> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl fmt::Debug for LocalScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalScope").finish_non_exhaustive()
    }
}

/// What a scope's future and the handles on it share.
struct Shared<C> {
    state: Lock<State<C>>,
}

struct State<C> {
    arrivals: Vec<C>,
    /// Who polls the scope. Taken by the first arrival.
    driver: Option<Waker>,
    ended: bool,
}

impl<C> Shared<C> {
    fn new() -> Arc<Self> {
        Arc::new(Self { state: Lock::new(State { arrivals: Vec::new(), driver: None, ended: false }) })
    }

    fn arrive(&self, child: C) {
        let (refused, driver) = {
            let mut state = self.state.lock();
            if state.ended {
                (Some(child), None)
            } else {
                state.arrivals.push(child);
                (None, state.driver.take())
            }
        };
        drop(refused);
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// The children of a scope. When they go, no more arrive. (I1)
struct Children<C> {
    set: ReadySet<C>,
    shared: Arc<Shared<C>>,
}

impl<C: Future<Output = ()> + Unpin> Children<C> {
    /// Gives each child that was woken one turn; ready when there is none left.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.take_arrivals(cx.waker());
        // Those that arrive or are woken meanwhile come at the next poll, so that the task gives way: with no budget left each child wakes itself.
        for _ in 0..self.set.woken_count() {
            let Some(place) = self.set.pop_woken(None) else { break };
            let (child, waker) = self.set.get(place);
            if Pin::new(child).poll(&mut Context::from_waker(waker)).is_ready() {
                let ended = self.set.remove(place);
                drop(ended);
            }
        }
        self.take_arrivals(cx.waker());
        if self.set.is_empty() {
            return Poll::Ready(());
        }
        if !self.set.watch(cx.waker()) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Moves arrivals to the set, as woken. If there are none, the next one wakes `driver`.
    fn take_arrivals(&mut self, driver: &Waker) {
        let mut driver = Some(driver.clone());
        let arrivals = {
            let mut state = self.shared.state.lock();
            if state.arrivals.is_empty() {
                std::mem::swap(&mut state.driver, &mut driver);
            }
            std::mem::take(&mut state.arrivals)
        };
        drop(driver);
        for child in arrivals {
            let place = self.set.insert(child);
            self.set.get(place).1.wake_by_ref();
        }
    }
}

impl<C> Drop for Children<C> {
    fn drop(&mut self) {
        let (arrivals, driver) = {
            let mut state = self.shared.state.lock();
            state.ended = true;
            (std::mem::take(&mut state.arrivals), state.driver.take())
        };
        drop((arrivals, driver));
    }
}

/// A future of a child's output; made by [`Scope::spawn`]. Dropping it does not end the child.
///
/// It panics if the child will never have an output, since the scope has ended without it. Only who awaits this outside of the scope can see that.
///
/// *Cancel safety*: awaiting `&mut child` and dropping that loses nothing.
pub struct Child<T> {
    slot: Arc<Lock<Slot<T>>>,
}

struct Slot<T> {
    output: Option<T>,
    /// The child is gone: what is not there now will never be.
    over: bool,
    waker: Option<Waker>,
}

/// Tells who awaits a child that it has ended, in every way in which it can.
struct Completing<T> {
    slot: Arc<Lock<Slot<T>>>,
}

impl<T> Drop for Completing<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.slot.lock();
            slot.over = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Child<T> {
    /// The child as the scope runs it, and as others see it.
    fn of(future: impl Future<Output = T>) -> (impl Future<Output = ()>, Self) {
        let slot = Arc::new(Lock::new(Slot { output: None, over: false, waker: None }));
        let completing = Completing { slot: slot.clone() };
        let child = async move {
            // By reference: it is dropped after the future.
            let completing = &completing;
            let output = future.await;
            completing.slot.lock().output = Some(output);
        };
        (child, Self { slot })
    }
}

impl<T> Future for Child<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let waker = cx.waker().clone();
        let (over, before) = {
            let mut slot = self.slot.lock();
            if let Some(output) = slot.output.take() {
                return Poll::Ready(output);
            }
            (slot.over, slot.waker.replace(waker))
        };
        drop(before);
        assert!(!over, "a child has no output: its scope was dropped or had ended before it, or the output was taken already");
        waiting_for(WaitKind::Join, 0);
        Poll::Pending
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("has_ended", &self.slot.lock().over).finish()
    }
}
