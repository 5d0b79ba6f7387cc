//! [`AsyncWrite`]: the destination side of a byte stream, and its blanket implementations.

#[cfg(feature = "util")]
pub(crate) mod checked;

use std::io::{self, IoSlice, Write};
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Writes bytes to a destination.
///
/// This is what a destination implements. To write to one, use the methods of [`AsyncWriteExt`](crate::AsyncWriteExt).
///
/// # Examples
///
/// ```
/// use cede_io::AsyncWriteExt;
///
/// # cede_io::doc_example(async {
/// let mut out = Vec::new();
/// out.write_all(b"hello").await?;
/// out.shutdown().await?;
/// assert_eq!(out, b"hello");
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub trait AsyncWrite {
    /// Tries to write bytes of `buf` and returns how many.
    ///
    /// `Ready(Ok(0))` for a `buf` that is not empty means that the destination takes no more. On `Pending` and on an error nothing was
    /// written; after `Pending` the task is woken when it is worth trying again.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

    /// Tries to hand on everything that the destination holds in buffers of its own.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Tries to end the stream in good order: whoever reads the other side sees the end after all data. It implies a flush.
    ///
    /// After success, writing is an error or a panic, and the destination should be dropped.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Like [`poll_write`](Self::poll_write), from many slices. The default writes the first that is not empty.
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    /// Whether [`poll_write_vectored`](Self::poll_write_vectored) does better than one slice at a time.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

macro_rules! forward_to_pinned {
    (|$this:ident| $target:expr) => {
        #[inline]
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            #[allow(unused_mut, reason = "only some of the targets need it")]
            let mut $this = self;
            $target.poll_write(cx, buf)
        }

        #[inline]
        fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            #[allow(unused_mut, reason = "only some of the targets need it")]
            let mut $this = self;
            $target.poll_write_vectored(cx, bufs)
        }

        #[inline]
        fn is_write_vectored(&self) -> bool {
            (**self).is_write_vectored()
        }

        #[inline]
        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            #[allow(unused_mut, reason = "only some of the targets need it")]
            let mut $this = self;
            $target.poll_flush(cx)
        }

        #[inline]
        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            #[allow(unused_mut, reason = "only some of the targets need it")]
            let mut $this = self;
            $target.poll_shutdown(cx)
        }
    };
}

impl<T: ?Sized + AsyncWrite + Unpin> AsyncWrite for Box<T> {
    forward_to_pinned!(|this| Pin::new(&mut **this));
}

impl<T: ?Sized + AsyncWrite + Unpin> AsyncWrite for &mut T {
    forward_to_pinned!(|this| Pin::new(&mut **this));
}

impl<P> AsyncWrite for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncWrite,
{
    forward_to_pinned!(|this| this.as_deref_mut());
}

/// Memory: what `std::io::Write` does for it completes at once.
macro_rules! write_as_std_does {
    ($($memory:ty),*) => {$(
        impl AsyncWrite for $memory {
            #[inline]
            fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                Poll::Ready(self.get_mut().write(buf))
            }

            #[inline]
            fn poll_write_vectored(self: Pin<&mut Self>, _cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                Poll::Ready(self.get_mut().write_vectored(bufs))
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                true
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            #[inline]
            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    )*};
}

write_as_std_does!(Vec<u8>, io::Cursor<&mut [u8]>, io::Cursor<&mut Vec<u8>>, io::Cursor<Vec<u8>>, io::Cursor<Box<[u8]>>);
