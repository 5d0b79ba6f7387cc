//! The reading end of a pipe.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use cede_driver::{Direction, Interest, Ready};
use cede_io::{AsyncRead, ReadBuf};

use super::prepare;
use crate::pollable::Pollable;
use crate::sys::pipe::set_nonblocking;

/// The reading end of a pipe; see [`pipe`](super::pipe). The end comes when the last sender is gone.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cede::io::{AsyncReadExt, AsyncWriteExt};
/// use cede::net::unix::pipe;
///
/// let (mut sender, mut receiver) = pipe::pipe()?;
/// sender.write_all(b"to the end").await?;
/// drop(sender);
/// let mut text = String::new();
/// receiver.read_to_string(&mut text).await?;
/// assert_eq!(text, "to the end");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Receiver {
    io: Pollable<File>,
}

impl Receiver {
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
        prepare(&fd, libc::O_RDONLY, "not in O_RDONLY or O_RDWR access mode")?;
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
        Ok(Self { io: Pollable::registered(file, Interest::READABLE)? })
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

    /// Waits until a read may succeed, or the last sender is gone.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn readable(&self) -> io::Result<()> {
        self.io.ready(Interest::READABLE).await.map(drop)
    }

    /// Polls for readability. Only the last task that polled for it (or for a read) is woken.
    ///
    /// # Errors
    /// If the runtime is shut down.
    #[inline]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Read)
    }

    /// Reads what is there, without waiting. Zero bytes are the end.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there, and those of `read(2)`.
    #[inline]
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io.attempt(Direction::Read, |mut pipe| pipe.read(buffer))
    }

    /// Reads what is there into several buffers, without waiting.
    ///
    /// # Errors
    /// As [`Receiver::try_read`].
    #[inline]
    pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.attempt(Direction::Read, |mut pipe| pipe.read_vectored(buffers))
    }

    /// Reads what is there to the end of a buffer, without waiting.
    ///
    /// # Errors
    /// As [`Receiver::try_read`].
    #[inline]
    pub fn try_read_buf<B: BufMut>(&self, buffer: &mut B) -> io::Result<usize> {
        self.io.try_read_buf(buffer)
    }

    /// Tries an operation on the descriptor, if it is ready. When the operation says `WouldBlock`, the readiness is forgotten; it should say so only when the
    /// descriptor did.
    ///
    /// # Errors
    /// Those of the operation; `WouldBlock` if the pipe is known not to be ready.
    #[inline]
    pub fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(Interest::READABLE, operation)
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

impl AsRawFd for Receiver {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl AsyncRead for Receiver {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_read(cx, buffer)
    }
}
