//! [`split`]: any stream as two halves that can go to different tasks.
//!
//! The halves share the stream under a mutex, held for the length of one poll. Streams that can be read and written at the same time (sockets,
//! [`duplex`](crate::duplex)) have better ways to be split.
//!
//! The stream is in a box of its own because it may have to stay where it is, which a mutex does not promise; `Mutex<Pin<Box<T>>>` says so without
//! `unsafe`, for one allocation per split.
//!
//! This is the one lock of this crate under which foreign code runs: the stream's own. A stream that wakes a task in its poll does so under the lock.
//! A waker that polled the other half at once, within the call, would deadlock; executors do not do that.

use std::fmt;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use crate::{AsyncRead, AsyncWrite, ReadBuf};

/// Splits a stream into a half that reads and a half that writes. [`ReadHalf::unsplit`] puts them together again.
///
/// # Examples
///
/// ```
/// use cede_io::{AsyncReadExt, AsyncWriteExt};
///
/// # cede_io::doc_example(async {
/// let stream = cede_io::join(&b"question"[..], Vec::new());
/// let (mut reader, mut writer) = cede_io::split(stream);
/// let mut question = String::new();
/// reader.read_to_string(&mut question).await?;
/// writer.write_all(b"answer").await?;
/// assert_eq!(reader.unsplit(writer).writer(), b"answer");
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub fn split<T>(stream: T) -> (ReadHalf<T>, WriteHalf<T>)
where
    T: AsyncRead + AsyncWrite,
{
    let is_write_vectored = stream.is_write_vectored();
    let shared = Arc::new(Shared { stream: Mutex::new(Box::pin(stream)), is_write_vectored });
    let reader = ReadHalf { shared: Arc::clone(&shared), _stream: PhantomData };
    (reader, WriteHalf { shared, _stream: PhantomData })
}

/// The half of a stream that reads; made by [`split`].
pub struct ReadHalf<T> {
    shared: Arc<Shared<T>>,
    // A half is only as shareable between threads as the stream.
    _stream: PhantomData<T>,
}

/// The half of a stream that writes; made by [`split`].
///
/// Dropping it does not shut the stream down while the other half lives; [`shutdown`](crate::AsyncWriteExt::shutdown) does.
pub struct WriteHalf<T> {
    shared: Arc<Shared<T>>,
    _stream: PhantomData<T>,
}

// The stream is in a box of its own.
impl<T> Unpin for ReadHalf<T> {}
impl<T> Unpin for WriteHalf<T> {}

struct Shared<T> {
    stream: Mutex<Pin<Box<T>>>,
    is_write_vectored: bool,
}

impl<T> Shared<T> {
    /// Runs one poll. A panic in an earlier one is that half's matter.
    fn with<R>(&self, poll: impl FnOnce(Pin<&mut T>) -> R) -> R {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        poll(stream.as_mut())
    }
}

impl<T> ReadHalf<T> {
    /// Whether `other` is the other half of the same stream.
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        other.is_pair_of(self)
    }

    /// Gives the stream back.
    ///
    /// The stream moves, so it has to be `Unpin`:
    ///
    /// ```compile_fail
    /// fn unsplit<T>(reader: cede_io::ReadHalf<T>, writer: cede_io::WriteHalf<T>) -> T {
    ///     reader.unsplit(writer)
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If `wr` is of another stream; see [`is_pair_of`](Self::is_pair_of).
    #[track_caller]
    pub fn unsplit(self, wr: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(self.is_pair_of(&wr), "these two halves are not of the same stream");
        drop(wr);
        let Some(shared) = Arc::into_inner(self.shared) else { unreachable!("only two halves share a stream") };
        let stream = shared.stream.into_inner().unwrap_or_else(PoisonError::into_inner);
        *Pin::into_inner(stream)
    }
}

impl<T> WriteHalf<T> {
    /// Whether `other` is the other half of the same stream.
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_read(cx, buf))
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.shared.with(|stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.shared.with(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.shared.is_write_vectored
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|stream| stream.poll_shutdown(cx))
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("split::ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("split::WriteHalf").finish_non_exhaustive()
    }
}
