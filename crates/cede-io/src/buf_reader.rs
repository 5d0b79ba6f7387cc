//! [`BufReader`]: a buffer before a source, so that many small reads become few large ones.
//!
//! Seeking has to give up the buffer, and a relative move has to subtract what the buffer holds, since the source is ahead of the reader by that
//! much. If the subtraction overflows it takes two moves. The field `seek` says which of them is in progress ([`Seeking`]).
//!
//! Invariant I1: `start <= end <= buf.len()`; `buf[start..end]` was read and not consumed.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::read_buf::lend::poll_read_slice;
use crate::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

pin_project! {
    /// Adds a buffer to a source.
    ///
    /// It helps when there are many small reads of the same source. It does not help when reads are large, or the source is memory. A read that
    /// is as large as the buffer goes by it. What is in the buffer is lost when the `BufReader` is dropped or unwrapped.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede_io::{AsyncBufReadExt, BufReader};
    ///
    /// # cede_io::doc_example(async {
    /// let mut source = BufReader::new(&b"one\ntwo\n"[..]);
    /// let mut line = String::new();
    /// source.read_line(&mut line).await?;
    /// assert_eq!(line, "one\n");
    /// assert_eq!(source.buffer(), b"two\n");
    /// # cede_io::Result::Ok(())
    /// # });
    /// ```
    pub struct BufReader<R> {
        #[pin]
        pub(crate) inner: R,
        pub(crate) buf: Box<[u8]>,
        pub(crate) start: usize,
        pub(crate) end: usize,
        pub(crate) seek: Seeking,
    }
}

/// The buffer size of everything that buffers, unless told otherwise; it is std's.
pub(crate) const DEFAULT_BUF_SIZE: usize = 8 * 1024;

/// How far a seek has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seeking {
    /// There is none.
    No,
    /// It was asked for; the source does not know.
    Asked(SeekFrom),
    /// The source moves back to where the reader is; then it has to move on by this much.
    MovingBack(i64),
    /// The source moves to the final position.
    Moving,
}

impl<R: AsyncRead> BufReader<R> {
    /// Adds a buffer of 8 KiB.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(DEFAULT_BUF_SIZE, inner)
    }

    /// Adds a buffer of `capacity` bytes.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0: each read would seem to be the end of the stream.
    #[track_caller]
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        assert!(capacity > 0, "the capacity must be greater than zero");
        BufReader { inner, buf: vec![0; capacity].into_boxed_slice(), start: 0, end: 0, seek: Seeking::No }
    }

    /// The source.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The source. Reading from it directly goes by the buffer.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The source. Reading from it directly goes by the buffer.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The source. What is in the buffer is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// What is in the buffer. It reads nothing if that is empty; [`fill_buf`](crate::AsyncBufReadExt::fill_buf) does.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    fn discard(self: Pin<&mut Self>) {
        let me = self.project();
        *me.start = 0;
        *me.end = 0;
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.start == self.end && buf.remaining() >= self.buf.len() {
            return self.get_pin_mut().poll_read(cx, buf);
        }
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = available.len().min(buf.remaining());
        buf.put_slice(&available[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.start == *me.end {
            let count = ready!(poll_read_slice(me.inner, cx, me.buf))?;
            *me.start = 0;
            *me.end = count;
        }
        Poll::Ready(Ok(&me.buf[*me.start..*me.end]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        *me.start = me.start.saturating_add(amt).min(*me.end);
    }
}

impl<R: AsyncRead + AsyncSeek> AsyncSeek for BufReader<R> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = Seeking::Asked(position);
        Ok(())
    }

    /// Completes the move. The buffer is given up even if the move would stay within it; without a move that was started it is kept, and
    /// the result is the position of the *source*, which is ahead of the reader's by the length of the buffer.
    ///
    /// A move relative to the current position by an amount that is near the limits of `i64` may take two moves of the source. If the
    /// second fails, the source is where the reader was.
    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        loop {
            let buffered = (self.end - self.start) as i64;
            let me = self.as_mut().project();
            let mut source = me.inner;
            // An error ends the seek; `Pending` puts the state back.
            match std::mem::replace(me.seek, Seeking::No) {
                Seeking::No => return source.poll_complete(cx),
                Seeking::Asked(SeekFrom::Current(offset)) => match offset.checked_sub(buffered) {
                    Some(offset) => {
                        source.as_mut().start_seek(SeekFrom::Current(offset))?;
                        *me.seek = Seeking::Moving;
                    }
                    None => {
                        source.as_mut().start_seek(SeekFrom::Current(-buffered))?;
                        *me.seek = Seeking::MovingBack(offset);
                    }
                },
                Seeking::Asked(position) => {
                    source.as_mut().start_seek(position)?;
                    *me.seek = Seeking::Moving;
                }
                Seeking::MovingBack(offset) => {
                    if source.as_mut().poll_complete(cx)?.is_pending() {
                        *me.seek = Seeking::MovingBack(offset);
                        return Poll::Pending;
                    }
                    // The source is where the reader is, so the buffer's bytes come again.
                    *me.start = 0;
                    *me.end = 0;
                    source.as_mut().start_seek(SeekFrom::Current(offset))?;
                    *me.seek = Seeking::Moving;
                }
                Seeking::Moving => {
                    let Poll::Ready(position) = source.as_mut().poll_complete(cx)? else {
                        *me.seek = Seeking::Moving;
                        return Poll::Pending;
                    };
                    self.discard();
                    return Poll::Ready(Ok(position));
                }
            }
        }
    }
}

impl<R: AsyncRead + AsyncWrite> AsyncWrite for BufReader<R> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write(cx, buf)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.get_pin_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_shutdown(cx)
    }
}

impl<R: fmt::Debug> fmt::Debug for BufReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("reader", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.end - self.start, self.buf.len()))
            .finish()
    }
}
