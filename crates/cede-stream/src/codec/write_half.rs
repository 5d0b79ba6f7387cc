//! The writing half of a framed object: the bytes that are still to be written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use cede_io::AsyncWrite;

use super::INITIAL_CAPACITY;

#[derive(Debug)]
pub(super) struct WriteHalf {
    pub(super) buffer: BytesMut,
    /// With so many bytes waiting no more messages are taken.
    pub(super) boundary: usize,
}

impl WriteHalf {
    pub(super) fn new() -> Self {
        Self::with_buffer(BytesMut::with_capacity(INITIAL_CAPACITY))
    }

    pub(super) fn with_buffer(buffer: BytesMut) -> Self {
        Self { buffer, boundary: INITIAL_CAPACITY }
    }

    /// Ready when another message may be taken.
    pub(super) fn poll_ready<T: AsyncWrite>(&mut self, io: Pin<&mut T>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.buffer.len() < self.boundary {
            return Poll::Ready(Ok(()));
        }
        match self.poll_write(io, cx) {
            // A part was written, which is enough.
            Poll::Pending if self.buffer.len() < self.boundary => Poll::Ready(Ok(())),
            poll => poll,
        }
    }

    /// Writes everything that waits.
    fn poll_write<T: AsyncWrite>(&mut self, mut io: Pin<&mut T>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let written = ready!(io.as_mut().poll_write(cx, &self.buffer))?;
            if written == 0 {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, "failed to write frame to transport")));
            }
            // A writer that claims more than it was given is not believed.
            self.buffer.advance(written.min(self.buffer.len()));
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_flush<T: AsyncWrite>(&mut self, mut io: Pin<&mut T>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write(io.as_mut(), cx))?;
        io.poll_flush(cx)
    }

    pub(super) fn poll_close<T: AsyncWrite>(&mut self, mut io: Pin<&mut T>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(io.as_mut(), cx))?;
        io.poll_shutdown(cx)
    }
}
