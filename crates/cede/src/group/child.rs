//! A child of a group: a task that ends when its group says so. Invariants are those of the parent module.
//!
//! The task looks at its group first and polls its work last, so that what reports say about it is what the work waits for.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use cede_core::lock::Lock;
use cede_sync::Semaphore;
use cede_sync::futures::OwnedNotified;
use pin_project_lite::pin_project;

use super::node::{Force, NODE, Node};
use super::{CancelReason, ChildError, GroupError};
use crate::runtime::Handle;
use crate::task::LocalKey;
use crate::time::{Sleep, sleep, sleep_until};

/// What the handles on a group and its children share.
pub(super) struct Shared<E> {
    pub(super) node: Arc<Node>,
    limit: Option<Arc<Semaphore>>,
    inheritances: Vec<Inheritance<E>>,
    results: Lock<Results<E>>,
}

/// What became of the children so far.
struct Results<E> {
    errors: Vec<ChildError<E>>,
    cancelled: usize,
    cut_off: Vec<&'static Location<'static>>,
}

impl<E> Results<E> {
    const fn new() -> Self {
        Self { errors: Vec::new(), cancelled: 0, cut_off: Vec::new() }
    }
}

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
    pub(super) fn new(node: Arc<Node>, limit: Option<Arc<Semaphore>>, inheritances: Vec<Inheritance<E>>) -> Arc<Self> {
        Arc::new(Self { node, limit, inheritances, results: Lock::new(Results::new()) })
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

    fn fail(&self, error: ChildError<E>) {
        self.results.lock().errors.push(error);
        self.node.cancel(&CancelReason::ChildFailed, Force::Cancel);
    }
}

/// Starts a child.
pub(super) fn spawn<F, E>(shared: &Arc<Shared<E>>, future: F, runtime: &Handle, site: &'static Location<'static>)
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    let mut wraps = shared.inheritances.iter().filter_map(|inheritance| inheritance.0()).peekable();
    if wraps.peek().is_none() {
        drop(wraps);
        return start(shared, future, runtime, site);
    }
    let work: Work<E> = wraps.fold(Box::pin(future), |work, wrap| wrap(work));
    start(shared, work, runtime, site);
}

fn start<F, E>(shared: &Arc<Shared<E>>, future: F, runtime: &Handle, site: &'static Location<'static>)
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    let limit = shared.limit.clone();
    let work = async move {
        let _permit = match limit {
            Some(limit) => Some(limit.acquire_owned().await.expect("the limit is never closed")),
            None => None,
        };
        future.await
    };
    shared.node.enter();
    let membership = Membership { shared: shared.clone(), has_result: false };
    let child = ChildTask {
        work: Some(NODE.scope(shared.node.clone(), work)),
        changed: shared.node.next_change(),
        deadline: shared.node.deadline().map(sleep_until),
        cleanup: None,
        site,
        membership,
    };
    drop(runtime.spawn_at(child, site));
}

pin_project! {
    /// The task of a child. The order of the fields is the order in which they are dropped. (I2)
    struct ChildTask<W, E> {
        #[pin]
        work: Option<W>,
        #[pin]
        changed: OwnedNotified,
        #[pin]
        deadline: Option<Sleep>,
        // The time to clean up, once the group is cancelled.
        #[pin]
        cleanup: Option<Sleep>,
        site: &'static Location<'static>,
        membership: Membership<E>,
    }
}

impl<W: Future<Output = Result<(), E>>, E> Future for ChildTask<W, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.as_mut().is_cut_off(cx) {
            let mut this = self.project();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| this.work.set(None))) {
                this.membership.shared.fail(ChildError::Panicked(panic));
            }
            return Poll::Ready(());
        }
        let mut this = self.project();
        let work = this.work.as_mut().as_pin_mut().expect("a child is not polled after its end");
        let ended = match catch_unwind(AssertUnwindSafe(|| work.poll(cx))) {
            Ok(polled) => ready!(polled).map_err(ChildError::Failed),
            Err(panic) => Err(ChildError::Panicked(panic)),
        };
        this.membership.has_result = true;
        let dropped = catch_unwind(AssertUnwindSafe(|| this.work.set(None)));
        let shared = &this.membership.shared;
        if let Err(error) = ended {
            shared.fail(error);
        }
        if let Err(panic) = dropped {
            shared.fail(ChildError::Panicked(panic));
        }
        Poll::Ready(())
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
            this.membership.shared.results.lock().cut_off.push(this.site);
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
