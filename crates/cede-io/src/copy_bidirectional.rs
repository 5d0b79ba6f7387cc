//! [`copy_bidirectional`]: a proxy between two streams.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::buf_reader::DEFAULT_BUF_SIZE;
use crate::copy::CopyBuffer;
use crate::{AsyncRead, AsyncWrite};

/// Copies in both directions between `a` and `b` until both have ended, and returns how many bytes went from `a` to `b` and from `b` to `a`.
///
/// When one side ends, the other is shut down in that direction, and the opposite direction goes on. Each direction has a buffer of 8 KiB.
///
/// # Errors
///
/// Whatever either side reports first; both directions stop then.
///
/// # Cancel safety
///
/// Not cancel safe: bytes that were read and not written are lost.
///
/// # Examples
///
/// ```
/// use cede_io::{AsyncReadExt, AsyncWriteExt};
///
/// # cede_io::doc_example(async {
/// let (mut client, mut a) = cede_io::duplex(64);
/// let (mut b, mut server) = cede_io::duplex(64);
/// client.write_all(b"request").await?;
/// client.shutdown().await?;
/// server.write_all(b"answer").await?;
/// server.shutdown().await?;
/// assert_eq!(cede_io::copy_bidirectional(&mut a, &mut b).await?, (7, 6));
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
/// assert_eq!(answer, "answer");
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    copy_bidirectional_with_sizes(a, b, DEFAULT_BUF_SIZE, DEFAULT_BUF_SIZE).await
}

/// Like [`copy_bidirectional`], with buffers of the given sizes in bytes.
///
/// # Errors
///
/// As [`copy_bidirectional`].
///
/// # Panics
///
/// If a size is 0: that direction would seem to be at its end.
///
/// # Cancel safety
///
/// As [`copy_bidirectional`].
pub async fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    assert!(a_to_b_buf_size > 0, "`a_to_b_buf_size` must be greater than 0");
    assert!(b_to_a_buf_size > 0, "`b_to_a_buf_size` must be greater than 0");
    let mut a_to_b = Direction::Copying(CopyBuffer::new(a_to_b_buf_size));
    let mut b_to_a = Direction::Copying(CopyBuffer::new(b_to_a_buf_size));
    poll_fn(|cx| {
        let sent = a_to_b.poll_transfer(cx, Pin::new(&mut *a), Pin::new(&mut *b))?;
        let received = b_to_a.poll_transfer(cx, Pin::new(&mut *b), Pin::new(&mut *a))?;
        Poll::Ready(Ok((ready!(sent), ready!(received))))
    })
    .await
}

/// How far one direction has come.
enum Direction {
    Copying(CopyBuffer),
    ShuttingDown(u64),
    Done(u64),
}

impl Direction {
    fn poll_transfer<R, W>(&mut self, cx: &mut Context<'_>, mut from: Pin<&mut R>, mut to: Pin<&mut W>) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            *self = match self {
                Direction::Copying(buffer) => Direction::ShuttingDown(ready!(buffer.poll_copy(cx, from.as_mut(), to.as_mut()))?),
                Direction::ShuttingDown(count) => {
                    ready!(to.as_mut().poll_shutdown(cx))?;
                    Direction::Done(*count)
                }
                Direction::Done(count) => return Poll::Ready(Ok(*count)),
            };
        }
    }
}
