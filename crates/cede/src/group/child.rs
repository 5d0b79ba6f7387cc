//! A child of a group: a task that ends when its group says so. Invariants are those of the parent module.
//!
//! The task looks at its group first and polls its work last, so that what reports say about it is what the work waits for.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use cede_context::wait;
use cede_core::lock::Lock;
use cede_sync::futures::OwnedNotified;
use cede_sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use pin_project_lite::pin_project;

use super::node::{Force, NODE, Node};
use super::{CancelReason, Cause, ChildError, ChildName, GroupError, NoValue, OnPanic};
use crate::runtime::panics::Panicked;
use crate::runtime::{Handle, context};
use crate::task::{self, JoinHandle, LocalKey, unconstrained};
use crate::time::{Sleep, sleep, sleep_until};

/// What the handles on a group and its children share.
pub(super) struct Shared<E> {
    pub(super) node: Arc<Node>,
    limit: Option<Arc<Semaphore>>,
    inheritances: Vec<Inheritance<E>>,
    on_panic: OnPanic,
    results: Lock<Results<E>>,
}

/// What became of the children so far.
struct Results<E> {
    errors: Vec<ChildError<E>>,
    cancelled: usize,
    cut_off: Vec<ChildName>,
}

impl<E> Results<E> {
    const fn new() -> Self {
        Self { errors: Vec::new(), cancelled: 0, cut_off: Vec::new() }
    }
}

/// Room in a group with a limit.
type Turn = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;
type Work<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;
type Wrap<E> = Box<dyn FnOnce(Work<E>) -> Work<E>>;

/// A task-local that children inherit: takes the present value, and puts it around a child.
pub(super) struct Inheritance<E>(Box<dyn Fn() -> Option<Wrap<E>> + Send + Sync>);

impl<E: 'static> Inheritance<E> {
    pub(super) fn of<T: Clone + Send + 'static>(key: &'static LocalKey<T>) -> Self {
        Self(Box::new(move || {
            let value = key.try_get().ok()?;
            Some(Box::new(move |work| -> Work<E> { Box::pin(key.scope(value, work)) }))
        }))
    }
}

impl<E> Shared<E> {
    pub(super) fn new(node: Arc<Node>, limit: Option<Arc<Semaphore>>, inheritances: Vec<Inheritance<E>>, on_panic: OnPanic) -> Arc<Self> {
        Arc::new(Self { node, limit, inheritances, on_panic, results: Lock::new(Results::new()) })
    }

    /// What became of the children; they must all have ended.
    pub(super) fn take_result(&self) -> Result<(), GroupError<E>> {
        let Results { errors, cancelled, cut_off } = std::mem::replace(&mut *self.results.lock(), Results::new());
        let reason = self.node.reason();
        if reason.is_none() && errors.is_empty() && cancelled == 0 {
            return Ok(());
        }
        Err(GroupError { reason, errors, cancelled, cut_off })
    }

    fn fail(&self, child: &ChildName, cause: Cause<E>) {
        let goes_on = self.on_panic == OnPanic::Continue && matches!(cause, Cause::Panicked(_));
        if let Cause::Panicked(payload) = &cause {
            tell(child, &**payload);
        }
        self.results.lock().errors.push(ChildError { child: child.clone(), cause });
        if !goes_on {
            self.node.cancel(&CancelReason::ChildFailed, Force::Cancel);
        }
    }
}

/// The runtime counts the panic of a child and tells it, as that of any task, although the group catches it.
pub(super) fn tell(child: &ChildName, payload: &(dyn Any + Send)) {
    let Some(task) = context::current_task_id() else { return };
    let panicked = Panicked { task, spawned_at: child.site, payload, awaited: true };
    // The group keeps it, so somebody learns of it.
    let Some(runtime) = context::try_current() else { return };
    let _untold = runtime.parts().panics.note(&panicked, child.name.clone());
}

/// The value of a child, made by [`TaskGroup::spawn`](super::TaskGroup::spawn). Dropping it has no effect: the child belongs to its group.
///
/// *Cancel safety*: awaiting `&mut child` and dropping that loses nothing.
pub struct Child<T> {
    join: JoinHandle<Option<T>>,
    who: ChildName,
}

impl<T> Child<T> {
    /// Which child it is.
    #[must_use]
    pub fn name(&self) -> &ChildName {
        &self.who
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.join.is_finished()
    }
}

impl<T> Future for Child<T> {
    type Output = Result<T, NoValue>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(Pin::new(&mut self.join).poll(cx)).ok().flatten();
        Poll::Ready(value.ok_or_else(|| NoValue { child: self.who.clone() }))
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("name", &self.who).field("is_finished", &self.is_finished()).finish()
    }
}

/// Starts a child.
pub(super) fn spawn<F, T, E>(shared: &Arc<Shared<E>>, future: F, runtime: &Handle, who: ChildName) -> Child<T>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let mut wraps = shared.inheritances.iter().filter_map(|inheritance| inheritance.0()).peekable();
    if wraps.peek().is_none() {
        drop(wraps);
        return start(shared, future, runtime, who);
    }
    // What is around the work knows nothing of values.
    let value = Arc::new(Lock::new(None));
    let place = value.clone();
    let work: Work<E> = Box::pin(async move {
        let value = future.await?;
        *place.lock() = Some(value);
        Ok(())
    });
    let work = wraps.fold(work, |work, wrap| wrap(work));
    let work = async move {
        work.await?;
        let value = value.lock().take();
        Ok(value.expect("the work has put it there"))
    };
    start(shared, work, runtime, who)
}

fn start<F, T, E>(shared: &Arc<Shared<E>>, work: F, runtime: &Handle, who: ChildName) -> Child<T>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    shared.node.enter();
    let membership = Membership { shared: shared.clone(), has_result: false };
    // It queues up here, and not when the task is polled first: that would be in any order.
    let mut turn: Option<Turn> = shared.limit.clone().map(|limit| -> Turn { Box::pin(unconstrained(limit.acquire_owned())) });
    let mut permit = None;
    if let Some(waiting) = &mut turn {
        let before = wait::take();
        if let Poll::Ready(acquired) = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            permit = Some(acquired.expect("the limit is never closed"));
            turn = None;
        }
        // It is the child that waits for its turn, not the one who spawns.
        wait::waiting_for_by_way(before.kind, before.object, before.indirect);
    }
    let child = ChildTask {
        work: Some(NODE.scope(shared.node.clone(), work)),
        permit,
        turn,
        changed: shared.node.next_change(),
        deadline: shared.node.deadline().map(sleep_until),
        cleanup: None,
        who: who.clone(),
        membership,
    };
    let builder = who.name().map_or(task::Builder::new(), |name| task::Builder::new().name(name));
    let join = builder.spawn_at(child, runtime, who.site).expect("spawning a task has no errors");
    Child { join, who }
}

pin_project! {
    /// The task of a child. The order of the fields is the order in which they are dropped. (I2)
    struct ChildTask<W, E> {
        #[pin]
        work: Option<W>,
        permit: Option<OwnedSemaphorePermit>,
        // In a group with a limit, until there is room for the child.
        turn: Option<Turn>,
        #[pin]
        changed: OwnedNotified,
        #[pin]
        deadline: Option<Sleep>,
        // The time to clean up, once the group is cancelled.
        #[pin]
        cleanup: Option<Sleep>,
        who: ChildName,
        membership: Membership<E>,
    }
}

impl<W: Future<Output = Result<V, E>>, V, E> Future for ChildTask<W, E> {
    type Output = Option<V>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<V>> {
        if self.as_mut().is_cut_off(cx) {
            let mut this = self.project();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| this.work.set(None))) {
                this.membership.shared.fail(this.who, Cause::Panicked(panic));
            }
            return Poll::Ready(None);
        }
        let mut this = self.project();
        if let Some(turn) = this.turn {
            *this.permit = Some(ready!(turn.as_mut().poll(cx)).expect("the limit is never closed"));
            *this.turn = None;
        }
        let work = this.work.as_mut().as_pin_mut().expect("a child is not polled after its end");
        let ended = match catch_unwind(AssertUnwindSafe(|| work.poll(cx))) {
            Ok(polled) => ready!(polled).map_err(Cause::Failed),
            Err(panic) => Err(Cause::Panicked(panic)),
        };
        this.membership.has_result = true;
        let dropped = catch_unwind(AssertUnwindSafe(|| this.work.set(None)));
        let shared = &this.membership.shared;
        let value = ended.map_err(|cause| shared.fail(this.who, cause)).ok();
        if let Err(panic) = dropped {
            shared.fail(this.who, Cause::Panicked(panic));
        }
        Poll::Ready(value)
    }
}

impl<W, E> ChildTask<W, E> {
    /// Looks at the group, and waits for what may happen to it. Returns whether the child is to be dropped now.
    fn is_cut_off(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        let node = &this.membership.shared.node;
        while this.changed.as_mut().poll(cx).is_ready() {
            this.changed.set(node.next_change());
        }
        if this.deadline.as_mut().as_pin_mut().is_some_and(|deadline| deadline.poll(cx).is_ready()) {
            this.deadline.set(None);
            node.cancel(&CancelReason::DeadlineExceeded, Force::Cancel);
        }
        match node.force() {
            None => return false,
            Some(Force::CutOff) => return true,
            // What has not begun has nothing to clean up.
            Some(Force::Cancel) if this.turn.is_some() => return true,
            Some(Force::Cancel) => {}
        }
        if this.cleanup.is_none() {
            let time = node.cleanup();
            if time.is_zero() {
                return true;
            }
            this.deadline.set(None);
            this.cleanup.set(Some(sleep(time)));
        }
        let is_over = this.cleanup.as_pin_mut().is_some_and(|time| time.poll(cx).is_ready());
        if is_over {
            this.membership.shared.results.lock().cut_off.push(this.who.clone());
        }
        is_over
    }
}

/// The child counts as alive until this is dropped.
struct Membership<E> {
    shared: Arc<Shared<E>>,
    has_result: bool,
}

impl<E> Drop for Membership<E> {
    fn drop(&mut self) {
        if !self.has_result {
            self.shared.results.lock().cancelled += 1;
        }
        self.shared.node.leave();
    }
}
