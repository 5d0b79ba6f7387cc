//! The future of [`AsyncWriteExt::write_all`](crate::AsyncWriteExt::write_all).

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::AsyncWrite;
use crate::async_write::checked::{poll_write_checked, write_zero};

pin_project! {
    /// Writes until a slice is written.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WriteAll<'a, W: ?Sized> {
        writer: &'a mut W,
        buf: &'a [u8],
        written: usize,
        // So that it can become an `async fn` of a trait without a change that users can see.
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, W: ?Sized> WriteAll<'a, W> {
    pub(super) fn new(writer: &'a mut W, buf: &'a [u8]) -> Self {
        WriteAll { writer, buf, written: 0, _pin: PhantomPinned }
    }
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteAll<'_, W> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        poll_drain(Pin::new(&mut **me.writer), cx, me.buf, me.written)
    }
}

/// Writes until `written`, the number of bytes written so far, is `buf`'s length.
pub(super) fn poll_drain<W: AsyncWrite + ?Sized>(
    mut writer: Pin<&mut W>,
    cx: &mut Context<'_>,
    buf: &[u8],
    written: &mut usize,
) -> Poll<io::Result<()>> {
    while *written < buf.len() {
        match ready!(poll_write_checked(writer.as_mut(), cx, &buf[*written..])) {
            Ok(0) => return Poll::Ready(Err(write_zero())),
            Ok(count) => *written += count,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Poll::Ready(Err(err)),
        }
    }
    Poll::Ready(Ok(()))
}
