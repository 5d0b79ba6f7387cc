//! The sending side of a bounded channel.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::fmt;

use super::chan::Chan;
use super::error::{SendError, TrySendError};
use super::reserve::Places;
use super::{OwnedPermit, Permit, PermitIterator, Receiver};
use crate::Semaphore;

/// Makes a channel with room for `buffer` values. Memory is taken as it is needed.
///
/// # Panics
/// When `buffer` is 0 or more than [`Semaphore::MAX_PERMITS`].
#[track_caller]
#[must_use]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    assert!(buffer <= Semaphore::MAX_PERMITS, "a semaphore may not have more than MAX_PERMITS permits");
    let chan = Arc::new(Chan::new(buffer));
    (Sender { chan: Arc::clone(&chan) }, Receiver::new(chan))
}

/// A sending handle of a bounded channel. Clone it for more senders.
///
/// ```
/// let (tx, mut rx) = cede_sync::mpsc::channel(1);
/// tx.try_send("one").unwrap();
/// assert_eq!(tx.capacity(), 0);
/// assert_eq!(rx.try_recv(), Ok("one"));
/// ```
pub struct Sender<T> {
    pub(super) chan: Arc<Chan<T>>,
}

impl<T> Sender<T> {
    /// Sends a value; waits while there is no room. Room goes to senders in the order in which they came.
    ///
    /// # Errors
    /// The receiver is closed or gone; the value comes back.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the value was not sent, and is dropped. To keep it, [`Sender::reserve`] first.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.chan.reserve(1).await {
            Ok(locked) => {
                self.chan.deliver(locked, value);
                Ok(())
            }
            Err(SendError(())) => Err(SendError(value)),
        }
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    /// It may be dropped and called anew at any time.
    pub async fn closed(&self) {
        self.chan.wait_closed().await;
    }

    /// Sends a value if there is room and nobody waits for it.
    ///
    /// # Errors
    /// There is no room, or the receiver is closed or gone; the value comes back.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.chan.try_reserve(1) {
            Ok(locked) => {
                self.chan.deliver(locked, message);
                Ok(())
            }
            Err(TrySendError::Full(())) => Err(TrySendError::Full(message)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(message)),
        }
    }

    /// Whether the receiver is closed or dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.chan.is_closed()
    }

    /// Waits for room for one value; the room is kept for it.
    ///
    /// # Errors
    /// The receiver is closed or gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue, and no room.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        drop(self.chan.reserve(1).await?);
        Ok(Permit::new(Places { chan: &self.chan, count: 1 }))
    }

    /// Waits for room for `n` values; the room is kept for them.
    ///
    /// # Errors
    /// The receiver is closed or gone, or `n` is more than [`Sender::max_capacity`].
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue, and no room.
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if n > self.max_capacity() {
            return Err(SendError(()));
        }
        drop(self.chan.reserve(n).await?);
        Ok(PermitIterator::new(Places { chan: &self.chan, count: n }))
    }

    /// Like [`Sender::reserve`], but moves the sender into the permit, which has no lifetime then.
    ///
    /// # Errors
    /// The receiver is closed or gone.
    ///
    /// # Cancel safety
    /// Dropping the future drops the sender too. Clone it before, if need be.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        drop(self.chan.reserve(1).await?);
        Ok(OwnedPermit::new(self))
    }

    /// Reserves room for one value if there is some and nobody waits for it.
    ///
    /// # Errors
    /// There is no room, or the receiver is closed or gone.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        drop(self.chan.try_reserve(1)?);
        Ok(Permit::new(Places { chan: &self.chan, count: 1 }))
    }

    /// Reserves room for `n` values if there is so much and nobody waits for it.
    ///
    /// # Errors
    /// There is too little room, or the receiver is closed or gone.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.max_capacity() {
            return Err(TrySendError::Full(()));
        }
        drop(self.chan.try_reserve(n)?);
        Ok(PermitIterator::new(Places { chan: &self.chan, count: n }))
    }

    /// Like [`Sender::try_reserve`], but moves the sender into the permit, which has no lifetime then.
    ///
    /// # Errors
    /// There is no room, or the receiver is closed or gone; the sender comes back.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        let refused = self.chan.try_reserve(1).err();
        match refused {
            None => Ok(OwnedPermit::new(self)),
            Some(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Some(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    /// Whether both send to the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
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

    /// A handle that does not keep the channel open.
    #[must_use = "downgrade makes a weak sender and leaves this one as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        self.chan.add_weak();
        WeakSender { chan: Arc::clone(&self.chan) }
    }

    /// The number of senders.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.chan.strong_count()
    }

    /// The number of weak senders.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.chan.weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.chan.add_sender();
        Self { chan: Arc::clone(&self.chan) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("capacity", &self.capacity()).field("closed", &self.is_closed()).finish()
    }
}

/// A handle of a bounded channel that does not keep it open; [`WeakSender::upgrade`] it to send.
///
/// ```
/// let (tx, _rx) = cede_sync::mpsc::channel::<i32>(1);
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(tx);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakSender<T> {
    chan: Arc<Chan<T>>,
}

impl<T> WeakSender<T> {
    /// A sender, unless all senders are gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.chan.upgrade().then(|| Sender { chan: Arc::clone(&self.chan) })
    }

    /// The number of senders.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.chan.strong_count()
    }

    /// The number of weak senders.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.chan.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        self.chan.add_weak();
        Self { chan: Arc::clone(&self.chan) }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.chan.remove_weak();
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish()
    }
}
