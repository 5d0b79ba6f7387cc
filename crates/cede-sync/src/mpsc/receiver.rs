//! The receiving side of a bounded channel.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};

use super::chan::Chan;
use super::error::TryRecvError;

/// The receiver of a bounded channel. There is one; dropping it closes the channel and drops what is in it.
///
/// ```
/// let (tx, mut rx) = cede_sync::mpsc::channel(8);
/// tx.try_send(1).unwrap();
/// rx.close();
/// assert!(tx.try_send(2).is_err());
/// assert_eq!(rx.try_recv(), Ok(1));
/// ```
pub struct Receiver<T> {
    chan: Arc<Chan<T>>,
}

impl<T> Receiver<T> {
    pub(super) fn new(chan: Arc<Chan<T>>) -> Self {
        Self { chan }
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
        self.chan.try_recv()
    }

    /// Refuses further values. What is in the channel, or comes through permits that were given, can still be received.
    pub fn close(&mut self) {
        self.chan.close();
    }

    /// Whether [`Receiver::close`] was called or all senders are gone. Values may still be there.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.chan.is_closed_for_receiver()
    }

    /// Whether there is no value now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chan.is_empty()
    }

    /// How many values there are now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chan.len()
    }

    /// How many values can be sent now without waiting.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.chan.free()
    }

    /// How many values the channel has room for in all.
    #[must_use]
    pub fn max_capacity(&self) -> usize {
        self.chan.bound()
    }

    /// As [`Receiver::recv`], for hand-written futures. The task of the last call is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.chan.poll_recv(cx)
    }

    /// As [`Receiver::recv_many`], for hand-written futures. The task of the last call is woken.
    pub fn poll_recv_many(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        self.chan.poll_recv_many(cx, buffer, limit)
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

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.chan.remove_receiver();
    }
}

impl<T> Unpin for Receiver<T> {}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("closed", &self.is_closed()).finish()
    }
}
