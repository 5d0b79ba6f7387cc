//! How late the kernel may be with a thread's time-outs.
//!
//! Linux lets them be 50 µs late, to collect wake-ups. Threads that run a scheduler do without: `prctl(PR_SET_TIMERSLACK)` is called once for each such thread,
//! when it first waits for a timer.
//!
//! # Invariants
//! - I1: the call only changes a number of the current thread and takes no pointers. There is no shared memory, hence no loom model.

use std::cell::Cell;

thread_local! {
    static TIGHT: Cell<bool> = const { Cell::new(false) };
}

/// Makes the time-outs of this thread exact to the precision of the hardware.
pub fn tighten_timer_slack() {
    if !TIGHT.replace(true) {
        // SAFETY: [I1] no memory is passed; an error leaves the thread as it was.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
    }
}
