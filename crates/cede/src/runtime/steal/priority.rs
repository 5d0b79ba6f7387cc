//! Rescued work goes before the task that was in its way.
//!
//! When threads are stuck because their tasks compute, there are more of them than processors, and the thread that goes on with a worker would have to wait for its share. So the thread that is stuck
//! is made less important for the rest of its poll. Anybody may do that, but the way back is a privilege (`CAP_SYS_NICE`, or a limit of niceness); without it nothing is done here.
//!
//! A thread inherits this from the one that starts it, and so do threads that the stuck task has the runtime start: the runtime's own threads begin with [`restore`].

#![forbid(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::priority::{nice as sys_nice, nice_limit, set_nice};
use crate::sys::proc_file;
use crate::sys::thread::Pid;

/// How much nicer a thread is made, of at most 19 in all. A thread that is nicer by ten gets about a tenth.
const NICER: i32 = 10;
/// Its number in the sets of capabilities.
const CAP_SYS_NICE: u32 = 23;

/// What threads of the process have that were not made nicer here.
static NORMAL: OnceLock<Option<i32>> = OnceLock::new();
/// Whether any thread was ever made nicer.
static USED: AtomicBool = AtomicBool::new(false);

/// The normal niceness, if threads may go back to it. Asked by the monitor first, whose own is the normal one.
fn normal() -> Option<i32> {
    *NORMAL.get_or_init(|| {
        let nice = sys_nice(None).ok()?;
        may_go_back_to(nice).then_some(nice)
    })
}

fn may_go_back_to(nice: i32) -> bool {
    // The groups of the process stand before what is looked for.
    let mut buffer = [0; 16 * 1024];
    let mut lines = proc_file::read("/proc/self/status", &mut buffer).split(|&byte| byte == b'\n');
    let effective = lines.find_map(|line| line.strip_prefix(b"CapEff:")).and_then(|set| std::str::from_utf8(set).ok());
    let effective = effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    let ceiling = nice_limit().map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    effective.unwrap_or(0) >> CAP_SYS_NICE & 1 == 1 || 20 - i64::from(nice) <= ceiling
}

/// The thread with this number is less important from now on, if it can be undone.
pub(super) fn give_way(thread: Pid) {
    let Some(nice) = normal() else { return };
    USED.store(true, Ordering::Relaxed);
    // The thread may be gone, and then there is nothing to do.
    let own = sys_nice(Some(thread)).unwrap_or(nice);
    let _gone = set_nice(Some(thread), (own + NICER).min(19));
}

/// Whether any thread was ever made nicer.
pub(crate) fn is_used() -> bool {
    USED.load(Ordering::Relaxed)
}

/// The current thread is as important as others.
pub(crate) fn restore() {
    if USED.load(Ordering::Relaxed)
        && let Some(nice) = normal()
    {
        let _unchanged = set_nice(None, nice);
    }
}
