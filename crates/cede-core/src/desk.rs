//! What others may see of a thread that runs a scheduler, and how the scheduler can be taken from it.
//!
//! # What
//! A thread that runs a scheduler sits at a *desk*. On it lie a pointer to the scheduler, a count of the turns that it gave to tasks, and whether the thread is inside the scheduler's own code at
//! the moment or in code of the user. A monitor reads desks, and where a turn lasts too long it takes the scheduler away, to have another thread go on with it. The
//! thread finds its desk empty the next time it needs the scheduler.
//!
//! # Why not the obvious way
//! A lock, or any atomic read-modify-write, at each wake and each turn costs more than the rest of it. Plain stores of one's own and a load, ordered by the compiler only, cost less than
//! a nanosecond; the full barrier that this protocol needs is paid for by the monitor, which is why it is an argument here.
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
//! * `state`, that is the count of turns and whether the thread is outside: written by the thread, read by the monitor.
//! * `runs`: read by the thread at any time, written under `decision`.
//! * what `runs` points to: the thread while it is inside and has read a pointer since it came in; the monitor after a [`Desk::take`] that succeeded.
//!
//! # Invariants
//! - I1: `runs` points to what the thread runs, or is null.
//! - I2: who says that it is inside and then reads a pointer from `runs` keeps it from being taken until it is outside again. The argument, of steps `[enter]` and `[take]`: the thread stores "inside",
//!   then loads `runs`. The monitor stores null to `runs`, then executes a barrier on all processors, then loads the state. Had the thread loaded the pointer and the monitor read "outside", then
//!   the load would be before the barrier and the store after it, against the thread's program order.
//! - I3: the thread that finds null waits for the decision, by the lock, before it believes it: a monitor that found it inside puts the pointer back.
//!
//! # Orderings
//! "Outside" is stored with Release and read with Acquire: the monitor sees all that the thread did. A pointer is put back with Release and read with Acquire: the thread sees that the monitor only
//! looked. `take` hands the pointer over by the lock of whoever passes it on. The barriers are [`light_barrier`] on the thread's side and `barrier` on the monitor's.

use crate::lock::{Guard, Lock};
use crate::prim::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use crate::prim::light_barrier;

#[cfg(all(test, loom))]
mod model;

/// The thread is in code of the user.
const OUTSIDE: usize = 1;
/// One turn.
const TURN: usize = 2;

/// See the module's description. What is run is the business of the scheduler; here it is a pointer.
#[derive(Debug)]
pub struct Desk {
    runs: AtomicPtr<()>,
    /// The number of turns so far, times two, and [`OUTSIDE`].
    state: AtomicUsize,
    /// Taken or left, for good.
    gone: AtomicBool,
    decision: Lock<()>,
}

/// Where a thread was before it entered; see [`Desk::enter`].
#[derive(Clone, Copy, Debug)]
#[must_use = "the thread is inside until it exits"]
pub struct Before(usize);

/// What a monitor sees of a desk.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// Counts turns of tasks, and whatever else began.
    pub turns: usize,
    /// The thread is in code of the user.
    pub outside: bool,
    /// The thread has something to run.
    pub seated: bool,
}

impl Desk {
    /// The desk of a thread that begins to run something; it is inside of it.
    #[must_use]
    pub fn new(runs: *mut ()) -> Self {
        Self { runs: AtomicPtr::new(runs), state: AtomicUsize::new(0), gone: AtomicBool::new(false), decision: Lock::new(()) }
    }

    /// The thread runs nothing here any more.
    pub fn clear(&self) {
        let _decided = self.decide();
        self.runs.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.gone.store(true, Ordering::Relaxed);
    }

    fn decide(&self) -> Guard<'_, ()> {
        self.decision.lock()
    }

    /// The thread of this desk is inside from now on; returns where it was.
    #[inline]
    pub fn enter(&self) -> Before {
        // [enter]
        let before = self.state.load(Ordering::Relaxed);
        self.state.store(before & !OUTSIDE, Ordering::Relaxed);
        light_barrier();
        Before(before)
    }

    /// The thread of this desk is where it was before it entered.
    #[inline]
    pub fn exit(&self, before: Before) {
        self.state.store(before.0, Ordering::Release);
    }

    /// A turn of a task: code of the user runs, and what the thread runs may be taken from it meanwhile. For the thread of this desk, when it is inside.
    #[inline]
    pub fn turn<R>(&self, task: impl FnOnce() -> R) -> R {
        // Turns within this one are forgotten when it ends, which makes the monitor believe in progress at worst.
        let state = self.state.load(Ordering::Relaxed).wrapping_add(TURN);
        self.state.store(state | OUTSIDE, Ordering::Release);
        let _back = Back { desk: self, state };
        task()
    }

    /// What the thread runs. For that thread, when it is inside.
    #[inline]
    pub fn runs(&self) -> *mut () {
        let runs = self.runs.load(Ordering::Acquire);
        if runs.is_null() { self.runs_as_decided() } else { runs }
    }

    #[cold]
    fn runs_as_decided(&self) -> *mut () {
        if self.gone.load(Ordering::Relaxed) {
            return core::ptr::null_mut();
        }
        let _decided = self.decide();
        self.runs.load(Ordering::Relaxed)
    }

    /// The thread gives what it runs away, and may get it back. Null if it is another thread's already.
    pub fn step_aside(&self) -> *mut () {
        let _decided = self.decide();
        self.runs.swap(core::ptr::null_mut(), Ordering::Relaxed)
    }

    /// The thread runs `runs` again.
    pub fn come_back(&self, runs: *mut ()) {
        let _decided = self.decide();
        self.runs.store(runs, Ordering::Relaxed);
    }

    /// What the thread gave away does not come back.
    pub fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// What can be seen from afar.
    pub fn glance(&self) -> Glance {
        let state = self.state.load(Ordering::Relaxed);
        Glance { turns: state / TURN, outside: state & OUTSIDE != 0, seated: !self.runs.load(Ordering::Relaxed).is_null() }
    }

    /// Something begins at this desk. For its thread.
    #[inline]
    pub fn stir(&self) {
        self.state.store(self.state.load(Ordering::Relaxed).wrapping_add(TURN), Ordering::Relaxed);
    }

    /// Takes what the thread runs, if it is in code of the user: `pass_on` gets it, and says whether it took it. `barrier` has all processors that run threads of this process execute a
    /// full memory barrier, and says whether it could. Called by the monitor.
    pub fn take(&self, barrier: impl FnOnce() -> bool, pass_on: impl FnOnce(*mut ()) -> bool) -> bool {
        let _decided = self.decide();
        // [take]
        let runs = self.runs.swap(core::ptr::null_mut(), Ordering::Relaxed);
        if runs.is_null() {
            return false;
        }
        let mut taken = Taken { desk: self, runs, passed_on: false };
        taken.passed_on = barrier() && self.state.load(Ordering::Acquire) & OUTSIDE != 0 && pass_on(runs);
        taken.passed_on
    }
}

/// The thread is back from a turn when this is dropped, however the turn ended.
struct Back<'a> {
    desk: &'a Desk,
    state: usize,
}

impl Drop for Back<'_> {
    #[inline]
    fn drop(&mut self) {
        // [enter]
        self.desk.state.store(self.state, Ordering::Relaxed);
        light_barrier();
    }
}

/// What was on the desk; goes back there unless it was passed on.
struct Taken<'a> {
    desk: &'a Desk,
    runs: *mut (),
    passed_on: bool,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.passed_on {
            self.desk.gone.store(true, Ordering::Relaxed);
        } else {
            self.desk.runs.store(self.runs, Ordering::Release);
        }
    }
}
