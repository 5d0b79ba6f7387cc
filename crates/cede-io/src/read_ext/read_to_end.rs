//! The future of [`AsyncReadExt::read_to_end`](crate::AsyncReadExt::read_to_end), and the loop that `read_to_string` shares with it.
//!
//! How much to read at once: a reader may initialize all that it is offered, so a large offer is expensive when the reader has little to give;
//! and each small read of a large stream costs a call. As in std, the offer starts small and doubles each time that the reader fills it.
//!
//! When the vector is exactly full and was never grown, the stream may well be at its end (the caller reserved exactly its length). Then a
//! read into a few bytes on the stack asks, so that the vector is not doubled for nothing.

use std::borrow::BorrowMut;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::buf_reader::DEFAULT_BUF_SIZE;
use crate::read_buf::lend::Filling;
use crate::{AsyncRead, ReadBuf};

/// Less spare room than this is not worth a read.
const PROBE_SIZE: usize = 32;

pin_project! {
    /// Reads to the end into a vector.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ReadToEnd<'a, R: ?Sized> {
        reader: &'a mut R,
        buf: Filling<&'a mut Vec<u8>>,
        progress: Progress,
        // So that it can become an `async fn` of a trait without a change that users can see.
        #[pin]
        _pin: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadToEnd<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut Vec<u8>) -> Self {
        let progress = Progress::new(buf);
        ReadToEnd { reader, buf: Filling::new(buf), progress, _pin: PhantomPinned }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToEnd<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let count = ready!(me.progress.poll_read_to_end(Pin::new(&mut **me.reader), cx, me.buf))?;
        // Polled again, it counts what comes after the end.
        me.progress.read = 0;
        Poll::Ready(Ok(count))
    }
}

/// How far reading to the end has come.
#[derive(Debug)]
pub(super) struct Progress {
    /// Bytes read so far.
    read: usize,
    /// Bytes to offer to the next read.
    offer: usize,
    /// The capacity that the vector came with.
    initial_capacity: usize,
}

impl Progress {
    pub(super) fn new(buf: &Vec<u8>) -> Self {
        Progress { read: 0, offer: DEFAULT_BUF_SIZE, initial_capacity: buf.capacity() }
    }

    /// Bytes that were read and appended so far.
    pub(super) fn read(&self) -> usize {
        self.read
    }

    pub(super) fn poll_read_to_end<R: AsyncRead + ?Sized, V: BorrowMut<Vec<u8>>>(
        &mut self,
        mut reader: Pin<&mut R>,
        cx: &mut Context<'_>,
        buf: &mut Filling<V>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match ready!(self.poll_read_some(reader.as_mut(), cx, buf)) {
                Ok(0) => return Poll::Ready(Ok(self.read)),
                Ok(count) => self.read += count,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Poll::Ready(Err(err)),
            }
        }
    }

    fn poll_read_some<R: AsyncRead + ?Sized, V: BorrowMut<Vec<u8>>>(
        &mut self,
        reader: Pin<&mut R>,
        cx: &mut Context<'_>,
        buf: &mut Filling<V>,
    ) -> Poll<io::Result<usize>> {
        let (capacity, len) = (buf.vec().capacity(), buf.vec().len());
        if capacity - len < PROBE_SIZE {
            if capacity == self.initial_capacity && capacity >= PROBE_SIZE {
                let mut memory = [MaybeUninit::uninit(); PROBE_SIZE];
                let mut probe = ReadBuf::uninit(&mut memory);
                let (poll, count) = probe.fill_part(PROBE_SIZE, |part| reader.poll_read(cx, part));
                ready!(poll)?;
                buf.with_vec(|vec| vec.extend_from_slice(probe.filled()));
                return Poll::Ready(Ok(count));
            }
            buf.with_vec(|vec| vec.reserve(PROBE_SIZE));
        }
        let offer = self.offer.min(buf.vec().capacity() - len);
        let count = ready!(buf.poll_read(reader, cx, offer))?;
        if count == self.offer {
            self.offer = self.offer.saturating_mul(2);
        }
        Poll::Ready(Ok(count))
    }
}
