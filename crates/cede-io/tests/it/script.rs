//! Sources and destinations that follow a script, and a poll loop that notices lost wakes.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use cede_io::{AsyncRead, AsyncWrite, ReadBuf};

/// Counts its wakes.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) fn waker() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (Arc::clone(&wakes), Waker::from(wakes))
}

/// Polls until ready. Panics if the future is pending and nothing woke it: nothing else runs here, so it would hang.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let (wakes, waker) = waker();
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        let before = wakes.count();
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => assert!(wakes.count() > before, "pending, and not woken"),
        }
    }
}

/// Polls once, without a waker.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// One answer of a [`Script`].
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A read gives these bytes (what does not fit is given later).
    Give(Vec<u8>),
    /// A write takes at most so many bytes.
    Accept(usize),
    /// Not now, but soon.
    Pending,
    /// An error.
    Fail(ErrorKind),
}

pub(crate) use Step::{Accept, Fail, Give, Pending};

/// A stream that answers reads and writes by a script; each has its own. Reads after the end of the script see the end of the stream; writes take
/// everything.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) reads: VecDeque<Step>,
    pub(crate) writes: VecDeque<Step>,
    pub(crate) written: Vec<u8>,
    pub(crate) write_calls: usize,
    pub(crate) flushes: usize,
    pub(crate) shutdowns: usize,
    pub(crate) vectored: bool,
}

impl Script {
    pub(crate) fn reading(reads: impl IntoIterator<Item = Step>) -> Self {
        Script { reads: reads.into_iter().collect(), ..Script::default() }
    }

    pub(crate) fn writing(writes: impl IntoIterator<Item = Step>) -> Self {
        Script { writes: writes.into_iter().collect(), ..Script::default() }
    }

    /// One byte at a time, with a `Pending` before each.
    pub(crate) fn trickle(bytes: &[u8]) -> Self {
        Script::reading(bytes.iter().flat_map(|byte| [Pending, Give(vec![*byte])]))
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.reads.pop_front() {
            None => Poll::Ready(Ok(())),
            Some(Give(mut bytes)) => {
                let later = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                if !later.is_empty() {
                    self.reads.push_front(Give(later));
                }
                Poll::Ready(Ok(()))
            }
            Some(Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Fail(kind)) => Poll::Ready(Err(kind.into())),
            Some(Accept(_)) => panic!("that is not for reads"),
        }
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write_calls += 1;
        match self.writes.pop_front() {
            None => {
                self.written.extend_from_slice(buf);
                Poll::Ready(Ok(buf.len()))
            }
            Some(Accept(limit)) => {
                let count = buf.len().min(limit);
                self.written.extend_from_slice(&buf[..count]);
                Poll::Ready(Ok(count))
            }
            Some(Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Fail(kind)) => Poll::Ready(Err(kind.into())),
            Some(Give(_)) => panic!("that is not for writes"),
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        if self.vectored {
            return self.poll_write(cx, &all);
        }
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdowns += 1;
        Poll::Ready(Ok(()))
    }
}
