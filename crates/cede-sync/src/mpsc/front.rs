//! The one value that the receiver takes without the lock.
//!
//! # What
//! A receiver that waits is usually woken for one value. It is put here instead of into the empty queue, and the receiver finds it by one load.
//! Whatever comes before the receiver has taken it goes into the queue, behind it.
//!
//! # Who may touch what
//! `value`: the holder of the channel's lock while `full` is false; the receiver while it is true.
//!
//! # Invariants
//! - I1: `full` is set only under the lock while it is not, and reset only by the one receiver while it is; so `value` has one user.
//!
//! # Orderings
//! Each store of `full` is a Release and each load of the other side an Acquire: with the flag goes the right to the value.

use cede_core::const_fn_unless_loom;
use cede_core::prim::UnsafeCell;
use cede_core::prim::atomic::{AtomicBool, Ordering};

pub(super) struct Front<T> {
    full: AtomicBool,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: [I1] a value goes from thread to thread, and nobody gets a reference to it.
unsafe impl<T: Send> Sync for Front<T> {}

impl<T> Front<T> {
    const_fn_unless_loom! {
        pub(super) fn new() -> Self {
            Self { full: AtomicBool::new(false), value: UnsafeCell::new(None) }
        }
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Puts a value in.
    ///
    /// # Safety
    /// The caller holds the lock of the channel and has seen under it that this is not full.
    #[inline]
    pub(super) unsafe fn put(&self, value: T) {
        // SAFETY: [I1] it is not full, so the value is the lock's holder's.
        self.value.with_mut(|slot| unsafe { *slot = Some(value) });
        self.full.store(true, Ordering::Release);
    }

    /// Takes the value that is in.
    ///
    /// # Safety
    /// The caller is the one receiver.
    #[inline]
    pub(super) unsafe fn take(&self) -> Option<T> {
        if !self.is_full() {
            return None;
        }
        // SAFETY: [I1] it is full, so the value is the receiver's.
        let value = self.value.with_mut(|slot| unsafe { (*slot).take() });
        self.full.store(false, Ordering::Release);
        value
    }
}
