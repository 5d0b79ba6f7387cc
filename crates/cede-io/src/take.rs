//! [`Take`]: a source that ends early.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::{AsyncBufRead, AsyncRead, ReadBuf};

pin_project! {
    /// A source that ends after a number of bytes; made by [`AsyncReadExt::take`](crate::AsyncReadExt::take).
    ///
    /// # Examples
    ///
    /// ```
    /// use cede_io::AsyncReadExt;
    ///
    /// # cede_io::doc_example(async {
    /// let mut start = (&b"0123456789"[..]).take(3);
    /// let mut all = String::new();
    /// start.read_to_string(&mut all).await?;
    /// assert_eq!(all, "012");
    /// assert_eq!(start.limit(), 0);
    /// # cede_io::Result::Ok(())
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless you `.await` or poll them"]
    pub struct Take<R> {
        #[pin]
        inner: R,
        limit: u64,
    }
}

impl<R: AsyncRead> Take<R> {
    pub(crate) fn new(inner: R, limit: u64) -> Self {
        Take { inner, limit }
    }

    /// How many bytes it will still give at most. The source may end earlier.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Sets how many bytes it will give from now on, whatever it gave before.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// The source.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The source. What is read from it directly does not count.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The source. What is read from it directly does not count.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().inner
    }

    /// The source.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.project();
        if *me.limit == 0 {
            return Poll::Ready(Ok(()));
        }
        let limit = usize::try_from(*me.limit).unwrap_or(usize::MAX);
        let (poll, count) = buf.fill_part(limit, |part| me.inner.poll_read(cx, part));
        *me.limit -= count as u64;
        poll
    }
}

impl<R: AsyncBufRead> AsyncBufRead for Take<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let me = self.project();
        if *me.limit == 0 {
            return Poll::Ready(Ok(&[]));
        }
        let available = ready!(me.inner.poll_fill_buf(cx))?;
        let limit = usize::try_from(*me.limit).unwrap_or(usize::MAX);
        Poll::Ready(Ok(&available[..available.len().min(limit)]))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let me = self.project();
        let amt = amt.min(usize::try_from(*me.limit).unwrap_or(usize::MAX));
        *me.limit -= amt as u64;
        me.inner.consume(amt);
    }
}
