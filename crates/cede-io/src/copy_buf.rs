//! [`copy_buf`]: copying from a source that has a buffer, without another one.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_context::budget;

use crate::async_write::checked::{poll_write_checked, write_zero};
use crate::{AsyncBufRead, AsyncWrite};

/// Copies everything from `reader` to `writer`, flushes the latter, and returns how many bytes there were.
///
/// # Errors
///
/// `WriteZero` if the destination takes no more; otherwise whatever either side reports first. `Interrupted` is not reported but tried again.
///
/// # Cancel safety
///
/// Bytes are never lost: what was not written is still in `reader`. The number of bytes that were written before is lost.
///
/// # Examples
///
/// ```
/// use cede_io::BufReader;
///
/// # cede_io::doc_example(async {
/// let mut source = BufReader::new(&b"hello"[..]);
/// let mut out = Vec::new();
/// assert_eq!(cede_io::copy_buf(&mut source, &mut out).await?, 5);
/// assert_eq!(out, b"hello");
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub async fn copy_buf<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut progress = Progress { copied: 0, unflushed: false };
    poll_fn(|cx| progress.poll_copy_buf(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

struct Progress {
    copied: u64,
    unflushed: bool,
}

impl Progress {
    fn poll_copy_buf<R, W>(&mut self, cx: &mut Context<'_>, mut reader: Pin<&mut R>, mut writer: Pin<&mut W>) -> Poll<io::Result<u64>>
    where
        R: AsyncBufRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            let unit = ready!(budget::poll_proceed(cx));
            let available = match reader.as_mut().poll_fill_buf(cx) {
                Poll::Ready(Ok(available)) => available,
                Poll::Ready(Err(err)) if err.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(Err(err)) => return Poll::Ready(Err(err)),
                Poll::Pending => {
                    // The other side may be waiting for what was written before it sends more.
                    if self.unflushed {
                        ready!(writer.poll_flush(cx))?;
                        self.unflushed = false;
                        unit.spend();
                    }
                    return Poll::Pending;
                }
            };
            if available.is_empty() {
                ready!(writer.poll_flush(cx))?;
                unit.spend();
                return Poll::Ready(Ok(self.copied));
            }
            match ready!(poll_write_checked(writer.as_mut(), cx, available)) {
                Ok(0) => return Poll::Ready(Err(write_zero())),
                Ok(count) => {
                    self.copied += count as u64;
                    self.unflushed = true;
                    reader.as_mut().consume(count);
                    unit.spend();
                }
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Poll::Ready(Err(err)),
            }
        }
    }
}
