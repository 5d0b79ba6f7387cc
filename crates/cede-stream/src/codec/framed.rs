//! Messages from and to one object.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use cede_io::{AsyncRead, AsyncWrite};
use futures_core::Stream;
use futures_sink::Sink;
use pin_project_lite::pin_project;

use super::read_half::ReadHalf;
use super::write_half::WriteHalf;
use super::{Decoder, Encoder};

pin_project! {
    /// A stream and a sink of messages over an object that reads and writes. See the [module](super).
    ///
    /// ```
    /// use cede_stream::codec::{Decoder, LinesCodec};
    ///
    /// let (client, _server) = cede_io::duplex(64);
    /// let framed = LinesCodec::new().framed(client);
    /// assert!(framed.read_buffer().is_empty());
    /// ```
    pub struct Framed<T, U> {
        #[pin]
        io: T,
        codec: U,
        read: ReadHalf,
        write: WriteHalf,
    }
}

/// The parts of a [`Framed`], with what is in its buffers.
#[derive(Debug)]
#[non_exhaustive]
pub struct FramedParts<T, U> {
    /// What is read and written.
    pub io: T,
    /// The codec.
    pub codec: U,
    /// What was read and is no message yet.
    pub read_buf: BytesMut,
    /// What is still to be written.
    pub write_buf: BytesMut,
}

impl<T, U> FramedParts<T, U> {
    /// Parts with empty buffers.
    pub fn new(io: T, codec: U) -> Self {
        Self { io, codec, read_buf: BytesMut::new(), write_buf: BytesMut::new() }
    }
}

impl<T, U> Framed<T, U> {
    /// Reads from and writes to `inner`.
    pub fn new(inner: T, codec: U) -> Self {
        Self { io: inner, codec, read: ReadHalf::new(), write: WriteHalf::new() }
    }

    /// Like [`Framed::new`], with room for `capacity` bytes to be read at first.
    pub fn with_capacity(inner: T, codec: U, capacity: usize) -> Self {
        Self { io: inner, codec, read: ReadHalf::with_capacity(capacity), write: WriteHalf::new() }
    }

    /// Goes on with what is in the buffers of the parts.
    pub fn from_parts(parts: FramedParts<T, U>) -> Self {
        Self {
            io: parts.io,
            codec: parts.codec,
            read: ReadHalf::with_buffer(parts.read_buf),
            write: WriteHalf::with_buffer(parts.write_buf),
        }
    }

    /// The parts, for another codec or for reading on without one.
    pub fn into_parts(self) -> FramedParts<T, U> {
        FramedParts { io: self.io, codec: self.codec, read_buf: self.read.buffer, write_buf: self.write.buffer }
    }

    /// What is read and written.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// What is read and written. What is read directly is missing from the messages, and what is written directly may come into one.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Like `get_mut`, for what must stay where it is.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().io
    }

    /// What is read and written. What is in the buffers is lost.
    pub fn into_inner(self) -> T {
        self.io
    }

    /// The codec.
    pub fn codec(&self) -> &U {
        &self.codec
    }

    /// The codec.
    pub fn codec_mut(&mut self) -> &mut U {
        &mut self.codec
    }

    /// Goes on with another codec, made of this one. What is in the buffers stays.
    pub fn map_codec<C, F>(self, map: F) -> Framed<T, C>
    where
        F: FnOnce(U) -> C,
    {
        Framed { io: self.io, codec: map(self.codec), read: self.read, write: self.write }
    }

    /// What was read and is no message yet.
    pub fn read_buffer(&self) -> &BytesMut {
        &self.read.buffer
    }

    /// What was read and is no message yet.
    pub fn read_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.read.buffer
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

impl<T: AsyncRead, U: Decoder> Stream for Framed<T, U> {
    type Item = Result<U::Item, U::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.read.poll_next(this.io, this.codec, cx)
    }
}

impl<T: AsyncWrite, I, U: Encoder<I>> Sink<I> for Framed<T, U> {
    type Error = U::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), U::Error>> {
        let this = self.project();
        this.write.poll_ready(this.io, cx).map_err(U::Error::from)
    }

    fn start_send(self: Pin<&mut Self>, item: I) -> Result<(), U::Error> {
        let this = self.project();
        this.codec.encode(item, &mut this.write.buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), U::Error>> {
        let this = self.project();
        this.write.poll_flush(this.io, cx).map_err(U::Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), U::Error>> {
        let this = self.project();
        this.write.poll_close(this.io, cx).map_err(U::Error::from)
    }
}

impl<T: fmt::Debug, U: fmt::Debug> fmt::Debug for Framed<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Framed");
        out.field("io", &self.io).field("codec", &self.codec).field("read", &self.read).field("write", &self.write).finish()
    }
}
