//! [`copy`], and the buffer and loop that [`copy_bidirectional`](crate::copy_bidirectional) shares with it.
//!
//! One round reads if there is room at the end of the buffer, and writes if there is something in it; so a slow destination does not stop the
//! reading before the buffer is full, and a slow source does not hold back what is there. When the source has nothing for now, the destination is
//! flushed: the other side may be waiting for these bytes before it sends more. An error of the source is delivered after the bytes that
//! came before it.
//!
//! Each round takes one unit of the budget, so that copying from memory to memory cedes too.
//!
//! Invariant I1: `start <= end <= buf.len()`; `buf[start..end]` was read and not written. When nothing is left, both are 0.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_context::budget;

use crate::async_write::checked::{poll_write_checked, write_zero};
use crate::buf_reader::DEFAULT_BUF_SIZE;
use crate::read_buf::lend::poll_read_slice;
use crate::{AsyncRead, AsyncWrite};

/// Copies everything from `reader` to `writer`, flushes the latter, and returns how many bytes there were.
///
/// It uses a buffer of 8 KiB; for a source that has one already, see [`copy_buf`](crate::copy_buf).
///
/// # Errors
///
/// `WriteZero` if the destination takes no more; otherwise whatever either side reports first. `Interrupted` is not reported but tried again.
///
/// # Cancel safety
///
/// Not cancel safe: bytes that were read and not written are lost.
///
/// # Examples
///
/// ```
/// # cede_io::doc_example(async {
/// let mut source = &b"hello"[..];
/// let mut out = Vec::new();
/// assert_eq!(cede_io::copy(&mut source, &mut out).await?, 5);
/// assert_eq!(out, b"hello");
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub async fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut buffer = CopyBuffer::new(DEFAULT_BUF_SIZE);
    poll_fn(|cx| buffer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

/// What is on its way from a source to a destination.
#[derive(Debug)]
pub(crate) struct CopyBuffer {
    buf: Box<[u8]>,
    start: usize,
    end: usize,
    source: Source,
    unflushed: bool,
    copied: u64,
}

#[derive(Debug)]
enum Source {
    Open,
    Ended,
    Failed(io::Error),
}

impl CopyBuffer {
    pub(crate) fn new(size: usize) -> Self {
        CopyBuffer { buf: vec![0; size].into_boxed_slice(), start: 0, end: 0, source: Source::Open, unflushed: false, copied: 0 }
    }

    /// Copies until the source is at its end and the destination flushed. Returns the number of bytes in all.
    pub(crate) fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            let unit = ready!(budget::poll_proceed(cx));
            self.read_if_room(cx, reader.as_mut());
            if self.start < self.end {
                ready!(self.poll_write_some(cx, writer.as_mut()))?;
                unit.spend();
                continue;
            }
            match std::mem::replace(&mut self.source, Source::Open) {
                Source::Open => {
                    // Nothing was read although the buffer is empty: the source is pending.
                    if self.unflushed {
                        ready!(writer.poll_flush(cx))?;
                        self.unflushed = false;
                        unit.spend();
                    }
                    return Poll::Pending;
                }
                Source::Ended => {
                    self.source = Source::Ended;
                    ready!(writer.poll_flush(cx))?;
                    unit.spend();
                    return Poll::Ready(Ok(self.copied));
                }
                Source::Failed(err) => {
                    unit.spend();
                    return Poll::Ready(Err(err));
                }
            }
        }
    }

    /// Reads once, unless the buffer is full to its end or the source has ended. If the source is pending, it changes nothing.
    fn read_if_room<R: AsyncRead + ?Sized>(&mut self, cx: &mut Context<'_>, mut reader: Pin<&mut R>) {
        if self.end == self.buf.len() || !matches!(self.source, Source::Open) {
            return;
        }
        loop {
            match poll_read_slice(reader.as_mut(), cx, &mut self.buf[self.end..]) {
                Poll::Pending => return,
                Poll::Ready(Ok(0)) => self.source = Source::Ended,
                Poll::Ready(Ok(count)) => self.end += count,
                Poll::Ready(Err(err)) if err.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(Err(err)) => self.source = Source::Failed(err),
            }
            return;
        }
    }

    /// Writes once what there is.
    fn poll_write_some<W: AsyncWrite + ?Sized>(&mut self, cx: &mut Context<'_>, mut writer: Pin<&mut W>) -> Poll<io::Result<()>> {
        let count = loop {
            match ready!(poll_write_checked(writer.as_mut(), cx, &self.buf[self.start..self.end])) {
                Ok(0) => return Poll::Ready(Err(write_zero())),
                Ok(count) => break count,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Poll::Ready(Err(err)),
            }
        };
        self.start += count;
        self.copied += count as u64;
        self.unflushed = true;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        Poll::Ready(Ok(()))
    }
}
