//! The sending side of a broadcast channel.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::Ordering;

use cede_context::wait::WaitKind;

use super::error::SendError;
use super::{Receiver, Shared};

/// Sends to all receivers. Clone it for more senders.
///
/// ```
/// let tx = cede_sync::broadcast::Sender::new(4);
/// assert!(tx.send(1).is_err());
/// let mut rx = tx.subscribe();
/// assert_eq!(tx.send(2).unwrap(), 1);
/// assert_eq!(rx.try_recv(), Ok(2));
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A channel without receivers; [`Sender::subscribe`] makes some. See [`channel`](super::channel()) for `capacity`.
    ///
    /// # Panics
    /// When `capacity` is 0 or more than `usize::MAX / 2`.
    #[track_caller]
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { shared: Arc::new(Shared::new(capacity)) }
    }

    /// Sends a value to all receivers there are, and returns their number. It never waits: if the channel is full, the oldest value is dropped.
    ///
    /// # Errors
    /// There is no receiver; the value comes back.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.shared.send(value).map_err(SendError)
    }

    /// A new receiver; it gets what is sent from now on.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Arc::clone(&self.shared))
    }

    /// A handle that does not keep the channel open.
    #[must_use = "downgrade makes a weak sender and leaves this one as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        self.shared.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakSender { shared: Arc::clone(&self.shared) }
    }

    /// How many values are kept: some receiver has yet to get them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.queue.lock().places.len()
    }

    /// Whether every receiver has got everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of receivers.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.shared.queue.lock().receivers
    }

    /// Whether both send to the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// It may be dropped and called anew at any time.
    pub async fn closed(&self) {
        let object = Arc::as_ptr(&self.shared).addr() as u64;
        let look = || (self.receiver_count() == 0).then_some(());
        self.shared.unheard.until(WaitKind::Notify, object, look).await;
    }

    /// The number of senders.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.shared.strong_count()
    }

    /// The number of weak senders.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.shared.weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.senders_gone();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::Sender")
    }
}

/// A sender that does not keep the channel open; [`WeakSender::upgrade`] it to send.
///
/// ```
/// let (tx, _rx) = cede_sync::broadcast::channel::<i32>(1);
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(tx);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> WeakSender<T> {
    /// A sender, unless all senders are gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let more = |senders: usize| (senders > 0).then_some(senders + 1);
        let counted = self.shared.senders.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.ok().map(|_| Sender { shared: Arc::clone(&self.shared) })
    }

    /// The number of senders.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.shared.strong_count()
    }

    /// The number of weak senders.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.shared.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        self.shared.weak_senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.shared.weak_senders.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broadcast::WeakSender")
    }
}
