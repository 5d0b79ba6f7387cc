//! Who looks at the set of a worker beside the worker.
//!
//! # What
//! An event names a cell by its address, so cells that left the set are freed only when nobody can hold an event that names them. The worker itself frees them between two of its waits; this counts the other
//! threads that are between a wait and the end of its events.
//!
//! # Invariants
//! - I1: a thread counts from before its wait until after its last event.
//! - I2: if [`Lookers::are_none`] says so, whoever counts from then on has begun its wait later, and so gets no event of a cell that had left the set before. The kernel orders waits and removals: a wait before the removal
//!   would have been counted before it.
//! - I3: after [`Lookers::close`] nobody counts any more.
//!
//! # Orderings
//! Leaving is Release and looking for lookers Acquire: what is freed was used before.

use cede_core::prim::atomic::{AtomicU32, Ordering};

const CLOSED: u32 = 1 << 31;

#[derive(Debug)]
pub(super) struct Lookers(AtomicU32);

impl Lookers {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The thread counts until the result is dropped; `None` after the end.
    pub(super) fn enter(&self) -> Option<Looking<'_>> {
        let looking = Looking(self);
        let before = self.0.fetch_add(1, Ordering::Acquire);
        (before & CLOSED == 0).then_some(looking)
    }

    /// Whether all that could name what has left the set by now are gone.
    pub(super) fn are_none(&self) -> bool {
        self.0.load(Ordering::Acquire) & !CLOSED == 0
    }

    /// Nobody begins to look any more. Returns whether somebody still does.
    #[must_use]
    pub(super) fn close(&self) -> bool {
        self.0.fetch_or(CLOSED, Ordering::AcqRel) & !CLOSED != 0
    }
}

/// See [`Lookers::enter`].
pub(super) struct Looking<'a>(&'a Lookers);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(all(test, loom))]
mod model;
