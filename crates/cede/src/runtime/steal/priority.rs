//! Rescued work goes before the task that was in its way.
//!
//! When threads are stuck because their tasks compute, there are more of them than processors, and the thread that goes on with a worker would have to wait for its share. So the thread that is stuck
//! is made less important, which the kernel allows to anybody; the way back is a privilege, so a thread that does not get it ends when it has finished its task.

#![forbid(unsafe_code)]

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::{Pid, gettid};

/// How much nicer a thread is made, of at most 19 in all. A thread that is nicer by ten gets about a tenth.
const NICER: i32 = 10;

/// The thread with this number is less important from now on.
pub(super) fn give_way(thread: Pid) {
    // The thread may be gone, and then there is nothing to do.
    let _gone = getpriority_process(Some(thread)).and_then(|nice| setpriority_process(Some(thread), (nice + NICER).min(19)));
}

/// What the current thread's importance is; to be compared with later.
pub(super) fn own() -> i32 {
    getpriority_process(Some(gettid())).unwrap_or(0)
}

/// The current thread is as important as it was again, if the kernel allows it.
pub(super) fn restore(nice: i32) -> bool {
    own() == nice || setpriority_process(Some(gettid()), nice).is_ok()
}
