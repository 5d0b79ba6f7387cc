//! [`AsyncRead`]: the source side of a byte stream, and its blanket implementations.

use std::io;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::ReadBuf;

/// Reads bytes from a source.
///
/// This is what a source implements. To read from one, use the methods of [`AsyncReadExt`](crate::AsyncReadExt).
///
/// # Examples
///
/// A source that gives zeros:
///
/// ```
/// use cede_io::{AsyncRead, AsyncReadExt, ReadBuf};
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// struct Zeros;
///
/// impl AsyncRead for Zeros {
///     fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<cede_io::Result<()>> {
///         let n = buf.remaining();
///         buf.initialize_unfilled().fill(0);
///         buf.advance(n);
///         Poll::Ready(Ok(()))
///     }
/// }
///
/// # cede_io::doc_example(async {
/// let mut four = [1; 4];
/// Zeros.read_exact(&mut four).await?;
/// assert_eq!(four, [0; 4]);
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub trait AsyncRead {
    /// Tries to append bytes to `buf`.
    ///
    /// * `Ready(Ok(()))`: data was appended. If nothing was appended although there was room, the end of the stream has been reached.
    /// * `Ready(Err(_))`: nothing was appended.
    /// * `Pending`: nothing was appended; the task is woken when it is worth trying again.
    ///
    /// With a `buf` that has no room, success says nothing about the end of the stream.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>>;
}

impl<T: ?Sized + AsyncRead + Unpin> AsyncRead for Box<T> {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self).poll_read(cx, buf)
    }
}

impl<T: ?Sized + AsyncRead + Unpin> AsyncRead for &mut T {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self).poll_read(cx, buf)
    }
}

impl<P> AsyncRead for Pin<P>
where
    P: DerefMut,
    P::Target: AsyncRead,
{
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.as_deref_mut().poll_read(cx, buf)
    }
}

impl AsyncRead for &[u8] {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, later) = self.split_at(self.len().min(buf.remaining()));
        buf.put_slice(now);
        *self = later;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsRef<[u8]> + Unpin> AsyncRead for io::Cursor<T> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let cursor = self.get_mut();
        let all = cursor.get_ref().as_ref();
        // A position past the end is allowed, and reads nothing.
        let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX).min(all.len());
        let now = &all[start..][..buf.remaining().min(all.len() - start)];
        let count = now.len() as u64;
        buf.put_slice(now);
        cursor.set_position(cursor.position() + count);
        Poll::Ready(Ok(()))
    }
}
