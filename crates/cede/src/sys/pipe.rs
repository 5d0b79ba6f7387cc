//! Pipes, and the modes of a descriptor.
//!
//! # Invariants
//! - I1: descriptors are borrowed, so they are open during the calls; the memory that is passed has the size that the call fills, and is read only if it did.
//! - I2: a pipe that was made is two new descriptors that nobody else owns. (No shared memory, hence no loom model.)

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use super::checked;

/// A pipe, both ends in non-blocking mode: to read from, to write to.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: [I1]
    checked(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) })?;
    // SAFETY: [I2]
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Whether it is a pipe, with a name or without.
pub(crate) fn is_pipe(fd: impl AsFd) -> io::Result<bool> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: [I1]
    let status = unsafe {
        checked(libc::fstat(fd.as_fd().as_raw_fd(), status.as_mut_ptr()))?;
        status.assume_init()
    };
    Ok(status.st_mode & libc::S_IFMT == libc::S_IFIFO)
}

/// How it was opened and in which modes it is: `O_…`.
pub(crate) fn flags(fd: impl AsFd) -> io::Result<libc::c_int> {
    // SAFETY: [I1]
    checked(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) })
}

/// Puts it into non-blocking mode, or out of it.
pub(crate) fn set_nonblocking(fd: impl AsFd, nonblocking: bool) -> io::Result<()> {
    let before = flags(&fd)?;
    let after = if nonblocking { before | libc::O_NONBLOCK } else { before & !libc::O_NONBLOCK };
    if after == before {
        return Ok(());
    }
    // SAFETY: [I1]
    checked(unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_SETFL, after) }).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn kinds_and_modes_are_told() {
        let (reader, writer) = pipe().unwrap();
        assert!(is_pipe(&reader).unwrap());
        assert!(!is_pipe(File::open("/dev/null").unwrap()).unwrap());
        assert_eq!(flags(&writer).unwrap() & libc::O_ACCMODE, libc::O_WRONLY);
        for nonblocking in [false, false, true, true] {
            set_nonblocking(&reader, nonblocking).unwrap();
            assert_eq!(flags(&reader).unwrap() & libc::O_NONBLOCK != 0, nonblocking);
        }
    }
}
