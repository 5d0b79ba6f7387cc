//! The standard streams of a child process, as pipes to this one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use cede_io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::unix::pipe::{Receiver, Sender};
use crate::sys;

/// The standard input of a child: what is written here, the child reads. Dropping it is the end for the child.
#[derive(Debug)]
pub struct ChildStdin(Sender);

/// The standard output of a child.
#[derive(Debug)]
pub struct ChildStdout(Receiver);

/// The standard error of a child.
#[derive(Debug)]
pub struct ChildStderr(Receiver);

fn non_blocking(fd: impl Into<OwnedFd>) -> io::Result<OwnedFd> {
    let fd = fd.into();
    sys::pipe::set_nonblocking(&fd, true)?;
    Ok(fd)
}

macro_rules! pipe_to_child {
    ($pipe:ident, $end:ident) => {
        impl $pipe {
            /// Takes over a pipe of the standard library, and puts it into non-blocking mode.
            ///
            /// # Errors
            /// If the system refuses, and in a simulated run.
            ///
            /// # Panics
            /// Outside of a runtime.
            #[track_caller]
            pub fn from_std(pipe: std::process::$pipe) -> io::Result<Self> {
                $end::from_owned_fd_unchecked(non_blocking(pipe)?).map(Self)
            }

            /// Gives the descriptor back, in blocking mode.
            ///
            /// # Errors
            /// If the system refuses.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                self.0.into_blocking_fd()
            }
        }

        impl TryFrom<$pipe> for Stdio {
            type Error = io::Error;

            /// To give it to another child.
            fn try_from(pipe: $pipe) -> io::Result<Self> {
                pipe.into_owned_fd().map(Self::from)
            }
        }

        impl AsRawFd for $pipe {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }

        impl AsFd for $pipe {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }
    };
}

pipe_to_child! { ChildStdin, Sender }
pipe_to_child! { ChildStdout, Receiver }
pipe_to_child! { ChildStderr, Receiver }

impl AsyncWrite for ChildStdin {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ChildStdout {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncRead for ChildStderr {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}
