//! `watch`: the latest value, from senders to any number of receivers.
//!
//! # What
//! A value under a lock, its version, and two [`Notify`]: one tells the receivers of new versions, one tells the senders that no receiver is left.
//! A receiver knows the version that it has seen. Values between two looks are not seen; the last one always is.
//!
//! ```
//! use cede_sync::watch;
//! let (tx, mut rx) = watch::channel("first");
//! tx.send("second").unwrap();
//! assert!(rx.has_changed().unwrap());
//! assert_eq!(*rx.borrow_and_update(), "second");
//! assert!(!rx.has_changed().unwrap());
//! ```
//!
//! # States of the word
//! `version | CLOSED`; versions step by 2. CLOSED is set once, when the last sender is dropped.
//!
//! # Invariants
//! - I1: the version changes only while the value is locked for writing; so who reads both under the lock gets a pair that belongs together.
//! - I2: who changes the word notifies after it; who waits makes its [`Notified`](crate::futures::Notified) before it looks at the word. So no change is missed.
//! - I3: closures of the user run while the value is locked, as the API demands; wakers and destructors do not.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use cede_context::holder;
use cede_context::wait::WaitKind;
use cede_core::prim::atomic::{AtomicUsize, Ordering};

use crate::Notify;
use crate::value_lock::{ReadGuard, ValueLock};

pub mod error;
mod receiver;
mod sender;
pub use receiver::Receiver;
pub use sender::Sender;

const CLOSED: usize = 1;
const VERSION: usize = 2;

struct Shared<T> {
    value: ValueLock<T>,
    word: AtomicUsize,
    receivers: AtomicUsize,
    senders: AtomicUsize,
    changed: Notify,
    unwatched: Notify,
}

impl<T> Shared<T> {
    fn version(&self) -> usize {
        self.word.load(Ordering::Acquire) & !CLOSED
    }

    fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Waits until `look` has an answer; `notify` tells when to look again.
    async fn wait<R>(&self, notify: &Notify, look: impl FnMut() -> Option<R>) -> R {
        notify.until(WaitKind::Watch, self.address(), look).await
    }

    fn address(&self) -> u64 {
        core::ptr::from_ref(self).addr() as u64
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        holder::gone(self.address());
    }
}

/// Makes a channel that holds `init`, which the receiver counts as seen.
#[must_use]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        value: ValueLock::new(init),
        word: AtomicUsize::new(0),
        receivers: AtomicUsize::new(1),
        senders: AtomicUsize::new(1),
        changed: Notify::new(),
        unwatched: Notify::new(),
    });
    (Sender::first(Arc::clone(&shared)), Receiver::first(shared, 0))
}

/// The value, borrowed. As long as it lives no value can be sent: keep it short, and never across `.await`.
///
/// ```
/// let (_tx, rx) = cede_sync::watch::channel(1);
/// let value = rx.borrow();
/// assert!(*value == 1 && !value.has_changed());
/// ```
pub struct Ref<'a, T> {
    value: ReadGuard<'a, T>,
    has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the receiver had not seen this version yet. False for a sender's own borrow.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref").field("value", &&**self).field("has_changed", &self.has_changed).finish()
    }
}
