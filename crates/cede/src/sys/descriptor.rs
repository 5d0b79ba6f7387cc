//! Any descriptor: its kind, its flags, its bytes.
//!
//! # Invariants
//! - I1: descriptors are borrowed or owned, so they are open during the calls; memory is passed with its length, and what the kernel did not fill is not read.
//! - I2: a non-negative result of a call that makes descriptors is a new one that nobody else owns. (No shared memory, hence no loom model.)

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::slice;

use super::{checked, counted};

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

/// `read(2)`; returns what was read. A signal may interrupt it.
#[inline]
pub(crate) fn read(fd: impl AsFd, memory: &mut [MaybeUninit<u8>]) -> io::Result<&mut [u8]> {
    // SAFETY: [I1] so many bytes were filled.
    unsafe {
        let count = counted(libc::read(fd.as_fd().as_raw_fd(), memory.as_mut_ptr().cast(), memory.len()))?;
        Ok(slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), count))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::mem::MaybeUninit;

    use super::*;

    #[test]
    fn what_is_written_to_a_pipe_is_read_and_no_more() {
        let (reader, writer) = pipe().unwrap();
        let mut memory = [MaybeUninit::uninit(); 8];
        assert_eq!(read(&reader, &mut memory).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        File::from(writer).write_all(b"abc").unwrap();
        assert_eq!(read(&reader, &mut memory).unwrap(), b"abc");
        assert_eq!(read(&reader, &mut memory).unwrap(), b"");
    }

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
