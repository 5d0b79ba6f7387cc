//! Reading of a file what is in memory.
//!
//! # Invariants
//! - I1: the file is borrowed, so it is open during the call; the kernel writes to the memory that is borrowed for it, and no more than it holds. (No shared memory, hence no loom model.)

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::counted;

/// Position −1 is the file's own. It is passed in two halves, both of which are -1.
const OWN_POSITION: libc::c_long = -1;

/// Reads from where the file is, if that needs no waiting; else `WouldBlock`, or that the file system has no such reads.
pub(crate) fn read(file: &File, memory: &mut [u8]) -> io::Result<usize> {
    let memory = libc::iovec { iov_base: memory.as_mut_ptr().cast(), iov_len: memory.len() };
    // The kernel's own call: libraries of C that emulate it wait.
    // SAFETY: [I1]
    let result = unsafe {
        let (file, nowait) = (file.as_raw_fd(), libc::RWF_NOWAIT);
        libc::syscall(libc::SYS_preadv2, file, &raw const memory, 1, OWN_POSITION, OWN_POSITION, nowait)
    };
    counted(result.try_into().expect("it is no more than was asked for"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};

    use super::read;

    #[test]
    fn a_read_moves_the_file_on() {
        let path = std::env::temp_dir().join(format!("cede-page-cache-{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(b"abcdef").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut memory = [0; 4];
        // Not every file system can.
        let count = read(&file, &mut memory).unwrap_or(0);
        assert_eq!(memory[..count], b"abcd"[..count]);
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "abcdef"[count..]);
    }
}
