//! Seats: who runs a worker.
//!
//! # What
//! There is one seat for each worker. The thread that has it runs the worker, and has a pointer to it in the thread-local `ACTIVE`. A seat can be given to another thread in the middle of a
//! poll, see [`hand_over`](super::hand_over); the thread that gave it away still has frames of the worker's functions on its stack, and is a *stray* until it has left them.
//!
//! # Who may touch what
//! A worker's cells: the thread with the seat. `ACTIVE` and `STRAY`: the thread.
//!
//! # Invariants
//! - I1: `ACTIVE` points to the worker whose seat the current thread has, or is null.
//! - I2: a worker stays where it is until its seat is turned into its box, which happens in the end of the runtime, when no thread has frames of its functions any more (H3 of
//!   [`hand_over`](super::hand_over)).
//! - I3: `STRAY` is set while the innermost worker whose functions are on this thread's stack is not this thread's any more.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::worker::Worker;

thread_local! {
    static ACTIVE: Cell<*const Worker> = const { Cell::new(ptr::null()) };
    static STRAY: Cell<bool> = const { Cell::new(false) };
}

/// Calls `access` with the worker that this thread runs.
#[inline]
pub(super) fn with_active<'a, R>(access: impl FnOnce(Option<&'a Worker>) -> R) -> R {
    let active = ACTIVE.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: [I1] [I2] a worker in `ACTIVE` stays where it is until it is taken out of there, by this thread; callers do not keep the reference.
    access(unsafe { active.as_ref() })
}

/// Whether the worker whose function asks is not this thread's any more: it must return without touching it.
#[inline]
pub(super) fn is_stray() -> bool {
    STRAY.get()
}

/// The last frame of the worker that was given away has been left.
pub(super) fn is_stray_no_more() {
    STRAY.set(false);
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

    pub(super) fn worker(&self) -> &Worker {
        // SAFETY: [I2] the worker is where it was, and this is its seat.
        unsafe { self.0.as_ref() }
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
pub(super) struct Active {
    before: *const Worker,
    was_stray: bool,
}

impl Active {
    /// # Safety
    /// The worker outlives the result, and no other thread runs it, unless this one gives it away.
    pub(super) unsafe fn set(worker: &Worker) -> Self {
        Self { before: ACTIVE.replace(worker), was_stray: STRAY.replace(false) }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        ACTIVE.set(self.before);
        // A thread that has given its seat away stays a stray until it is back where it got the seat.
        if self.was_stray {
            STRAY.set(true);
        }
    }
}

/// The thread does not run its worker at the moment: everything that it does counts as coming from elsewhere.
pub(super) struct SteppedAside(NonNull<Worker>);

impl SteppedAside {
    /// The thread steps aside from the worker that it runs.
    pub(super) fn new() -> Option<Self> {
        NonNull::new(ACTIVE.replace(ptr::null()).cast_mut()).map(Self)
    }

    /// The seat, for another thread.
    pub(super) fn seat(&self) -> Seat {
        Seat(self.0)
    }

    /// The thread runs its worker again. For a thread that has the seat.
    pub(super) fn come_back(self) {
        ACTIVE.set(self.0.as_ptr());
    }

    /// Another thread has the seat.
    pub(super) fn stray(self) {
        STRAY.set(true);
    }
}
