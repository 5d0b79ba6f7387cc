//! Pipes in memory: [`duplex`], the two ends of a connection, and [`simplex`], one direction alone.
//!
//! A [`SimplexStream`] is a bounded ring of bytes with at most one waiting reader and one waiting writer. A [`DuplexStream`] holds two of
//! them, each under a mutex that it shares with the other end.
//!
//! A waker is foreign code. So in a duplex it is cloned, woken and dropped only while the mutex is not held: an operation that has to wait
//! and finds that its waker is not the one in place lets the mutex go, clones, and tries again. (The halves that [`simplex`] returns run everything
//! under the lock of [`split`]; see there.)
//!
//! Invariants:
//!
//! * I1: `buffer.len() <= max_buf_size`.
//! * I2: who puts bytes in takes the reader's waker out and wakes it after; who takes bytes out does so with the writer's; who closes, with the other
//!   side's. A waker is put in only under the same lock under which it was seen that there is nothing to do. So no wake is lost.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};

use crate::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};

/// One end of a connection in memory; made by [`duplex`].
///
/// What one end writes, the other reads. When an end is dropped, the other reads what is left and then the end of the stream, and its writes fail
/// with `BrokenPipe`. After [`shutdown`](crate::AsyncWriteExt::shutdown) the same holds for one direction.
///
/// # Examples
///
/// ```
/// use cede_io::{AsyncReadExt, AsyncWriteExt};
///
/// # cede_io::doc_example(async {
/// let (mut client, mut server) = cede_io::duplex(64);
/// client.write_all(b"ping").await?;
/// let mut request = [0; 4];
/// server.read_exact(&mut request).await?;
/// assert_eq!(&request, b"ping");
/// # cede_io::Result::Ok(())
/// # });
/// ```
#[derive(Debug)]
pub struct DuplexStream {
    read: Arc<Mutex<SimplexStream>>,
    write: Arc<Mutex<SimplexStream>>,
}

/// One direction of a connection in memory: what is written to it is read from it.
///
/// # Examples
///
/// ```
/// use cede_io::{AsyncReadExt, AsyncWriteExt, SimplexStream};
///
/// # cede_io::doc_example(async {
/// let mut pipe = SimplexStream::new_unsplit(64);
/// pipe.write_all(b"abc").await?;
/// pipe.shutdown().await?;
/// let mut all = String::new();
/// pipe.read_to_string(&mut all).await?;
/// assert_eq!(all, "abc");
/// # cede_io::Result::Ok(())
/// # });
/// ```
#[derive(Debug)]
pub struct SimplexStream {
    buffer: VecDeque<u8>,
    is_closed: bool,
    max_buf_size: usize,
    read_waker: Option<Waker>,
    write_waker: Option<Waker>,
}

/// Makes the two ends of a connection in memory. Each direction holds at most `max_buf_size` bytes; then the writer waits.
///
/// # Panics
///
/// If `max_buf_size` is 0: nothing could ever be written.
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let one = Arc::new(Mutex::new(SimplexStream::new_unsplit(max_buf_size)));
    let two = Arc::new(Mutex::new(SimplexStream::new_unsplit(max_buf_size)));
    (DuplexStream { read: Arc::clone(&one), write: Arc::clone(&two) }, DuplexStream { read: two, write: one })
}

/// Makes one direction of a connection in memory. It holds at most `max_buf_size` bytes; then the writer waits.
///
/// Dropping the writing half does not end the stream; [`shutdown`](crate::AsyncWriteExt::shutdown) does.
///
/// # Panics
///
/// If `max_buf_size` is 0: nothing could ever be written.
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

/// What came of an attempt that need not wait, and whom to wake for it.
struct Done<T> {
    result: io::Result<T>,
    wake: Option<Waker>,
}

/// Which side of a pipe an operation is on.
#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

impl SimplexStream {
    /// Makes one direction that is not split into halves.
    ///
    /// # Panics
    ///
    /// If `max_buf_size` is 0: nothing could ever be written.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0");
        SimplexStream { buffer: VecDeque::new(), is_closed: false, max_buf_size, read_waker: None, write_waker: None }
    }

    /// Moves bytes into `buf`, or `None` if the reader has to wait.
    fn try_read(&mut self, buf: &mut ReadBuf<'_>) -> Option<Done<()>> {
        let count = self.buffer.len().min(buf.remaining());
        if count == 0 {
            let need_not_wait = buf.remaining() == 0 || self.is_closed;
            return need_not_wait.then_some(Done { result: Ok(()), wake: None });
        }
        let (front, back) = self.buffer.as_slices();
        let of_front = count.min(front.len());
        buf.put_slice(&front[..of_front]);
        buf.put_slice(&back[..count - of_front]);
        self.buffer.drain(..count);
        Some(Done { result: Ok(()), wake: self.write_waker.take() })
    }

    /// Moves bytes out of `bufs`, or `None` if the writer has to wait.
    fn try_write(&mut self, bufs: &[IoSlice<'_>]) -> Option<Done<usize>> {
        if self.is_closed {
            return Some(Done { result: Err(io::ErrorKind::BrokenPipe.into()), wake: None });
        }
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Some(Done { result: Ok(0), wake: None });
        }
        let room = self.max_buf_size - self.buffer.len();
        if room == 0 {
            return None;
        }
        let mut left = room;
        for buf in bufs {
            let count = buf.len().min(left);
            self.buffer.extend(&buf[..count]);
            left -= count;
        }
        Some(Done { result: Ok(room - left), wake: self.read_waker.take() })
    }

    /// Ends the stream, and returns who on the other side waits for it.
    #[must_use]
    fn close(&mut self, side: Side) -> Option<Waker> {
        self.is_closed = true;
        match side {
            Side::Reader => self.write_waker.take(),
            Side::Writer => self.read_waker.take(),
        }
    }

    fn waker_of(&mut self, side: Side) -> &mut Option<Waker> {
        match side {
            Side::Reader => &mut self.read_waker,
            Side::Writer => &mut self.write_waker,
        }
    }
}

/// Access to a pipe for the length of a closure: alone, or under the mutex.
trait Pipe {
    fn with<R>(&mut self, run: impl FnOnce(&mut SimplexStream) -> R) -> R;
}

impl Pipe for &mut SimplexStream {
    fn with<R>(&mut self, run: impl FnOnce(&mut SimplexStream) -> R) -> R {
        run(self)
    }
}

impl Pipe for &Mutex<SimplexStream> {
    fn with<R>(&mut self, run: impl FnOnce(&mut SimplexStream) -> R) -> R {
        run(&mut lock(self))
    }
}

/// No foreign code runs under the mutex, so it cannot be poisoned.
fn lock(pipe: &Mutex<SimplexStream>) -> MutexGuard<'_, SimplexStream> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What to do after one look at the pipe.
enum Look<T> {
    Done(Done<T>),
    /// It waits; here is the waker that was in place.
    Waiting(Option<Waker>),
    /// It has to wait, and the waker in place is another task's or none.
    NeedsWaker,
}

fn poll_pipe<T>(
    mut pipe: impl Pipe,
    side: Side,
    cx: &mut Context<'_>,
    mut attempt: impl FnMut(&mut SimplexStream) -> Option<Done<T>>,
) -> Poll<io::Result<T>> {
    let unit = ready!(budget::poll_proceed(cx));
    let mut fresh: Option<Waker> = None;
    loop {
        let look = pipe.with(|pipe| {
            if let Some(done) = attempt(pipe) {
                return Look::Done(done);
            }
            waiting_for(WaitKind::Pipe, std::ptr::from_ref(pipe).addr() as u64);
            let place = pipe.waker_of(side);
            if place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Look::Waiting(None);
            }
            match fresh.take() {
                Some(waker) => Look::Waiting(place.replace(waker)),
                None => Look::NeedsWaker,
            }
        });
        match look {
            Look::Done(Done { result, wake }) => {
                unit.spend();
                if let Some(waker) = wake {
                    waker.wake();
                }
                return Poll::Ready(result);
            }
            Look::Waiting(replaced) => {
                drop(replaced);
                return Poll::Pending;
            }
            Look::NeedsWaker => fresh = Some(cx.waker().clone()),
        }
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        poll_pipe(&*self.read, Side::Reader, cx, |pipe| pipe.try_read(buf))
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        poll_pipe(&*self.write, Side::Writer, cx, |pipe| pipe.try_write(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waker = lock(&self.write).close(Side::Writer);
        if let Some(waker) = waker {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        // Both directions are closed before a waker runs: one that panics loses nothing but its own wake.
        let reader = lock(&self.write).close(Side::Writer);
        let writer = lock(&self.read).close(Side::Reader);
        let _wake_writer = WakeOnDrop(writer);
        if let Some(waker) = reader {
            waker.wake();
        }
    }
}

/// Wakes also when another waker panics before.
struct WakeOnDrop(Option<Waker>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}

impl AsyncRead for SimplexStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        poll_pipe(self.get_mut(), Side::Reader, cx, |pipe| pipe.try_read(buf))
    }
}

impl AsyncWrite for SimplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        poll_pipe(self.get_mut(), Side::Writer, cx, |pipe| pipe.try_write(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(waker) = self.get_mut().close(Side::Writer) {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }
}
