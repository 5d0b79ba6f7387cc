//! A process as a descriptor.
//!
//! # Invariants
//! - I1: the call takes no memory; a non-negative result is a new descriptor that nobody else owns. (No shared memory, hence no loom model.)

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::Child;

use super::checked;

/// A descriptor that is readable when the child has ended.
///
/// # Errors
/// If the kernel has no such descriptors, or none are left.
pub(crate) fn open(child: &Child) -> io::Result<OwnedFd> {
    // The number cannot have been given to another process: this one was not reaped, or this is an error.
    // SAFETY: [I1]
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, child.id(), 0);
        let fd = checked(fd.try_into().expect("descriptors are numbered by this type"))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}
