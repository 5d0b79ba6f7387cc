//! Lending memory to a reader, which is not believed.
//!
//! Invariants, besides those of the parent module:
//!
//! * I4: in `fill_part`, a buffer that came back with the address and length of the part that was lent *is* that part: the part is borrowed
//!   exclusively, so no other live slice of one byte or more starts there.
//! * I5: in [`Filling`], the first `initialized_spare` bytes of the vector's spare capacity were written. The vector is reached through
//!   [`Filling::with_vec`] only, which forgets them.
//!
//! There is no loom model: nothing here is shared between threads.
#![expect(unsafe_code, reason = "see the invariants above")]

use std::borrow::BorrowMut;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::ReadBuf;
use crate::AsyncRead;

impl ReadBuf<'_> {
    /// Lends the first `limit` unfilled bytes to `fill` and counts what it filled as filled here. Returns `fill`'s result and the count.
    ///
    /// # Panics
    ///
    /// If `fill` left another buffer in place of the one it got.
    #[inline]
    pub(crate) fn fill_part<R>(&mut self, limit: usize, fill: impl FnOnce(&mut ReadBuf<'_>) -> R) -> (R, usize) {
        let mut part = self.take(limit);
        let lent: *const [MaybeUninit<u8>] = &*part.buf;
        let result = fill(&mut part);
        assert!(std::ptr::eq(lent, &*part.buf), "the reader replaced the buffer that it was to fill");
        let (count, initialized) = (part.filled, part.initialized);
        // [I4] what `part` says is true of the bytes at `self.filled`.
        self.initialized = self.initialized.max(self.filled + initialized);
        self.filled += count;
        (result, count)
    }
}

/// Reads once into `buf` and returns how many bytes came.
#[inline]
pub(crate) fn poll_read_slice<R: AsyncRead + ?Sized>(reader: Pin<&mut R>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
    let (poll, count) = ReadBuf::new(buf).fill_part(usize::MAX, |part| reader.poll_read(cx, part));
    poll.map_ok(|()| count)
}

/// A vector that is being filled, and how much of its spare capacity was initialized on the way. `V` is `Vec<u8>` or `&mut Vec<u8>`.
#[derive(Debug)]
pub(crate) struct Filling<V> {
    vec: V,
    /// See I5.
    initialized_spare: usize,
}

impl<V: BorrowMut<Vec<u8>>> Filling<V> {
    pub(crate) fn new(vec: V) -> Self {
        Filling { vec, initialized_spare: 0 }
    }

    pub(crate) fn vec(&self) -> &Vec<u8> {
        self.vec.borrow()
    }

    /// Gives the vector to `change`, after which nothing is known of its spare capacity.
    pub(crate) fn with_vec<R>(&mut self, change: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.initialized_spare = 0;
        change(self.vec.borrow_mut())
    }

    /// Reads once into the spare capacity, at most `limit` bytes, and returns how many came.
    ///
    /// Bytes that a reader fills without returning `Ready(Ok(()))` are dropped.
    pub(crate) fn poll_read<R: AsyncRead + ?Sized>(
        &mut self,
        reader: Pin<&mut R>,
        cx: &mut Context<'_>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let vec = self.vec.borrow_mut();
        let mut spare = ReadBuf::uninit(vec.spare_capacity_mut());
        // SAFETY: [I5] these bytes were written.
        unsafe { spare.assume_init(self.initialized_spare) };
        let (poll, count) = spare.fill_part(limit, |part| reader.poll_read(cx, part));
        self.initialized_spare = spare.initialized;
        if let Poll::Ready(Ok(())) = poll {
            let len = vec.len() + count;
            // SAFETY: [I1] [I2] [I4] `count` bytes of the spare capacity were written.
            unsafe { vec.set_len(len) };
            self.initialized_spare -= count;
        }
        poll.map_ok(|()| count)
    }
}

/// Reads once into the next chunk of `dst` and returns how many bytes came.
pub(crate) fn poll_read_buf_mut<R: AsyncRead + ?Sized, B: BufMut + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    dst: &mut B,
) -> Poll<io::Result<usize>> {
    let chunk = dst.chunk_mut();
    // SAFETY: [I3] only written bytes go into it.
    let chunk = unsafe { chunk.as_uninit_slice_mut() };
    let (poll, count) = ReadBuf::uninit(chunk).fill_part(usize::MAX, |part| reader.poll_read(cx, part));
    if let Poll::Ready(Ok(())) = poll {
        // SAFETY: [I1] [I2] [I4] `count` bytes of the chunk were written.
        unsafe { dst.advance_mut(count) };
    }
    poll.map_ok(|()| count)
}
