//! What the process has used so far.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Processor time in nanoseconds, user and system, all threads that are or were.
pub fn nanos() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the kernel counts");
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) * 1000
}
