//! Seats: who runs a worker.
//!
//! # What
//! There is one seat for each worker. The thread that has it runs the worker, and has a pointer to it on its [desk](cede_core::desk). A seat can be given to another thread in the middle of a
//! poll, by the thread itself or by a monitor, see [`hand_over`](super::hand_over); the thread that lost it still has frames of the worker's functions on its stack, and is a *stray* until it
//! has left them.
//!
//! # Who may touch what
//! A worker's cells: the thread with the seat, while it is inside ([`with_active`], or between the turns of tasks).
//!
//! # Invariants
//! - I1: what the current desk says is the worker whose seat the current thread has, or null.
//! - I2: a worker stays where it is until its seat is turned into its box, which happens in the end of the runtime, when no thread has frames of its functions any more (H3 of
//!   [`hand_over`](super::hand_over)).
//!
//! The protocol is that of the desk, and so is its model; here are only the types.

use std::ptr::{self, NonNull};
use std::sync::Arc;

use cede_core::desk::{Before, Desk};

use super::worker::Worker;
use crate::runtime::desk::{self, Seated};

/// The thread is inside of the worker that it runs, if any, until this is dropped: that worker is not taken from it meanwhile.
pub(super) struct Inside<'a> {
    desk: Option<(&'a Desk, Before)>,
    worker: Option<&'a Worker>,
}

impl<'a> Inside<'a> {
    #[inline(always)]
    pub(super) fn enter() -> Self {
        // SAFETY: [I2] the desk is not left while the thread is inside.
        let Some(desk) = (unsafe { desk::current() }) else { return Self { desk: None, worker: None } };
        let before = desk.enter();
        // SAFETY: [I1] [I2] it is this thread's as long as it is inside.
        let worker = if desk.runs().is_null() { None } else { unsafe { desk::runs().cast::<Worker>().as_ref() } };
        Self { desk: Some((desk, before)), worker }
    }

    /// The worker. The reference is not kept.
    #[inline(always)]
    pub(super) fn worker(&self) -> Option<&'a Worker> {
        self.worker
    }
}

impl Drop for Inside<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some((desk, before)) = self.desk {
            desk.exit(before);
        }
    }
}

/// Calls `access` with the worker that this thread runs.
#[inline]
pub(super) fn with_active<'a, R>(access: impl FnOnce(Option<&'a Worker>) -> R) -> R {
    let inside = Inside::enter();
    access(inside.worker())
}

/// Whether the worker whose function asks is not this thread's any more: it must return without touching it.
#[inline]
pub(super) fn is_stray() -> bool {
    desk::with_current(|desk| desk.is_some_and(|desk| desk.runs().is_null()))
}

/// The right to run a worker.
#[derive(Debug)]
pub(super) struct Seat(NonNull<Worker>);

// SAFETY: [I1] a seat is the right to touch the worker's cells, and nothing in a worker is bound to a thread.
unsafe impl Send for Seat {}

impl Seat {
    pub(super) fn new(worker: Box<Worker>) -> Self {
        Self(NonNull::from(Box::leak(worker)))
    }

    /// # Safety
    /// `runs` was on a desk of a worker's thread, from which it was taken.
    pub(super) unsafe fn taken(runs: *mut ()) -> Self {
        Self(NonNull::new(runs.cast()).expect("nothing was taken"))
    }

    pub(super) fn worker(&self) -> &Worker {
        // SAFETY: [I2] the worker is where it was, and this is its seat.
        unsafe { self.0.as_ref() }
    }

    /// Gives the right away without using it.
    pub(super) fn forget(self) -> *mut () {
        self.0.as_ptr().cast()
    }

    /// The worker, to be taken apart.
    ///
    /// # Safety
    /// No thread has references to it any more. (I2)
    pub(super) unsafe fn into_worker(self) -> Box<Worker> {
        // SAFETY: [I2] it came from a box, and the caller's contract.
        unsafe { Box::from_raw(self.0.as_ptr()) }
    }
}

/// The thread runs a worker until this is dropped.
pub(super) struct Active(Seated);

impl Active {
    /// # Safety
    /// The worker outlives the result, and no other thread runs it, unless it is taken from this one.
    pub(super) unsafe fn set(worker: &Worker) -> Self {
        Self(Seated::at(ptr::from_ref(worker).cast_mut().cast()))
    }

    pub(super) fn desk(&self) -> &Arc<Desk> {
        self.0.desk()
    }
}

/// The thread does not run its worker at the moment: everything that it does counts as coming from elsewhere.
pub(super) struct SteppedAside(NonNull<Worker>);

impl SteppedAside {
    /// The thread steps aside from the worker that it runs.
    pub(super) fn new() -> Option<Self> {
        let runs = desk::with_current(|desk| desk.map_or(ptr::null_mut(), Desk::step_aside));
        NonNull::new(runs.cast()).map(Self)
    }

    /// The seat, for another thread.
    pub(super) fn seat(&self) -> Seat {
        Seat(self.0)
    }

    /// The thread runs its worker again. For a thread that has the seat.
    pub(super) fn come_back(self) {
        desk::with_current(|desk| desk.expect("this thread stepped aside from a desk").come_back(self.0.as_ptr().cast()));
    }

    /// Another thread has the seat.
    pub(super) fn stray(self) {
        desk::with_current(|desk| desk.expect("this thread stepped aside from a desk").leave());
    }
}
