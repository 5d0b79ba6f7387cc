//! [`Split`]: the segments of a stream between delimiters.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::read_until::poll_read_until;
use crate::AsyncBufRead;

pin_project! {
    /// The segments of a stream; made by [`AsyncBufReadExt::split`](crate::AsyncBufReadExt::split).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede_io::AsyncBufReadExt;
    ///
    /// # cede_io::doc_example(async {
    /// let mut words = AsyncBufReadExt::split(&b"one two"[..], b' ');
    /// assert_eq!(words.next_segment().await?.as_deref(), Some(&b"one"[..]));
    /// assert_eq!(words.next_segment().await?.as_deref(), Some(&b"two"[..]));
    /// assert_eq!(words.next_segment().await?, None);
    /// # cede_io::Result::Ok(())
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Split<R> {
        #[pin]
        reader: R,
        // The beginning of a segment whose end was not read yet.
        buf: Vec<u8>,
        delimiter: u8,
    }
}

impl<R> Split<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Split { reader, buf: Vec::new(), delimiter }
    }
}

impl<R: AsyncBufRead + Unpin> Split<R> {
    /// Returns the next segment without its delimiter, or `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// Whatever the source reports; the next call goes on in the same segment.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a segment that was read in part is kept for the next call.
    pub async fn next_segment(&mut self) -> io::Result<Option<Vec<u8>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_segment(cx)).await
    }
}

impl<R: AsyncBufRead> Split<R> {
    /// Polls for the next segment; see [`next_segment`](Self::next_segment).
    pub fn poll_next_segment(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let me = self.project();
        ready!(poll_read_until(me.reader, cx, *me.delimiter, me.buf, &mut 0))?;
        if me.buf.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut segment = mem::take(me.buf);
        segment.pop_if(|byte| byte == me.delimiter);
        Poll::Ready(Ok(Some(segment)))
    }
}
