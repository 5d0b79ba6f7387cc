//! The operation that a file is busy with.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::pooled::Operation;
use crate::io::pooled::buffer::Buffer;

/// See the essay of [`file`](super).
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) state: State,
    /// A write failed, and nobody was told yet.
    pub(super) failed_write: Option<io::Error>,
    /// Where the last seek went.
    pub(super) position: u64,
}

#[derive(Debug)]
pub(super) enum State {
    Idle(Buffer),
    Busy(Operation<(Outcome, Buffer)>),
}

/// What an operation did.
#[derive(Debug)]
pub(super) enum Outcome {
    Read(io::Result<usize>),
    Write(io::Result<()>),
    Seek(io::Result<u64>),
    Resize(io::Result<()>),
}

impl Default for State {
    fn default() -> Self {
        Self::Idle(Buffer::default())
    }
}

impl Progress {
    /// Waits for the operation that is under way; `None` if there is none.
    ///
    /// # Errors
    /// If the pool failed, not the operation.
    pub(super) fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Outcome>>> {
        let State::Busy(operation) = &mut self.state else { return Poll::Ready(Ok(None)) };
        let done = ready!(Pin::new(operation).poll(cx));
        self.state = State::default();
        let (outcome, buffer) = done?;
        self.state = State::Idle(buffer);
        if let Outcome::Seek(Ok(position)) = &outcome {
            self.position = *position;
        }
        Poll::Ready(Ok(Some(outcome)))
    }

    /// Waits until nothing is under way; keeps the error of a write for the next one.
    pub(super) fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.poll_outcome(cx)) {
            Ok(Some(Outcome::Write(Err(error)))) | Err(error) => self.failed_write = Some(error),
            Ok(_) => {}
        }
        Poll::Ready(())
    }

    pub(super) async fn settle(&mut self) {
        poll_fn(|cx| self.poll_settle(cx)).await;
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    /// That of a write before.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed_write.take() {
            return Poll::Ready(Err(error));
        }
        match ready!(self.poll_outcome(cx))? {
            Some(Outcome::Write(result)) => Poll::Ready(result),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// The buffer, of a file with nothing under way.
    pub(super) fn buffer(&mut self) -> &mut Buffer {
        match &mut self.state {
            State::Idle(buffer) => buffer,
            State::Busy(_) => unreachable!("the operation before was waited for"),
        }
    }
}
