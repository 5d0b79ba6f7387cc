//! The standard input.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_io::{AsyncRead, ReadBuf};

use crate::io::pooled::buffer::{Buffer, DEFAULT_MAX_BUF_SIZE};
use crate::io::pooled::{self, Operation};

/// The standard input; see [`stdin`].
#[derive(Debug)]
pub struct Stdin {
    std: io::Stdin,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(Buffer),
    Reading(Operation<(io::Result<usize>, Buffer)>),
}

/// The standard input of the process. A read that has begun cannot be taken back: it takes a thread until something comes, and the end of the runtime waits for it
/// unless it has a time limit. For a dialogue with a person a thread of your own is better.
///
/// ```no_run
/// # cede::block_on(async {
/// use cede::io::AsyncReadExt;
///
/// let mut text = String::new();
/// cede::io::stdin().read_to_string(&mut text).await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[must_use]
pub fn stdin() -> Stdin {
    Stdin { std: io::stdin(), state: State::Idle(Buffer::default()) }
}

impl AsyncRead for Stdin {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, target: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.state {
                State::Idle(buffer) if !buffer.is_empty() || target.remaining() == 0 => {
                    buffer.take_into(target);
                    return Poll::Ready(Ok(()));
                }
                State::Idle(buffer) => {
                    let (mut buffer, limit) = (std::mem::take(buffer), target.remaining().min(DEFAULT_MAX_BUF_SIZE));
                    let operation = pooled::start(move || (buffer.read(&mut io::stdin(), limit), buffer))?;
                    self.state = State::Reading(operation);
                }
                State::Reading(operation) => {
                    let done = ready!(Pin::new(operation).poll(cx));
                    self.state = State::Idle(Buffer::default());
                    let (read, mut buffer) = done?;
                    read?;
                    buffer.take_into(target);
                    self.state = State::Idle(buffer);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}
