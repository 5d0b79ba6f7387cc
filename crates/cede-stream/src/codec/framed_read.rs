//! Messages from a reader.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use cede_io::AsyncRead;
use futures_core::Stream;
use pin_project_lite::pin_project;

use super::Decoder;
use super::read_half::ReadHalf;

pin_project! {
    /// The messages that a decoder finds in what a reader gives, as a stream. See the [module](super).
    ///
    /// ```
    /// use cede_stream::codec::{FramedRead, LinesCodec};
    /// use futures_util::{FutureExt, StreamExt};
    ///
    /// let lines = FramedRead::new(&b"one\ntwo"[..], LinesCodec::new());
    /// let lines: Vec<_> = lines.map(Result::unwrap).collect().now_or_never().unwrap();
    /// assert_eq!(lines, ["one", "two"]);
    /// ```
    pub struct FramedRead<T, D> {
        #[pin]
        io: T,
        decoder: D,
        read: ReadHalf,
    }
}

impl<T, D> FramedRead<T, D> {
    /// Reads from `inner`.
    pub fn new(inner: T, decoder: D) -> Self {
        Self { io: inner, decoder, read: ReadHalf::new() }
    }

    /// Like [`FramedRead::new`], with room for `capacity` bytes at first.
    pub fn with_capacity(inner: T, decoder: D, capacity: usize) -> Self {
        Self { io: inner, decoder, read: ReadHalf::with_capacity(capacity) }
    }

    /// The reader.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// The reader. What is read from it directly is missing from the messages.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Like `get_mut`, for what must stay where it is.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().io
    }

    /// The reader. What is in the buffer is lost.
    pub fn into_inner(self) -> T {
        self.io
    }

    /// The decoder.
    pub fn decoder(&self) -> &D {
        &self.decoder
    }

    /// The decoder.
    pub fn decoder_mut(&mut self) -> &mut D {
        &mut self.decoder
    }

    /// Goes on with another decoder, made of this one. What is in the buffers stays.
    pub fn map_decoder<C, F>(self, map: F) -> FramedRead<T, C>
    where
        F: FnOnce(D) -> C,
    {
        FramedRead { io: self.io, decoder: map(self.decoder), read: self.read }
    }

    /// What was read and is no message yet.
    pub fn read_buffer(&self) -> &BytesMut {
        &self.read.buffer
    }

    /// What was read and is no message yet.
    pub fn read_buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.read.buffer
    }
}

impl<T: AsyncRead, D: Decoder> Stream for FramedRead<T, D> {
    type Item = Result<D::Item, D::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.read.poll_next(this.io, this.decoder, cx)
    }
}

impl<T: fmt::Debug, D: fmt::Debug> fmt::Debug for FramedRead<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramedRead").field("inner", &self.io).field("decoder", &self.decoder).field("read", &self.read).finish()
    }
}
