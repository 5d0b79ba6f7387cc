//! The receiving side of a watch channel.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::Ordering;

use super::error::RecvError;
use super::{CLOSED, Ref, Shared, VERSION};
use crate::cooperative::cooperative;

/// Watches the value; it remembers which version it has seen. Clones have seen the same.
///
/// ```
/// let (tx, rx) = cede_sync::watch::channel(0);
/// tx.send_modify(|value| *value += 1);
/// assert_eq!(*rx.borrow(), 1);
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: usize,
}

impl<T> Receiver<T> {
    /// The caller has counted it.
    pub(super) fn first(shared: Arc<Shared<T>>, seen: usize) -> Self {
        Self { shared, seen }
    }

    /// The latest value, without marking it as seen.
    pub fn borrow(&self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        let has_changed = self.seen != self.shared.version();
        Ref { value, has_changed }
    }

    /// The latest value, which counts as seen from now on.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        let version = self.shared.version();
        let has_changed = core::mem::replace(&mut self.seen, version) != version;
        Ref { value, has_changed }
    }

    /// Whether there is a value that was not seen.
    ///
    /// # Errors
    /// All senders are gone.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let word = self.shared.word.load(Ordering::Acquire);
        if word & CLOSED != 0 { Err(RecvError(())) } else { Ok(self.seen != word) }
    }

    /// Whether all senders are gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Counts the present value as not seen.
    pub fn mark_changed(&mut self) {
        self.seen = self.shared.version().wrapping_sub(VERSION);
    }

    /// Counts the present value as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// Waits for a value that was not seen, and counts it as seen. Returns at once if there is one.
    ///
    /// # Errors
    /// All senders are gone, and the last value was seen.
    ///
    /// # Cancel safety
    /// Nothing is counted as seen unless the future was ready.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        cooperative(next_version(&self.shared, &mut self.seen)).await
    }

    /// Waits for a value that `f` accepts; the present one is tried first. All that were tried count as seen.
    ///
    /// # Errors
    /// All senders are gone, and `f` did not accept the last value.
    ///
    /// # Cancel safety
    /// It may be dropped and called anew at any time.
    pub async fn wait_for(&mut self, f: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        cooperative(self.accepted(f)).await
    }

    async fn accepted(&mut self, mut f: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, RecvError> {
        let Self { shared, seen } = self;
        let mut closed = false;
        loop {
            {
                let value = shared.value.read();
                let version = shared.version();
                let has_changed = core::mem::replace(seen, version) != version;
                // Not called a second time for the last value.
                if (!closed || has_changed) && f(&value) {
                    return Ok(Ref { value, has_changed });
                }
            }
            if closed {
                return Err(RecvError(()));
            }
            closed = next_version(shared, seen).await.is_err();
        }
    }

    /// Whether both watch the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

/// Waits for a version that was not seen.
async fn next_version<T>(shared: &Shared<T>, seen: &mut usize) -> Result<(), RecvError> {
    let look = || {
        let word = shared.word.load(Ordering::Acquire);
        if *seen != word & !CLOSED {
            *seen = word & !CLOSED;
            Some(Ok(()))
        } else {
            (word & CLOSED != 0).then_some(Err(RecvError(())))
        }
    };
    shared.wait(&shared.changed, look).await
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.shared.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.unwatched.notify_waiters();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("has_changed", &(self.seen != self.shared.version())).field("closed", &self.is_closed()).finish()
    }
}
