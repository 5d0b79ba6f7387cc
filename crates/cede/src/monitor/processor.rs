//! Whether a thread had a processor.

use std::time::Duration;

use crate::sys::proc_file;
use crate::sys::thread::Pid;

/// What the kernel says of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Had {
    /// For how long it has had a processor, all in all.
    pub(super) time: Duration,
    /// It has one or waits for one. If not, it waits for something else.
    pub(super) runnable: bool,
}

/// Asks about a thread of this process. Where the kernel does not say, it counts as waiting for something.
pub(super) fn had(thread: Pid) -> Had {
    let number = thread.as_raw_nonzero();
    let mut buffer = [0; 256];
    let path = |name: &str| format!("/proc/self/task/{number}/{name}");
    // Nanoseconds on the processor, waiting for it, and how often it got it.
    let time = proc_file::number(proc_file::read(&path("schedstat"), &mut buffer)).map(Duration::from_nanos);
    // The state comes after the name, which is in parentheses and may contain some.
    let state = proc_file::read(&path("stat"), &mut buffer).rsplit(|&byte| byte == b')').next();
    let runnable = state.is_some_and(|state| state.starts_with(b" R"));
    Had { time: time.unwrap_or_default(), runnable: runnable && time.is_some() }
}

#[cfg(test)]
mod tests {
    use super::had;

    #[test]
    fn a_thread_that_asks_is_running() {
        let own = crate::sys::thread::gettid();
        let before = had(own);
        assert!(before.runnable);
        assert!(had(own).time >= before.time);
    }
}
