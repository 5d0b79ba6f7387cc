//! [`Repeat`]: the source that never ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;

use crate::spend::poll_spend;
use crate::{AsyncRead, ReadBuf};

/// A source that gives one byte for ever; made by [`repeat`].
///
/// # Examples
///
/// ```
/// use cede_io::AsyncReadExt;
///
/// # cede_io::doc_example(async {
/// let mut three = [0; 3];
/// cede_io::repeat(7).read_exact(&mut three).await?;
/// assert_eq!(three, [7, 7, 7]);
/// # cede_io::Result::Ok(())
/// # });
/// ```
#[derive(Debug)]
pub struct Repeat {
    byte: u8,
}

/// Makes a source that gives `byte` for ever.
pub fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

impl AsyncRead for Repeat {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(poll_spend(cx));
        buf.put_bytes(self.byte, buf.remaining());
        Poll::Ready(Ok(()))
    }
}
