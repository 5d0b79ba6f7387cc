//! [`AsyncSeekExt`]: what one calls on an [`AsyncSeek`], and its future.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::AsyncSeek;

/// Methods to move the position in an [`AsyncSeek`].
///
/// # Examples
///
/// ```
/// use cede_io::{AsyncSeekExt, SeekFrom};
/// use std::io::Cursor;
///
/// # cede_io::doc_example(async {
/// let mut file = Cursor::new([0; 10]);
/// file.seek(SeekFrom::Start(4)).await?;
/// assert_eq!(file.stream_position().await?, 4);
/// file.rewind().await?;
/// assert_eq!(file.stream_position().await?, 0);
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub trait AsyncSeekExt: AsyncSeek {
    /// Moves to `pos` and returns the new position from the start, in bytes.
    ///
    /// # Errors
    ///
    /// Whatever the resource reports, for one a position before the start.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completed, the position may be the old or the new one.
    fn seek(&mut self, pos: SeekFrom) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        Seek { seek: self, pos: Some(pos), _pin: PhantomPinned }
    }

    /// Moves to the start.
    ///
    /// # Errors
    ///
    /// As [`seek`](Self::seek).
    ///
    /// # Cancel safety
    ///
    /// As [`seek`](Self::seek).
    fn rewind(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Start(0))
    }

    /// Returns the position from the start, in bytes.
    ///
    /// # Errors
    ///
    /// As [`seek`](Self::seek).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the position does not change.
    fn stream_position(&mut self) -> Seek<'_, Self>
    where
        Self: Unpin,
    {
        self.seek(SeekFrom::Current(0))
    }
}

impl<S: AsyncSeek + ?Sized> AsyncSeekExt for S {}

pin_project! {
    /// Moves the position.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Seek<'a, S: ?Sized> {
        seek: &'a mut S,
        // Where to go, until the move was started.
        pos: Option<SeekFrom>,
        // So that it can become an `async fn` of a trait without a change that users can see.
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<S: AsyncSeek + Unpin + ?Sized> Future for Seek<'_, S> {
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let mut seek = Pin::new(&mut **me.seek);
        if let Some(pos) = *me.pos {
            // An operation that is still in progress could refuse the move.
            ready!(seek.as_mut().poll_complete(cx))?;
            seek.as_mut().start_seek(pos)?;
            *me.pos = None;
        }
        seek.poll_complete(cx)
    }
}
