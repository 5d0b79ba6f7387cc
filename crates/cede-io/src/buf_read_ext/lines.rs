//! [`Lines`]: the lines of a stream.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::read_until::poll_read_until;
use crate::AsyncBufRead;

pin_project! {
    /// The lines of a stream; made by [`AsyncBufReadExt::lines`](crate::AsyncBufReadExt::lines).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede_io::AsyncBufReadExt;
    ///
    /// # cede_io::doc_example(async {
    /// let mut lines = (&b"one\r\ntwo"[..]).lines();
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
    /// assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
    /// assert_eq!(lines.next_line().await?, None);
    /// # cede_io::Result::Ok(())
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Lines<R> {
        #[pin]
        reader: R,
        // The beginning of a line whose end was not read yet.
        buf: Vec<u8>,
    }
}

impl<R> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Lines { reader, buf: Vec::new() }
    }
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Returns the next line without its end, or `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// `InvalidData` if the line is not UTF-8; it is skipped then. Otherwise whatever the source reports; the next call goes on in the same line.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a line that was read in part is kept for the next call.
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next_line(cx)).await
    }

    /// The source. Reading from it may lose a part of a line.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The source.
    pub fn get_ref(&mut self) -> &R {
        &self.reader
    }

    /// The source; the part of a line that was read already is lost.
    pub fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// Polls for the next line; see [`next_line`](Self::next_line).
    pub fn poll_next_line(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Option<String>>> {
        let me = self.project();
        // The line in `buf` says how far it came; the count is not needed.
        ready!(poll_read_until(me.reader, cx, b'\n', me.buf, &mut 0))?;
        if me.buf.is_empty() {
            return Poll::Ready(Ok(None));
        }
        let mut line = mem::take(me.buf);
        if line.pop_if(|byte| *byte == b'\n').is_some() {
            line.pop_if(|byte| *byte == b'\r');
        }
        let line = String::from_utf8(line).map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err))?;
        Poll::Ready(Ok(Some(line)))
    }
}
