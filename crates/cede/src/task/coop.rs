//! Cooperation: how a task that always has something to do lets others run.
//!
//! Each poll of a task starts with a budget of operations; when it is used up, every leaf future of cede is pending until the task has given way. A future that polls many leaves need do
//! nothing. One that is a leaf itself calls [`poll_proceed`] or is wrapped in [`cooperative`]; a loop without leaves awaits [`consume_budget`]; what must not give way is wrapped in
//! [`unconstrained`].

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_context::budget;
use pin_project_lite::pin_project;

/// Whether the running task may go on; `true` outside of tasks and in [`unconstrained`].
///
/// ```
/// assert!(cede::task::coop::has_budget_remaining());
/// ```
#[inline]
#[must_use]
pub fn has_budget_remaining() -> bool {
    budget::has_remaining()
}

/// Takes one unit of the running task's budget, and gives way first if it is used up. For loops that compute much and wait for nothing.
///
/// *Cancel safety*: dropping it has no effect.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut sum = 0_u64;
/// for i in 0..10_000 {
///     sum += i;
///     cede::task::coop::consume_budget().await;
/// }
/// assert_eq!(sum, 49_995_000);
/// # });
/// ```
pub async fn consume_budget() {
    poll_fn(|cx| budget::poll_proceed(cx).map(budget::Unit::spend)).await;
}

/// Takes one unit of the running task's budget; it is given back when the result is dropped, unless [`RestoreOnPending::made_progress`] was called.
///
/// `Pending` means that the budget is used up; the task has been woken.
///
/// ```
/// use std::task::{Context, Poll, ready};
/// fn poll_number(cx: &mut Context<'_>, ready: bool) -> Poll<u32> {
///     let unit = ready!(cede::task::coop::poll_proceed(cx));
///     if !ready {
///         return Poll::Pending;
///     }
///     unit.made_progress();
///     Poll::Ready(1)
/// }
/// # assert_eq!(poll_number(&mut Context::from_waker(std::task::Waker::noop()), true), Poll::Ready(1));
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    let unit = ready!(budget::poll_proceed(cx));
    let before = budget::units();
    unit.spend();
    Poll::Ready(RestoreOnPending { before: Cell::new(before), not_send: PhantomData })
}

/// A unit of budget, given back when this is dropped; see [`poll_proceed`].
#[derive(Debug)]
#[must_use = "dropped at once it gives the unit back"]
pub struct RestoreOnPending {
    /// The budget that comes back; [`budget::UNLIMITED`] if none does.
    before: Cell<u8>,
    not_send: PhantomData<*mut ()>,
}

impl RestoreOnPending {
    /// The operation made progress: the unit is not given back.
    pub fn made_progress(&self) {
        self.before.set(budget::UNLIMITED);
    }
}

impl Drop for RestoreOnPending {
    fn drop(&mut self) {
        let before = self.before.get();
        if before != budget::UNLIMITED {
            budget::set_units(before);
        }
    }
}

/// Runs `future` without a budget: it never gives way by itself. Others on its thread wait until it does.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let (sender, mut receiver) = cede::sync::mpsc::unbounded_channel();
/// (0..1000).for_each(|i| sender.send(i).unwrap());
/// cede::task::coop::unconstrained(async { for _ in 0..1000 { receiver.recv().await; } }).await;
/// # });
/// ```
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// A future without a budget; made by [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        budget::unconstrained(|| self.project().future.poll(cx))
    }
}

/// Makes a leaf future that is not cede's take part: it takes one unit of the budget when it is ready, and is not polled when there is none.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// assert_eq!(cede::task::coop::cooperative(std::future::ready(1)).await, 1);
/// # });
/// ```
#[inline]
pub fn cooperative<F: Future>(future: F) -> Coop<F> {
    Coop { future }
}

pin_project! {
    /// A future that takes part in the budget; made by [`cooperative`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Coop<F: Future> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let unit = ready!(poll_proceed(cx));
        let polled = self.project().future.poll(cx);
        if polled.is_ready() {
            unit.made_progress();
        }
        polled
    }
}
