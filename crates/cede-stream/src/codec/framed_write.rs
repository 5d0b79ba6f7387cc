//! Messages to a writer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use cede_io::AsyncWrite;
use futures_sink::Sink;
use pin_project_lite::pin_project;

use super::Encoder;
use super::write_half::WriteHalf;

pin_project! {
    /// A sink of messages, whose bytes go to a writer. See the [module](super).
    ///
    /// ```
    /// use cede_stream::codec::{FramedWrite, LinesCodec};
    /// use futures_util::{FutureExt, SinkExt};
    ///
    /// let mut lines = FramedWrite::new(Vec::new(), LinesCodec::new());
    /// lines.send("one").now_or_never().unwrap().unwrap();
    /// assert_eq!(lines.into_inner(), b"one\n");
    /// ```
    pub struct FramedWrite<T, E> {
        #[pin]
        io: T,
        encoder: E,
        write: WriteHalf,
    }
}

impl<T, E> FramedWrite<T, E> {
    /// Writes to `inner`.
    pub fn new(inner: T, encoder: E) -> Self {
        Self { io: inner, encoder, write: WriteHalf::new() }
    }

    /// Like [`FramedWrite::new`], with room for `capacity` bytes at first.
    pub fn with_capacity(inner: T, encoder: E, capacity: usize) -> Self {
        Self { io: inner, encoder, write: WriteHalf::with_buffer(BytesMut::with_capacity(capacity)) }
    }

    /// The writer.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// The writer. What is written to it directly may come between two messages, or into one.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Like `get_mut`, for what must stay where it is.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().io
    }

    /// The writer. What is in the buffer is lost.
    pub fn into_inner(self) -> T {
        self.io
    }

    /// The encoder.
    pub fn encoder(&self) -> &E {
        &self.encoder
    }

    /// The encoder.
    pub fn encoder_mut(&mut self) -> &mut E {
        &mut self.encoder
    }

    /// Goes on with another encoder, made of this one. What is in the buffers stays.
    pub fn map_encoder<C, F>(self, map: F) -> FramedWrite<T, C>
    where
        F: FnOnce(E) -> C,
    {
        FramedWrite { io: self.io, encoder: map(self.encoder), write: self.write }
    }

    /// What is still to be written.
    pub fn write_buffer(&self) -> &BytesMut {
        &self.write.buffer
    }

    /// What is still to be written.
    pub fn write_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.write.buffer
    }

    /// How many bytes may wait before the sink takes no more messages.
    pub fn backpressure_boundary(&self) -> usize {
        self.write.boundary
    }

    /// Sets how many bytes may wait before the sink takes no more messages; 8 KiB if it is not set.
    pub fn set_backpressure_boundary(&mut self, boundary: usize) {
        self.write.boundary = boundary;
    }
}

impl<T: AsyncWrite, I, E: Encoder<I>> Sink<I> for FramedWrite<T, E> {
    type Error = E::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        let this = self.project();
        this.write.poll_ready(this.io, cx).map_err(E::Error::from)
    }

    fn start_send(self: Pin<&mut Self>, item: I) -> Result<(), E::Error> {
        let this = self.project();
        this.encoder.encode(item, &mut this.write.buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        let this = self.project();
        this.write.poll_flush(this.io, cx).map_err(E::Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        let this = self.project();
        this.write.poll_close(this.io, cx).map_err(E::Error::from)
    }
}

impl<T: fmt::Debug, E: fmt::Debug> fmt::Debug for FramedWrite<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedWrite").field("inner", &self.io).field("encoder", &self.encoder).field("write", &self.write).finish()
    }
}
