//! The receiving side of a broadcast channel.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::fmt;

use cede_context::wait::WaitKind;

use super::error::{RecvError, TryRecvError};
use super::{Shared, Value};
use crate::cooperative::cooperative;

/// Gets every value that is sent after it was made. [`Sender::subscribe`](super::Sender::subscribe) makes more.
///
/// ```
/// let (tx, rx) = cede_sync::broadcast::channel(4);
/// tx.send(1).unwrap();
/// assert_eq!(rx.len(), 1);
/// assert!(rx.resubscribe().is_empty());
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The position of what it gets next.
    cursor: u64,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let cursor = shared.subscribe();
        Self { shared, cursor }
    }

    /// How many values were sent that it has not received; with those that it has missed.
    #[must_use]
    pub fn len(&self) -> usize {
        let end = self.shared.queue.lock().end;
        usize::try_from(end - self.cursor).unwrap_or(usize::MAX)
    }

    /// Whether it has received everything that was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The number of senders.
    #[must_use]
    pub fn sender_strong_count(&self) -> usize {
        self.shared.strong_count()
    }

    /// The number of weak senders.
    #[must_use]
    pub fn sender_weak_count(&self) -> usize {
        self.shared.weak_count()
    }

    /// Whether all senders are gone. Values may still be there.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Another receiver of the same channel. It gets what is sent from now on, not what this one has yet to receive.
    #[must_use]
    pub fn resubscribe(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }

    /// Receives the next value; waits until there is one.
    ///
    /// # Errors
    /// All senders are gone and everything was received, or the receiver was too slow and missed values.
    ///
    /// # Cancel safety
    /// No value is lost when the future is dropped.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let Self { shared, cursor } = self;
        let object = Arc::as_ptr(shared).addr() as u64;
        let look = || match shared.take(cursor) {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
        };
        Ok(copy_of(cooperative(shared.sent.until(WaitKind::Receive, object, look)).await?))
    }

    /// Receives the next value if it is there.
    ///
    /// # Errors
    /// It is not there yet, or will never be, or the receiver was too slow and missed values.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        Ok(copy_of(self.shared.take(&mut self.cursor)?))
    }
}

/// A copy; receivers of the same value wait for each other.
fn copy_of<T: Clone>(value: Value<T>) -> T {
    let copy = value.lock().clone();
    // If this is the last one and its destructor panics, the copy is dropped, too.
    drop(value);
    copy
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.unsubscribe(self.cursor);
    }
}

impl<T> Unpin for Receiver<T> {}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::Receiver")
    }
}
