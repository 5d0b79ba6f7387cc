//! What others may see of a thread that runs a scheduler, and how the scheduler can be taken from it.
//!
//! # What
//! A thread that runs a scheduler sits at a *desk*. On it lie a pointer to the scheduler, a count of the turns that it gave to tasks, and whether the thread is inside the scheduler's own code at
//! the moment or in code of the user. A [monitor](crate::monitor) reads desks, and where a turn lasts too long it takes the scheduler away, to have another thread go on with it. The
//! thread finds its desk empty the next time it needs the scheduler.
//!
//! # Why not the obvious way
//! A lock, or any atomic read-modify-write, at each wake and each turn costs more than the rest of it. A store of one's own and a load, ordered by the compiler only, cost nothing that
//! could be measured; the full barrier that this protocol needs is paid for by the monitor, see [`ProcessBarrier`].
//!
//! # States of a desk
//! ```text
//! seated ──take──► gone        (for good)
//!   ▲ │
//!   │ └─step_aside─► aside ──┬─come_back──► seated
//!   └────────────────────────┘ └─leave────► gone
//! ```
//! `runs` is null in all but the first.
//!
//! # Who may touch what
//! * `inside`, `turns`: written by the thread, read by the monitor.
//! * `runs`: read by the thread at any time, written under `decision`.
//! * what `runs` points to: the thread while `inside` is set and it has read a pointer since; the monitor after a [`Desk::take`] that succeeded.
//!
//! # Invariants
//! - I1: `runs` points to what the thread runs, or is null.
//! - I2: who sets `inside` and then reads a pointer from `runs` keeps it from being taken until `inside` is clear again. The argument, of steps `[enter]` and `[take]`: the thread stores `inside`,
//!   then loads `runs`. The monitor stores null to `runs`, then executes a barrier on all processors, then loads `inside`. Had the thread loaded the pointer and the monitor read a clear `inside`, then
//!   the load would be before the barrier and the store after it, against the thread's program order.
//! - I3: the thread that finds null waits for the decision, by the lock, before it believes it: a monitor that found `inside` set puts the pointer back.
//!
//! - I4: `CURRENT` is the desk of the innermost [`Seated`] of this thread, which keeps it alive, or null.
//!
//! # Orderings
//! `inside` is cleared with Release and read with Acquire: the monitor sees all that the thread did. `take` hands the pointer over by the lock of whoever passes it on.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, compiler_fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cede_driver::ProcessBarrier;

thread_local! {
    static CURRENT: Cell<*const Desk> = const { Cell::new(ptr::null()) };
}

/// See the module's description. What is run is the business of the scheduler; here it is a pointer.
#[derive(Debug)]
pub(crate) struct Desk {
    runs: AtomicPtr<()>,
    inside: AtomicBool,
    turns: AtomicUsize,
    /// Taken or left, for good.
    gone: AtomicBool,
    decision: Mutex<()>,
}

/// What a monitor sees of a desk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    /// Counts turns of tasks, and whatever else began.
    pub(crate) turns: usize,
    /// The thread is in code of the user.
    pub(crate) outside: bool,
    /// The thread has something to run.
    pub(crate) seated: bool,
}

/// The desk of this thread, if it runs a scheduler.
///
/// # Safety
/// The reference is not used after the [`Seated`] of that desk has ended.
#[inline]
pub(crate) unsafe fn current<'a>() -> Option<&'a Desk> {
    let current = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: [I4] the desk is alive; the caller's contract says for how long.
    unsafe { current.as_ref() }
}

/// Calls `access` with the desk of this thread, if it runs a scheduler.
#[inline]
pub(crate) fn with_current<R>(access: impl FnOnce(Option<&Desk>) -> R) -> R {
    // SAFETY: [I4] the `Seated` ends on this thread, after this call.
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
    before: *const Desk,
}

impl Seated {
    /// The thread begins to run something; it is inside of it.
    pub(crate) fn at(runs: *mut ()) -> Self {
        let desk = Arc::new(Desk {
            runs: AtomicPtr::new(runs),
            inside: AtomicBool::new(true),
            turns: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
            decision: Mutex::new(()),
        });
        let before = CURRENT.replace(Arc::as_ptr(&desk));
        Self { desk, before }
    }

    pub(crate) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let _decided = self.desk.decide();
        self.desk.runs.store(ptr::null_mut(), Ordering::Relaxed);
        self.desk.gone.store(true, Ordering::Relaxed);
        CURRENT.set(self.before);
    }
}

impl Desk {
    fn decide(&self) -> MutexGuard<'_, ()> {
        self.decision.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread of this desk is inside from now on; returns whether it was before.
    #[inline]
    pub(crate) fn enter(&self) -> bool {
        // [enter]
        let before = self.inside.load(Ordering::Relaxed);
        self.inside.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        before
    }

    /// The thread of this desk is where it was before it entered.
    #[inline]
    pub(crate) fn exit(&self, before: bool) {
        self.inside.store(before, Ordering::Release);
    }

    /// A turn of a task: code of the user runs, and what the thread runs may be taken from it meanwhile. For the thread of this desk, when it is inside.
    #[inline]
    pub(crate) fn turn<R>(&self, task: impl FnOnce() -> R) -> R {
        self.stir();
        self.inside.store(false, Ordering::Release);
        let result = task();
        // [enter]
        self.inside.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        result
    }

    /// What the thread runs. For that thread, when it is inside.
    #[inline]
    pub(crate) fn runs(&self) -> *mut () {
        let runs = self.runs.load(Ordering::Relaxed);
        if runs.is_null() { self.runs_as_decided() } else { runs }
    }

    #[cold]
    fn runs_as_decided(&self) -> *mut () {
        if self.gone.load(Ordering::Relaxed) {
            return ptr::null_mut();
        }
        let _decided = self.decide();
        self.runs.load(Ordering::Relaxed)
    }

    /// The thread gives what it runs away, and may get it back. Null if it is another thread's already.
    pub(crate) fn step_aside(&self) -> *mut () {
        let _decided = self.decide();
        self.runs.swap(ptr::null_mut(), Ordering::Relaxed)
    }

    /// The thread runs `runs` again.
    pub(crate) fn come_back(&self, runs: *mut ()) {
        let _decided = self.decide();
        self.runs.store(runs, Ordering::Relaxed);
    }

    /// What the thread gave away does not come back.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// What can be seen from afar.
    pub(crate) fn glance(&self) -> Glance {
        Glance {
            turns: self.turns.load(Ordering::Relaxed),
            outside: !self.inside.load(Ordering::Relaxed),
            seated: !self.runs.load(Ordering::Relaxed).is_null(),
        }
    }

    /// Something begins at this desk. For its thread.
    #[inline]
    fn stir(&self) {
        self.turns.store(self.turns.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Takes what the thread runs, if it is in code of the user: `pass_on` gets it, and says whether it took it. Called by the monitor.
    pub(crate) fn take(&self, barrier: ProcessBarrier, pass_on: impl FnOnce(*mut ()) -> bool) -> bool {
        let _decided = self.decide();
        // [take]
        let runs = self.runs.swap(ptr::null_mut(), Ordering::Relaxed);
        if runs.is_null() {
            return false;
        }
        barrier.execute();
        let taken = !self.inside.load(Ordering::Acquire) && pass_on(runs);
        if taken {
            self.gone.store(true, Ordering::Relaxed);
        } else {
            self.runs.store(runs, Ordering::Relaxed);
        }
        taken
    }
}
