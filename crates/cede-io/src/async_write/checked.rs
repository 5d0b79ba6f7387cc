//! Writing to a writer that is not believed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::AsyncWrite;

/// Writes once, and does not believe a writer that claims more bytes than it was given.
///
/// # Panics
///
/// If the writer does that.
#[inline]
pub(crate) fn poll_write_checked<W: AsyncWrite + ?Sized>(writer: Pin<&mut W>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
    let poll = writer.poll_write(cx, buf);
    if let Poll::Ready(Ok(count)) = poll {
        assert!(count <= buf.len(), "the writer claims {count} bytes, but it was given {}", buf.len());
    }
    poll
}

/// The destination took nothing although it was given something.
#[cold]
pub(crate) fn write_zero() -> io::Error {
    io::Error::new(io::ErrorKind::WriteZero, "the destination takes no more bytes")
}
