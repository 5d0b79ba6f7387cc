//! The bytes of any descriptor.
//!
//! # Invariants
//! - I1: descriptors are borrowed, so they are open during the calls; memory is passed with its length, and what the kernel did not fill is not read.
//!   (No shared memory, hence no loom model.)

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::slice;

use super::counted;

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
    use std::io::Write;
    use std::mem::MaybeUninit;

    use super::read;

    #[test]
    fn what_is_written_to_a_pipe_is_read_and_no_more() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut memory = [MaybeUninit::uninit(); 8];
        writer.write_all(b"abc").unwrap();
        assert_eq!(read(&reader, &mut memory).unwrap(), b"abc");
        drop(writer);
        assert_eq!(read(&reader, &mut memory).unwrap(), b"");
    }
}
