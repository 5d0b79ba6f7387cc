//! The writing end of a pipe.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_driver::{Direction, Interest, Ready};
use cede_io::AsyncWrite;

use super::prepare;
use crate::pollable::Pollable;
use crate::sys::pipe::set_nonblocking;

/// The writing end of a pipe; see [`pipe`](super::pipe). A pipe without a receiver gives `BrokenPipe`.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cede::net::unix::pipe;
///
/// let (sender, receiver) = pipe::pipe()?;
/// sender.writable().await?;
/// assert_eq!(sender.try_write(b"fits")?, 4);
/// drop(receiver);
/// assert_eq!(sender.try_write(b"nobody reads").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Sender {
    io: Pollable<File>,
}

impl Sender {
    /// Takes over an end of a pipe, and puts it into non-blocking mode.
    ///
    /// # Errors
    /// `InvalidInput` if it is not a pipe, or not opened for this; and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Self> {
        Self::from_owned_fd(file.into())
    }

    /// Takes over an end of a pipe, and puts it into non-blocking mode.
    ///
    /// # Errors
    /// `InvalidInput` if it is not a pipe, or not opened for this; and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn from_owned_fd(fd: OwnedFd) -> io::Result<Self> {
        prepare(&fd, libc::O_WRONLY, "not in O_WRONLY or O_RDWR access mode")?;
        Self::from_owned_fd_unchecked(fd)
    }

    /// Takes over an end of a pipe, which must be opened for this and be in non-blocking mode: nothing is checked.
    ///
    /// # Errors
    /// `EPERM` if it is a file that cannot be waited for, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Self> {
        Ok(Self { io: Pollable::registered(file, Interest::WRITABLE)? })
    }

    /// Takes over an end of a pipe, which must be opened for this and be in non-blocking mode: nothing is checked.
    ///
    /// # Errors
    /// `EPERM` if it is a file that cannot be waited for, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn from_owned_fd_unchecked(fd: OwnedFd) -> io::Result<Self> {
        Self::from_file_unchecked(fd.into())
    }

    /// Waits until the pipe is ready for something of interest, and returns for what. It may be wrong: a following try may still say `WouldBlock`.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.io.ready(interest).await
    }

    /// Waits until a write may succeed, or the last receiver is gone.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn writable(&self) -> io::Result<()> {
        self.io.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Polls for writability. Only the last task that polled for it (or for a write) is woken.
    ///
    /// # Errors
    /// If the runtime is shut down.
    #[inline]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Write)
    }

    /// Writes what fits, without waiting. Up to `PIPE_BUF` bytes are written together or not at all.
    ///
    /// # Errors
    /// `WouldBlock` if nothing fits, and those of `write(2)`.
    #[inline]
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.io.attempt(Direction::Write, |mut pipe| pipe.write(buffer))
    }

    /// Writes what fits of several buffers, without waiting.
    ///
    /// # Errors
    /// As [`Sender::try_write`].
    #[inline]
    pub fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.attempt(Direction::Write, |mut pipe| pipe.write_vectored(buffers))
    }

    /// Tries an operation on the descriptor, if it is ready. When the operation says `WouldBlock`, the readiness is forgotten; it should say so only when the
    /// descriptor did.
    ///
    /// # Errors
    /// Those of the operation; `WouldBlock` if the pipe is known not to be ready.
    #[inline]
    pub fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(Interest::WRITABLE, operation)
    }

    /// Gives the descriptor back, in blocking mode.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        let fd = self.into_nonblocking_fd()?;
        set_nonblocking(&fd, false)?;
        Ok(fd)
    }

    /// Gives the descriptor back, in non-blocking mode.
    ///
    /// # Errors
    /// None at present.
    #[inline]
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        Ok(self.io.into_inner().into())
    }
}

impl AsRawFd for Sender {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl AsyncWrite for Sender {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, buffer)
    }

    #[inline]
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, buffers)
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
