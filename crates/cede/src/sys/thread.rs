//! Starting threads, and the number by which the kernel knows one.
//!
//! # Invariants
//! - I1: the call takes no memory, cannot fail and is async-signal-safe. (No shared memory, hence no loom model.)

use std::io;
use std::num::NonZeroI32;
use std::thread::{Builder, JoinHandle};

/// A thread's number, or a process's: that of its first thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pid(NonZeroI32);

impl Pid {
    pub(crate) fn as_raw_nonzero(self) -> NonZeroI32 {
        self.0
    }
}

/// That of the calling thread. Async-signal-safe.
pub(crate) fn gettid() -> Pid {
    // SAFETY: [I1]
    let number = unsafe { libc::syscall(libc::SYS_gettid) };
    let number = i32::try_from(number).ok().and_then(NonZeroI32::new);
    Pid(number.expect("threads have positive numbers"))
}

/// As [`Builder::spawn`]. That is a kilobyte of code for each type of closure, so all threads that are not started in haste begin here.
#[inline(never)]
pub(crate) fn spawn(thread: Builder, main: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    thread.spawn(main)
}

#[cfg(test)]
mod tests {
    use super::gettid;

    #[test]
    fn threads_have_numbers_of_their_own() {
        let here = gettid();
        assert_eq!(here, gettid());
        assert_ne!(here, std::thread::spawn(gettid).join().unwrap());
    }
}
