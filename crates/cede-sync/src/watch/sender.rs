//! The sending side of a watch channel.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::fmt;
use core::mem;

use cede_context::holder::{self, End};
use cede_core::prim::atomic::{AtomicUsize, Ordering};

use super::error::SendError;
use super::{CLOSED, Receiver, Ref, Shared, VERSION, channel};
use crate::Notify;
use crate::cooperative::cooperative;

/// Changes the value. Clone it for more senders.
///
/// ```
/// let tx = cede_sync::watch::Sender::new(1);
/// assert_eq!(tx.send_replace(2), 1);
/// assert_eq!(*tx.subscribe().borrow(), 2);
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// The caller has counted it.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// A channel without receivers; [`Sender::subscribe`] makes some.
    #[must_use]
    pub fn new(init: T) -> Self {
        channel(init).0
    }

    /// Changes the value and tells all receivers.
    ///
    /// # Errors
    /// There is no receiver; the value comes back, and the old one stays.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Changes the value in place and tells all receivers, also when there are none.
    ///
    /// # Panics
    /// With the panic of `modify`; nobody is told then.
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, and tells all receivers if `modify` returns true. Returns what it returned.
    ///
    /// # Panics
    /// With the panic of `modify`; nobody is told then.
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        {
            let mut value = self.shared.value.write();
            if !modify(&mut value) {
                return false;
            }
            self.shared.word.fetch_add(VERSION, Ordering::Release);
        }
        if self.shared.changed.notify_all() {
            holder::at_end(self.shared.address(), End::Sender);
        }
        true
    }

    /// Changes the value, tells all receivers, also when there are none, and returns the old value.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| mem::swap(old, &mut value));
        value
    }

    /// The present value.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref { value: self.shared.value.read(), has_changed: false }
    }

    /// Whether there is no receiver.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// It may be dropped and called anew at any time.
    pub async fn closed(&self) {
        let look = || self.is_closed().then_some(());
        cooperative(self.shared.wait(&self.shared.unwatched, look)).await;
    }

    /// A new receiver, which counts the present value as seen.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        let seen = self.shared.version();
        Receiver::first(Arc::clone(&self.shared), seen)
    }

    /// The number of receivers.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.load(Ordering::Acquire)
    }

    /// The number of senders.
    #[must_use]
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Ordering::Acquire)
    }

    /// Whether both send to the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            close(&self.shared.word, &self.shared.changed);
        }
    }
}

/// The last sender is gone. Not in each place where one is dropped.
#[cold]
#[inline(never)]
fn close(word: &AtomicUsize, changed: &Notify) {
    word.fetch_or(CLOSED, Ordering::Release);
    changed.notify_waiters();
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("receivers", &self.receiver_count()).finish()
    }
}
