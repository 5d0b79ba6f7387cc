//! The receiving side of an unbounded channel.
//!
//! Nobody waits for room here, so nobody need know of each single receive: the receiver takes all that is in the shared queue under one lock, and hands
//! it out without. A value that comes alone it takes without any.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};

use cede_context::budget;

use super::chan::{Backlog, Chan};
use super::error::TryRecvError;

/// The receiver of an unbounded channel. There is one; dropping it closes the channel and drops what is in it.
///
/// ```
/// let (tx, mut rx) = cede_sync::mpsc::unbounded_channel();
/// tx.send(1).unwrap();
/// rx.close();
/// assert!(tx.send(2).is_err());
/// assert_eq!(rx.try_recv(), Ok(1));
/// ```
pub struct UnboundedReceiver<T> {
    chan: Arc<Chan<T>>,
    /// Older than anything in the shared queue.
    backlog: Backlog<T>,
}

impl<T> UnboundedReceiver<T> {
    pub(super) fn new(chan: Arc<Chan<T>>) -> Self {
        Self { chan, backlog: Backlog::new() }
    }

    /// Receives the next value; waits until there is one. `None`: nothing is left, and nothing can come.
    ///
    /// # Cancel safety
    /// No value is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Receives up to `limit` values at once into `buffer`; waits until there is one. The result is their number; 0 means that nothing can come,
    /// or that `limit` is 0.
    ///
    /// # Cancel safety
    /// No value is lost when the future is dropped.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        poll_fn(|cx| self.poll_recv_many(cx, buffer, limit)).await
    }

    /// Receives a value that is there.
    ///
    /// # Errors
    /// There is none now, or there will be none.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if let Some(value) = self.chan.next(&mut self.backlog) {
            return Ok(value);
        }
        self.chan.try_backlog(&mut self.backlog)?;
        self.chan.next(&mut self.backlog).ok_or(TryRecvError::Empty)
    }

    /// Refuses further values. What is in the channel can still be received.
    pub fn close(&mut self) {
        self.chan.close();
    }

    /// Whether [`UnboundedReceiver::close`] was called or all senders are gone. Values may still be there.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.chan.is_closed_for_receiver()
    }

    /// Whether there is no value now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.backlog.is_empty() && self.chan.is_empty()
    }

    /// How many values there are now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.backlog.len() + self.chan.len()
    }

    /// As [`UnboundedReceiver::recv`], for hand-written futures. The task of the last call is woken.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.chan.has_next(&self.backlog) {
            ready!(budget::poll_proceed(cx)).spend();
        } else if !ready!(self.chan.poll_backlog(cx, &mut self.backlog)) {
            return Poll::Ready(None);
        }
        Poll::Ready(self.chan.next(&mut self.backlog))
    }

    /// As [`UnboundedReceiver::recv_many`], for hand-written futures. The task of the last call is woken.
    pub fn poll_recv_many(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        if limit == 0 {
            return Poll::Ready(0);
        }
        if self.chan.has_next(&self.backlog) {
            ready!(budget::poll_proceed(cx)).spend();
        } else if !ready!(self.chan.poll_backlog(cx, &mut self.backlog)) {
            return Poll::Ready(0);
        }
        let mut count = self.chan.next_many(&mut self.backlog, buffer, limit);
        if count < limit && self.chan.try_backlog(&mut self.backlog).is_ok() {
            count += self.chan.next_many(&mut self.backlog, buffer, limit - count);
        }
        Poll::Ready(count)
    }

    /// The number of senders.
    #[must_use]
    pub fn sender_strong_count(&self) -> usize {
        self.chan.strong_count()
    }

    /// The number of weak senders.
    #[must_use]
    pub fn sender_weak_count(&self) -> usize {
        self.chan.weak_count()
    }
}

impl<T> Unpin for UnboundedReceiver<T> {}

impl<T> Drop for UnboundedReceiver<T> {
    fn drop(&mut self) {
        self.chan.remove_receiver();
    }
}

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedReceiver").field("len", &self.len()).field("closed", &self.is_closed()).finish()
    }
}
