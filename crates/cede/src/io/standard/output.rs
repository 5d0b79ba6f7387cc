//! The standard output and the standard error.

use std::future::Future;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_io::AsyncWrite;

use crate::io::pooled::buffer::{Buffer, DEFAULT_MAX_BUF_SIZE};
use crate::io::pooled::{self, Operation};
use crate::runtime::context;

/// The standard output; see [`stdout`].
#[derive(Debug)]
pub struct Stdout {
    std: io::Stdout,
    writing: Writing,
}

/// The standard error; see [`stderr`].
#[derive(Debug)]
pub struct Stderr {
    std: io::Stderr,
    writing: Writing,
}

/// The standard output of the process. A write returns when the bytes are on their way; `flush` waits until they are written, and returns the errors of writes before it.
/// Writes of several handles may be mixed up.
///
/// ```
/// # cede::block_on(async {
/// use cede::io::AsyncWriteExt;
///
/// let mut stdout = cede::io::stdout();
/// stdout.write_all(b"hello\n").await?;
/// stdout.flush().await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[must_use]
pub fn stdout() -> Stdout {
    Stdout { std: io::stdout(), writing: Writing::default() }
}

/// The standard error of the process; as [`stdout`].
#[must_use]
pub fn stderr() -> Stderr {
    Stderr { std: io::stderr(), writing: Writing::default() }
}

/// What becomes of the bytes.
#[derive(Debug, Default)]
struct Writing {
    state: State,
    /// Whether something was written since the last flush.
    unflushed: bool,
}

#[derive(Debug)]
enum State {
    Idle(Buffer),
    Busy(Operation<(io::Result<()>, Buffer)>),
}

impl Default for State {
    fn default() -> Self {
        Self::Idle(Buffer::default())
    }
}

impl Writing {
    /// Waits for the operation before; returns its error.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Buffer>> {
        if let State::Busy(operation) = &mut self.state {
            let done = ready!(Pin::new(operation).poll(cx));
            self.state = State::default();
            let (result, buffer) = done?;
            self.state = State::Idle(buffer);
            result?;
        }
        match &mut self.state {
            State::Idle(buffer) => Poll::Ready(Ok(buffer)),
            State::Busy(_) => unreachable!("was just ended"),
        }
    }

    fn poll_write<W: Write + Send + 'static>(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
        mut target: W,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = std::mem::take(ready!(self.poll_idle(cx))?);
        let count = buffer.fill_from_all(bytes, DEFAULT_MAX_BUF_SIZE);
        self.state = State::Busy(start(move || (buffer.write(&mut target), buffer))?);
        self.unflushed = true;
        Poll::Ready(Ok(count))
    }

    fn poll_flush<W: Write + Send + 'static>(&mut self, cx: &mut Context<'_>, mut target: W) -> Poll<io::Result<()>> {
        let buffer = std::mem::take(ready!(self.poll_idle(cx))?);
        if !self.unflushed {
            self.state = State::Idle(buffer);
            return Poll::Ready(Ok(()));
        }
        self.state = State::Busy(start(move || (target.flush(), buffer))?);
        self.unflushed = false;
        self.poll_idle(cx).map_ok(drop)
    }
}

/// As for files, but a runtime that has gone is said to be the reason, as with sockets.
fn start<R: Send + 'static>(operation: impl FnOnce() -> R + Send + 'static) -> io::Result<Operation<R>> {
    if context::with_current(|handle| handle.driver().is_shut_down()).unwrap_or(false) {
        return Err(cede_driver::shut_down_error());
    }
    pooled::start_mandatory(operation)
}

macro_rules! output {
    ($stream:ident, $std:path) => {
        impl AsyncWrite for $stream {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                self.writing.poll_write(cx, &[IoSlice::new(bytes)], $std())
            }

            fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                self.writing.poll_write(cx, bytes, $std())
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.writing.poll_flush(cx, $std())
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }

        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd {
                self.std.as_raw_fd()
            }
        }

        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.std.as_fd()
            }
        }
    };
}

output! { Stdout, io::stdout }
output! { Stderr, io::stderr }
