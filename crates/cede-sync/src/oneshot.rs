//! `oneshot`: one value from one sender to one receiver.
//!
//! # What
//! Both halves share one allocation with the value and the two wakers, behind the one-byte lock. Sending is one lock and no wake unless the receiver waits.
//!
//! # Why not the obvious way
//! A state word with a bit for each of *value set*, *closed* and the two wakers saves one store, and has been the source of races between
//! close, send and drop in more than one library: the bits say who may touch which cell, in a dozen combinations. Here the lock says it.
//!
//! # States
//! `sender_done` (it sent or was dropped) and `closed` (the receiver closed or was dropped) each go from false to true once. `value` is set
//! only together with `sender_done`, and not after `closed`.
//!
//! # Invariants
//! - I1: wakers and values are cloned, woken and dropped outside of the lock.
//! - I2: whoever sets `sender_done` or `closed` takes the other half's waker out and wakes it.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};
use cede_core::lock::{Guard, Lock};

use self::error::{RecvError, TryRecvError};

pub mod error;

struct State<T> {
    value: Option<T>,
    sender_done: bool,
    closed: bool,
    sender: Option<Waker>,
    receiver: Option<Waker>,
}

struct Shared<T> {
    state: Lock<State<T>>,
}

/// Makes a channel for one value.
///
/// ```
/// let (tx, mut rx) = cede_sync::oneshot::channel();
/// tx.send("hello").unwrap();
/// assert_eq!(rx.try_recv(), Ok("hello"));
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { value: None, sender_done: false, closed: false, sender: None, receiver: None };
    let shared = Arc::new(Shared { state: Lock::new(state) });
    (Sender { shared: Some(Arc::clone(&shared)) }, Receiver { shared: Some(shared) })
}

/// Which waker [`Shared::park`] keeps.
type Slot<T> = fn(&mut State<T>) -> &mut Option<Waker>;

impl<T> Shared<T> {
    /// Polls `ready` under the lock; while it has no answer, keeps the waker in `slot`. The answer may carry a waker to drop after unlocking.
    fn park<R>(&self, cx: &Context<'_>, slot: Slot<T>, mut ready: impl FnMut(&mut State<T>) -> Option<R>) -> Poll<R> {
        let mut fresh: Option<Waker> = None;
        loop {
            let mut state = self.state.lock();
            if let Some(answer) = ready(&mut state) {
                let stale = slot(&mut state).take();
                drop(state);
                drop(stale);
                return Poll::Ready(answer);
            }
            if slot(&mut state).as_ref().is_some_and(|old| old.will_wake(cx.waker())) {
                break;
            }
            if let Some(waker) = fresh.take() {
                let stale = slot(&mut state).replace(waker);
                drop(state);
                drop(stale);
                break;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
        waiting_for(WaitKind::Oneshot, core::ptr::from_ref(self).addr() as u64);
        Poll::Pending
    }

    /// The sender is done: with a value, or without.
    fn finish(&self, value: Option<T>) -> Result<(), Option<T>> {
        let mut state = self.state.lock();
        state.sender_done = true;
        let own = state.sender.take();
        let outcome = if state.closed {
            Err(value)
        } else {
            state.value = value;
            Ok(())
        };
        let receiver = state.receiver.take();
        drop(state);
        drop(own);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        outcome
    }
}

/// Unlocks, then wakes the sender.
fn wake_sender<T>(mut state: Guard<'_, State<T>>) {
    let sender = state.sender.take();
    drop(state);
    if let Some(sender) = sender {
        sender.wake();
    }
}

/// The sending half.
///
/// ```
/// use cede_sync::oneshot;
/// let (tx, rx) = oneshot::channel();
/// drop(rx);
/// assert!(tx.is_closed());
/// assert_eq!(tx.send(1), Err(1));
/// ```
pub struct Sender<T> {
    /// Taken when the value is sent.
    shared: Option<Arc<Shared<T>>>,
}

impl<T> Sender<T> {
    #[track_caller]
    fn shared(&self) -> &Shared<T> {
        self.shared.as_deref().expect("a sender is consumed by sending")
    }

    /// Sends the value. It never waits.
    ///
    /// # Errors
    /// Gives the value back if the receiver is closed or gone. `Ok` does not promise that the receiver will look at the value.
    pub fn send(mut self, t: T) -> Result<(), T> {
        let Some(shared) = self.shared.take() else { return Err(t) };
        // `Err` carries the value that went in.
        shared.finish(Some(t)).or_else(|value| value.map_or(Ok(()), Err))
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    /// It may be dropped and called anew at any time.
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Whether the receiver is closed or dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared().state.lock().closed
    }

    /// Whether the receiver is closed or dropped; if not, the task is woken when it is.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(budget::poll_proceed(cx));
        ready!(self.shared().park(cx, |state| &mut state.sender, |state| state.closed.then_some(())));
        unit.spend();
        Poll::Ready(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            // No value went in, so none comes back.
            let _ = shared.finish(None);
        }
    }
}

/// The receiving half: a future of the value.
///
/// # Panics
/// When polled after it was ready.
///
/// # Cancel safety
/// Poll it by reference (`&mut rx`) to keep it; dropping it closes the channel.
///
/// ```
/// use cede_sync::oneshot::{self, error::TryRecvError};
/// let (tx, mut rx) = oneshot::channel();
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
/// tx.send(1).unwrap();
/// assert_eq!(rx.try_recv(), Ok(1));
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
/// ```
#[must_use = "a receiver does nothing unless it is awaited or asked"]
pub struct Receiver<T> {
    /// None once the outcome was taken.
    shared: Option<Arc<Shared<T>>>,
}

impl<T> Receiver<T> {
    /// Refuses a value that is not sent yet. One that was sent can still be received.
    pub fn close(&mut self) {
        if let Some(shared) = &self.shared {
            let mut state = shared.state.lock();
            state.closed = true;
            wake_sender(state);
        }
    }

    /// Whether the outcome was taken: by awaiting, or by [`Receiver::try_recv`].
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.shared.is_none()
    }

    /// Whether there is no value to take, now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| shared.state.lock().value.is_none())
    }

    /// Takes the value if it is there.
    ///
    /// # Errors
    /// Nothing was sent yet, or nothing will be.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(shared) = &self.shared else { return Err(TryRecvError::Closed) };
        let mut state = shared.state.lock();
        let outcome = match state.value.take() {
            Some(value) => Ok(value),
            None if state.sender_done || state.closed => Err(TryRecvError::Closed),
            None => return Err(TryRecvError::Empty),
        };
        drop(state);
        self.finish();
        outcome
    }

    /// The outcome was taken.
    fn finish(&mut self) {
        if let Some(shared) = self.shared.take() {
            let mut state = shared.state.lock();
            state.closed = true;
            let own = state.receiver.take();
            let value = state.value.take();
            wake_sender(state);
            drop((own, value));
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(shared) = &self.shared else { panic!("a oneshot receiver was polled after it was ready") };
        let unit = ready!(budget::poll_proceed(cx));
        let outcome = ready!(shared.park(
            cx,
            |state| &mut state.receiver,
            |state| match state.value.take() {
                Some(value) => {
                    state.closed = true;
                    Some(Ok(value))
                }
                None => (state.sender_done || state.closed).then_some(Err(RecvError(()))),
            }
        ));
        unit.spend();
        self.retire(outcome.is_ok());
        Poll::Ready(outcome)
    }
}

impl<T> Receiver<T> {
    /// After the future is ready. With a value the sender is done and the state is closed: nothing is left to say.
    fn retire(&mut self, received: bool) {
        if received {
            self.shared = None;
        } else {
            self.finish();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let (sent, done, closed) = (state.value.is_some(), state.sender_done, state.closed);
        // The formatter is foreign code.
        drop(state);
        f.debug_struct("Shared").field("sent", &sent).field("sender_done", &done).field("closed", &closed).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("shared", &self.shared).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("shared", &self.shared).finish()
    }
}
