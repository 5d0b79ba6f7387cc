//! The future of [`AsyncReadExt::read_exact`](crate::AsyncReadExt::read_exact), and the loop that the number futures share with it.

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::AsyncRead;
use crate::read_buf::lend::poll_read_slice;

pin_project! {
    /// Reads until a slice is full.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadExact<'a, R: ?Sized> {
        reader: &'a mut R,
        buf: &'a mut [u8],
        read: usize,
        // So that it can become an `async fn` of a trait without a change that users can see.
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadExact<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut [u8]) -> Self {
        ReadExact { reader, buf, read: 0, _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadExact<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        ready!(poll_fill(Pin::new(&mut **me.reader), cx, me.buf, me.read))?;
        Poll::Ready(Ok(me.buf.len()))
    }
}

/// Reads until `read`, the number of bytes read so far, is `buf`'s length.
pub(super) fn poll_fill<R: AsyncRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut [u8],
    read: &mut usize,
) -> Poll<io::Result<()>> {
    while *read < buf.len() {
        match ready!(poll_read_slice(reader.as_mut(), cx, &mut buf[*read..])) {
            Ok(0) => return Poll::Ready(Err(unexpected_eof())),
            Ok(count) => *read += count,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Poll::Ready(Err(err)),
        }
    }
    Poll::Ready(Ok(()))
}

#[cold]
fn unexpected_eof() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "early eof")
}
