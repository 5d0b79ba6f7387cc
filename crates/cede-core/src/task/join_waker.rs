//! Where a join handle leaves the waker for the completion: two words that the runner can copy before it knows whether the waker is still there.
//!
//! # Invariants
//! - I1: while `JOIN_WAKER` is set in the state word, the words are those of a waker that nobody else owns. Who has taken the bit back, or has completed the task with it, owns the waker.
//!
//! The words are atomics because the runner copies them before that step; a copy made while the handle puts another waker in is discarded, as the parent module says under *Orderings*.
//! (The loom models are those of the parent module.)

use core::mem::ManuallyDrop;
use core::task::{RawWakerVTable, Waker};

use crate::prim::atomic::{AtomicPtr, Ordering};

/// See the module's description.
pub(super) struct JoinWaker {
    data: AtomicPtr<()>,
    vtable: AtomicPtr<RawWakerVTable>,
}

/// The words of a waker, which may be one no more.
#[derive(Clone, Copy)]
pub(super) struct Words {
    data: *const (),
    vtable: *const RawWakerVTable,
}

impl JoinWaker {
    pub(super) fn empty() -> Self {
        Self { data: AtomicPtr::new(core::ptr::null_mut()), vtable: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// Puts a waker in; it is published by whoever sets the bit.
    #[inline]
    pub(super) fn put(&self, waker: Waker) {
        let waker = ManuallyDrop::new(waker);
        self.data.store(waker.data().cast_mut(), Ordering::Relaxed);
        self.vtable.store(core::ptr::from_ref(waker.vtable()).cast_mut(), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn words(&self) -> Words {
        Words { data: self.data.load(Ordering::Relaxed), vtable: self.vtable.load(Ordering::Relaxed) }
    }
}

impl Words {
    /// The waker.
    ///
    /// # Safety
    /// The words were read while the bit was set, and the caller owns the waker; it makes it once.
    #[inline]
    pub(super) unsafe fn into_waker(self) -> Waker {
        // SAFETY: [I1] these are the words of a waker, whose vtable is `'static`, and it is the caller's.
        unsafe { Waker::new(self.data, &*self.vtable) }
    }

    /// Whether this is such a waker, too.
    #[inline]
    pub(super) fn will_wake(self, other: &Waker) -> bool {
        core::ptr::eq(self.data, other.data()) && core::ptr::eq(self.vtable, other.vtable())
    }
}
