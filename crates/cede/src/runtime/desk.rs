//! Which desk the current thread sits at. What a desk is: [`cede_core::desk`].
//!
//! What the thread runs stands here a second time, so that who asks for it need not wait for the desk's answer, which is nearly always the same.
//!
//! # Invariants
//! - I1: `CURRENT` is the desk of the innermost [`Seated`] of this thread, which keeps it alive, or null; `RUNS` is what that desk was made for. (Thread-local, hence no loom model.)

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use cede_core::desk::Desk;

thread_local! {
    static CURRENT: Cell<*const Desk> = const { Cell::new(ptr::null()) };
    static RUNS: Cell<*mut ()> = const { Cell::new(ptr::null_mut()) };
}

/// The desk of this thread, if it runs a scheduler.
///
/// # Safety
/// The reference is not used after the [`Seated`] of that desk has ended.
#[inline(always)]
pub(crate) unsafe fn current<'a>() -> Option<&'a Desk> {
    // SAFETY: [I1] the desk is alive; the caller's contract says for how long.
    unsafe { CURRENT.get().as_ref() }
}

/// What this thread runs, unless its desk says that it is another one's.
#[inline(always)]
pub(crate) fn runs() -> *mut () {
    RUNS.get()
}

/// Calls `access` with the desk of this thread, if it runs a scheduler.
#[inline]
pub(crate) fn with_current<R>(access: impl FnOnce(Option<&Desk>) -> R) -> R {
    // SAFETY: [I1] the `Seated` ends on this thread, after this call.
    access(unsafe { current() })
}

/// Something begins at this thread's desk.
pub(crate) fn stir() {
    with_current(|desk| desk.into_iter().for_each(Desk::stir));
}

/// The thread sits at a desk until this is dropped; then it is back at the one before.
#[derive(Debug)]
pub(crate) struct Seated {
    desk: Arc<Desk>,
    before: (*const Desk, *mut ()),
}

impl Seated {
    /// The thread begins to run something; it is inside of it.
    pub(crate) fn at(runs: *mut ()) -> Self {
        let desk = Arc::new(Desk::new(runs));
        let before = (CURRENT.replace(Arc::as_ptr(&desk)), RUNS.replace(runs));
        Self { desk, before }
    }

    pub(crate) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.desk.clear();
        CURRENT.set(self.before.0);
        RUNS.set(self.before.1);
    }
}
