//! Pipes, with names and without.
//!
//! An end of a pipe is a file in non-blocking mode. There is no `shutdown` for pipes: the writing end is closed by dropping it.

mod open;
mod receiver;
mod sender;

use std::io;
use std::os::fd::OwnedFd;

pub use open::OpenOptions;
pub use receiver::Receiver;
pub use sender::Sender;

use crate::sys;

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
#[inline]
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (receiver, sender) = sys::pipe::pipe()?;
    Ok((Sender::from_owned_fd_unchecked(sender)?, Receiver::from_owned_fd_unchecked(receiver)?))
}

/// Checks that a descriptor is a pipe that may be used like this, and puts it into non-blocking mode.
#[inline]
fn prepare(fd: &OwnedFd, access: libc::c_int, refusal: &'static str) -> io::Result<()> {
    if !sys::pipe::is_pipe(fd)? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a pipe"));
    }
    let mode = sys::pipe::flags(fd)? & libc::O_ACCMODE;
    if mode != access && mode != libc::O_RDWR {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, refusal));
    }
    sys::pipe::set_nonblocking(fd, true)
}
