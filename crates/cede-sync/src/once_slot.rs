//! A place for a value that is set once and then only read.
//!
//! # States
//! *empty* → *set*, by [`OnceSlot::set`]. `&mut` may go back.
//!
//! # Who may touch what
//! `value`: while `is_set` is false, the holder of `setting`; once it is true everybody, for reading.
//!
//! # Invariants
//! - I1: `is_set` goes from false to true under the lock `setting`, after the value was written; while it is true no shared access writes.
//!
//! # Orderings
//! Setting is a Release and looking an Acquire on `is_set`, so who sees it sees the value.

use cede_core::lock::Lock;
use cede_core::prim::UnsafeCell;
use cede_core::prim::atomic::{AtomicBool, Ordering};

pub(crate) struct OnceSlot<T> {
    is_set: AtomicBool,
    setting: Lock<()>,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: [I1] references are shared among threads, and the value may come from one and be dropped on another.
unsafe impl<T: Sync + Send> Sync for OnceSlot<T> {}
// SAFETY: [I1] the slot owns the value.
unsafe impl<T: Send> Send for OnceSlot<T> {}

impl<T> OnceSlot<T> {
    cede_core::const_fn_unless_loom! {
        pub(crate) fn new() -> Self {
            Self { is_set: AtomicBool::new(false), setting: Lock::new(()), value: UnsafeCell::new(None) }
        }
    }

    cede_core::const_fn_unless_loom! {
        pub(crate) fn with(value: T) -> Self {
            Self { is_set: AtomicBool::new(true), setting: Lock::new(()), value: UnsafeCell::new(Some(value)) }
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if !self.is_set() {
            return None;
        }
        // SAFETY: [I1] it is set, so nobody writes as long as the slot is shared.
        self.value.with(|value| unsafe { (*value).as_ref() })
    }

    /// Sets the value, unless there is one: then the new one comes back.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _setting = self.setting.lock();
        if self.is_set() {
            return Err(value);
        }
        // SAFETY: [I1] it is not set, and the lock keeps others from setting it. What is overwritten is `None`.
        self.value.with_mut(|place| unsafe { *place = Some(value) });
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: `&mut` proves that there is no other reference [I1].
        self.value.with_mut(|value| unsafe { (*value).as_mut() })
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}
