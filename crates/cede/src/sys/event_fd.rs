//! A counter that a thread can sleep on, and a signal handler can add to.
//!
//! # Invariants
//! - I1: the descriptor is open as long as the counter is there; the eight bytes live during the calls.
//! - I2: a non-negative result of `eventfd` is a new descriptor that nobody else owns.
//! - I3: [`EventFd::add`] calls `write(2)` only, which is async-signal-safe, and leaves `errno` as it was. (The kernel synchronizes, hence no loom model.)

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{checked, counted};

/// The counter.
#[derive(Debug)]
pub(crate) struct EventFd(OwnedFd);

impl EventFd {
    /// Of nothing.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: [I2]
        unsafe { Ok(Self(OwnedFd::from_raw_fd(checked(libc::eventfd(0, libc::EFD_CLOEXEC))?))) }
    }

    /// Adds one. Async-signal-safe.
    pub(crate) fn add(&self) {
        let one = 1_u64.to_ne_bytes();
        // It can only fail if the counter is full; then the thread is being woken anyway.
        // SAFETY: [I1] [I3]
        unsafe {
            let errno = libc::__errno_location();
            let before = *errno;
            libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len());
            *errno = before;
        }
    }

    /// Sleeps until it is more than nothing, and takes all of it. A signal may interrupt it.
    pub(crate) fn take(&self) -> io::Result<()> {
        let mut count = [0; 8];
        // SAFETY: [I1]
        counted(unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) }).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::EventFd;

    #[test]
    fn whoever_sleeps_on_it_is_woken() {
        let bell = EventFd::new().unwrap();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| bell.take());
            bell.add();
            sleeper.join().unwrap().unwrap();
        });
    }
}
