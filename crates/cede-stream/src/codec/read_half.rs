//! The reading half of a framed object: the buffer, and how far the stream is.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use cede_context::budget;
use cede_io::{AsyncRead, AsyncReadExt};

use super::{Decoder, INITIAL_CAPACITY};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The buffer has no whole message: read first.
    Hungry,
    /// The buffer may have a message.
    Full,
    /// The reader has ended; the buffer may have a message.
    Ending,
    /// The reader has ended, and the decoder has got everything.
    Ended,
    /// There was an error, after which the stream gives `None` once.
    Failed,
}

#[derive(Debug)]
pub(super) struct ReadHalf {
    pub(super) buffer: BytesMut,
    stage: Stage,
}

impl ReadHalf {
    pub(super) fn new() -> Self {
        Self::with_capacity(INITIAL_CAPACITY)
    }

    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(capacity), stage: Stage::Hungry }
    }

    /// Begins with bytes that were read elsewhere.
    pub(super) fn with_buffer(mut buffer: BytesMut) -> Self {
        buffer.reserve(INITIAL_CAPACITY.saturating_sub(buffer.len()));
        let stage = if buffer.is_empty() { Stage::Hungry } else { Stage::Full };
        Self { buffer, stage }
    }

    /// The next message.
    pub(super) fn poll_next<T, D>(
        &mut self,
        mut io: Pin<&mut T>,
        decoder: &mut D,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<D::Item, D::Error>>>
    where
        T: AsyncRead,
        D: Decoder,
    {
        // Messages that are in the buffer already would otherwise cost nothing.
        let unit = ready!(budget::poll_proceed(cx));
        loop {
            let decoded = match self.stage {
                Stage::Failed => {
                    self.stage = if self.buffer.is_empty() { Stage::Hungry } else { Stage::Full };
                    return Poll::Ready(None);
                }
                Stage::Hungry | Stage::Ended => Ok(None),
                Stage::Full => decoder.decode(&mut self.buffer),
                Stage::Ending => decoder.decode_eof(&mut self.buffer),
            };
            match decoded {
                Ok(Some(message)) => {
                    unit.spend();
                    return Poll::Ready(Some(Ok(message)));
                }
                Ok(None) if self.stage == Stage::Ending => {
                    self.stage = Stage::Ended;
                    return Poll::Ready(None);
                }
                Ok(None) => {}
                Err(error) => {
                    self.stage = Stage::Failed;
                    return Poll::Ready(Some(Err(error)));
                }
            }
            match ready!(self.poll_read(io.as_mut(), cx)) {
                // A reader that has ended may go on, like a terminal.
                Ok(0) if self.stage == Stage::Ended => return Poll::Ready(None),
                Ok(0) => self.stage = Stage::Ending,
                Ok(_) => self.stage = Stage::Full,
                Err(error) => {
                    self.stage = Stage::Failed;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
        }
    }

    fn poll_read<T: AsyncRead>(&mut self, mut io: Pin<&mut T>, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        if self.buffer.len() == self.buffer.capacity() {
            self.buffer.reserve(self.buffer.len().max(INITIAL_CAPACITY));
        }
        // The future has no state of its own: what it reads is in the buffer.
        pin!(io.read_buf(&mut self.buffer)).poll(cx)
    }
}
