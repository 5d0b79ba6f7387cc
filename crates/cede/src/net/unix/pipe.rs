//! Pipes, with names and without.
//!
//! An end of a pipe is a file in non-blocking mode. There is no `shutdown` for pipes: the writing end is closed by dropping it.

mod open;
mod receiver;
mod sender;

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, OFlags};
use rustix::pipe::PipeFlags;

pub use open::OpenOptions;
pub use receiver::Receiver;
pub use sender::Sender;

/// A pipe without a name.
///
/// # Errors
/// If there are no descriptors left, and in a simulated run.
///
/// # Panics
/// Outside of a runtime.
///
/// ```
/// # cede::block_on(async {
/// use cede::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (mut sender, mut receiver) = cede::net::unix::pipe::pipe()?;
/// sender.write_all(b"hello").await?;
/// drop(sender);
/// let mut text = String::new();
/// receiver.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (receiver, sender) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    Ok((Sender::from_owned_fd_unchecked(sender)?, Receiver::from_owned_fd_unchecked(receiver)?))
}

fn is_pipe(fd: impl AsFd) -> io::Result<bool> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) == FileType::Fifo)
}

/// Checks that a descriptor is a pipe that may be used like this, and puts it into non-blocking mode.
fn prepare(fd: &OwnedFd, access: OFlags, refusal: &'static str) -> io::Result<()> {
    if !is_pipe(fd)? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a pipe"));
    }
    let flags = rustix::fs::fcntl_getfl(fd)?;
    let mode = flags & OFlags::ACCMODE;
    if mode != access && mode != OFlags::RDWR {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, refusal));
    }
    if !flags.contains(OFlags::NONBLOCK) {
        rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK)?;
    }
    Ok(())
}

/// Puts a descriptor into blocking mode, as other programs expect it.
pub(crate) fn set_blocking(fd: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags - OFlags::NONBLOCK)?)
}
