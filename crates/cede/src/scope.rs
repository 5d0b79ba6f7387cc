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

type ChildFuture<'env> = Pin<Box<dyn Future<Output = ()> + Send + 'env>>;

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
    let shared = Arc::new(Shared { state: Lock::new(State { arrivals: Vec::new(), driver: None, ended: false }) });
    let mut children = Children { set: ReadySet::new(), shared: shared.clone() };
    let mut body = pin!(body(Scope { shared }));
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
pub struct Scope<'env> {
    shared: Arc<Shared<'env>>,
}

struct Shared<'env> {
    state: Lock<State<'env>>,
}

struct State<'env> {
    arrivals: Vec<ChildFuture<'env>>,
    /// Who polls the scope. Taken by the first arrival.
    driver: Option<Waker>,
    ended: bool,
}

impl<'env> Scope<'env> {
    /// Adds a child: it runs concurrently with the body, whether or not the result is awaited, and the scope does not end before it.
    ///
    /// When the scope has ended already the child is dropped, and the result never ready.
    pub fn spawn<F>(&self, future: F) -> Child<F::Output>
    where
        F: Future + Send + 'env,
        F::Output: Send + 'env,
    {
        let slot = Arc::new(Lock::new(Slot { output: None, waker: None }));
        let result = slot.clone();
        let child: ChildFuture<'env> = Box::pin(async move {
            let output = future.await;
            let waker = {
                let mut slot = result.lock();
                slot.output = Some(output);
                slot.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        let (refused, driver) = {
            let mut state = self.shared.state.lock();
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
        Child { slot }
    }
}

impl Clone for Scope<'_> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The children of a scope. When they go, no more arrive. (I1)
struct Children<'env> {
    set: ReadySet<ChildFuture<'env>>,
    shared: Arc<Shared<'env>>,
}

impl Children<'_> {
    /// Gives each child that was woken one turn; ready when there is none left.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.take_arrivals(cx.waker());
        // Those that arrive or are woken meanwhile come at the next poll, so that the task gives way: with no budget left each child wakes itself.
        for _ in 0..self.set.woken_count() {
            let Some(place) = self.set.pop_woken(None) else { break };
            let (child, waker) = self.set.get(place);
            if child.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
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

impl Drop for Children<'_> {
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
/// *Cancel safety*: awaiting `&mut child` and dropping that loses nothing.
#[must_use = "the scope waits for the child also without this; drop it if the output does not matter"]
pub struct Child<T> {
    slot: Arc<Lock<Slot<T>>>,
}

struct Slot<T> {
    output: Option<T>,
    waker: Option<Waker>,
}

impl<T> Future for Child<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let waker = cx.waker().clone();
        let before = {
            let mut slot = self.slot.lock();
            if let Some(output) = slot.output.take() {
                return Poll::Ready(output);
            }
            slot.waker.replace(waker)
        };
        drop(before);
        waiting_for(WaitKind::Join, 0);
        Poll::Pending
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("has_ended", &self.slot.lock().output.is_some()).finish()
    }
}
