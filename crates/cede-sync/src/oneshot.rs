//! `oneshot`: one value from one sender to one receiver.
//!
//! This is the face of it: names, errors, budget. What the halves share, and who frees it, is in `ends`.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use cede_context::budget;

use self::ends::{ReceiverEnd, SenderEnd};
use self::error::{RecvError, TryRecvError};

mod ends;
pub mod error;

/// Makes a channel for one value.
///
/// ```
/// let (tx, mut rx) = cede_sync::oneshot::channel();
/// tx.send("hello").unwrap();
/// assert_eq!(rx.try_recv(), Ok("hello"));
/// ```
#[inline]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = ends::pair();
    (Sender { end: sender }, Receiver { end: receiver })
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
    end: SenderEnd<T>,
}

impl<T> Sender<T> {
    /// Sends the value. It never waits.
    ///
    /// # Errors
    /// Gives the value back if the receiver is closed or gone. `Ok` does not promise that the receiver will look at the value.
    #[inline]
    pub fn send(mut self, t: T) -> Result<(), T> {
        // `Err` carries the value that went in.
        self.end.finish(Some(t)).or_else(|value| value.map_or(Ok(()), Err))
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
        self.end.is_closed()
    }

    /// Whether the receiver is closed or dropped; if not, the task is woken when it is.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(budget::poll_proceed(cx));
        ready!(self.end.poll_closed(cx));
        unit.spend();
        Poll::Ready(())
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
    end: ReceiverEnd<T>,
}

impl<T> Receiver<T> {
    /// Refuses a value that is not sent yet. One that was sent can still be received.
    pub fn close(&mut self) {
        self.end.close();
    }

    /// Whether the outcome was taken: by awaiting, or by [`Receiver::try_recv`].
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.end.is_gone()
    }

    /// Whether there is no value to take, now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.end.has_value()
    }

    /// Takes the value if it is there.
    ///
    /// # Errors
    /// Nothing was sent yet, or nothing will be.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if !self.end.is_decided() {
            return Err(TryRecvError::Empty);
        }
        self.end.finish().ok_or(TryRecvError::Closed)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.end.is_gone(), "a oneshot receiver was polled after it was ready");
        let unit = ready!(budget::poll_proceed(cx));
        ready!(self.end.poll_decided(cx));
        unit.spend();
        Poll::Ready(self.end.finish().ok_or(RecvError(())))
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("shared", &self.end).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("shared", &self.end).finish()
    }
}
