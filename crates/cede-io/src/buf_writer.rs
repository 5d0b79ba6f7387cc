//! [`BufWriter`]: a buffer before a destination, so that many small writes become few large ones.
//!
//! Invariant I1: `written <= buf.len()`; `buf[..written]` was written, `buf[written..]` is still to be. `written` is above zero only while a flush of the
//! buffer is in progress, so that a flush that stops at `Pending` goes on where it was.
//! Invariant I2: the buffer never grows beyond the capacity that it was made with.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::async_write::checked::{poll_write_checked, write_zero};
use crate::buf_reader::DEFAULT_BUF_SIZE;
use crate::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

pin_project! {
    /// Adds a buffer to a destination.
    ///
    /// It helps when there are many small writes. Dropping it does *not* write what the buffer holds, because that could have to wait: call
    /// [`flush`](crate::AsyncWriteExt::flush) or [`shutdown`](crate::AsyncWriteExt::shutdown).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede_io::{AsyncWriteExt, BufWriter};
    ///
    /// # cede_io::doc_example(async {
    /// let mut out = BufWriter::new(Vec::new());
    /// out.write_u8(b'a').await?;
    /// assert_eq!(out.get_ref(), b"");
    /// out.flush().await?;
    /// assert_eq!(out.get_ref(), b"a");
    /// # cede_io::Result::Ok(())
    /// # });
    /// ```
    pub struct BufWriter<W> {
        #[pin]
        pub(crate) inner: W,
        pub(crate) buf: Vec<u8>,
        pub(crate) written: usize,
        pub(crate) seek: Seeking,
    }
}

/// How far a seek has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seeking {
    /// There is none.
    No,
    /// It was asked for; the buffer is to be flushed first.
    Asked(SeekFrom),
    /// The destination moves.
    Moving,
}

impl<W: AsyncWrite> BufWriter<W> {
    /// Adds a buffer of 8 KiB.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(DEFAULT_BUF_SIZE, inner)
    }

    /// Adds a buffer of `cap` bytes. With 0, every write goes to the destination directly.
    pub fn with_capacity(cap: usize, inner: W) -> Self {
        BufWriter { inner, buf: Vec::with_capacity(cap), written: 0, seek: Seeking::No }
    }

    /// The destination.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The destination. Writing to it directly goes by the buffer.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The destination. Writing to it directly goes by the buffer.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().inner
    }

    /// The destination. What is in the buffer is lost.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// What is in the buffer and not written yet.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.written..]
    }

    fn spare(&self) -> usize {
        self.buf.capacity() - self.buf.len()
    }

    /// Writes the buffer out. After an error, what was not written is still there.
    fn poll_flush_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut me = self.project();
        let end = loop {
            if *me.written == me.buf.len() {
                break Ok(());
            }
            match ready!(poll_write_checked(me.inner.as_mut(), cx, &me.buf[*me.written..])) {
                Ok(0) => break Err(write_zero()),
                Ok(count) => *me.written += count,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => break Err(err),
            }
        };
        me.buf.drain(..std::mem::take(me.written));
        Poll::Ready(end)
    }

    /// Makes room for `len` bytes, if the buffer can have it.
    fn poll_make_room(self: Pin<&mut Self>, cx: &mut Context<'_>, len: usize) -> Poll<io::Result<()>> {
        if len > self.spare() { self.poll_flush_buf(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.as_mut().poll_make_room(cx, buf.len()))?;
        let me = self.project();
        if buf.len() >= me.buf.capacity() {
            return me.inner.poll_write(cx, buf);
        }
        me.buf.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let direct_vectored = self.inner.is_write_vectored();
        let total = bufs.iter().fold(0_usize, |total, buf| total.saturating_add(buf.len()));
        if direct_vectored && total >= self.buf.capacity() {
            ready!(self.as_mut().poll_make_room(cx, total))?;
            return self.project().inner.poll_write_vectored(cx, bufs);
        }
        // Otherwise the first slice decides whether there is a flush or a direct write; more slices come along if they fit.
        let mut bufs = bufs.iter().filter(|buf| !buf.is_empty());
        let Some(first) = bufs.next() else { return Poll::Ready(Ok(0)) };
        let together = if direct_vectored { total } else { first.len() };
        ready!(self.as_mut().poll_make_room(cx, together))?;
        if first.len() >= self.buf.capacity() {
            return self.project().inner.poll_write(cx, first);
        }
        let me = self.project();
        me.buf.extend_from_slice(first);
        let mut count = first.len();
        for buf in bufs {
            if buf.len() > me.buf.capacity() - me.buf.len() {
                break;
            }
            me.buf.extend_from_slice(buf);
            count += buf.len();
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_buf(cx))?;
        self.get_pin_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush_buf(cx))?;
        self.get_pin_mut().poll_shutdown(cx)
    }
}

impl<W: AsyncWrite + AsyncSeek> AsyncSeek for BufWriter<W> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        *self.project().seek = Seeking::Asked(position);
        Ok(())
    }

    /// Completes the move; the buffer is written out first.
    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let Seeking::Asked(position) = self.seek {
            ready!(self.as_mut().poll_flush_buf(cx))?;
            let me = self.as_mut().project();
            let mut destination = me.inner;
            // An operation that is still in progress could refuse the move.
            ready!(destination.as_mut().poll_complete(cx))?;
            *me.seek = Seeking::No;
            destination.start_seek(position)?;
            *me.seek = Seeking::Moving;
        }
        let me = self.project();
        let position = ready!(me.inner.poll_complete(cx));
        *me.seek = Seeking::No;
        Poll::Ready(position)
    }
}

impl<W: AsyncWrite + AsyncRead> AsyncRead for BufWriter<W> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_pin_mut().poll_read(cx, buf)
    }
}

impl<W: AsyncWrite + AsyncBufRead> AsyncBufRead for BufWriter<W> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_pin_mut().poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        self.get_pin_mut().consume(amt);
    }
}

impl<W: fmt::Debug> fmt::Debug for BufWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("writer", &self.inner)
            .field("buffer", &format_args!("{}/{}", self.buf.len(), self.buf.capacity()))
            .field("written", &self.written)
            .finish()
    }
}
