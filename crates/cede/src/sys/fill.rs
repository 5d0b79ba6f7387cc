//! Reading into memory that need not be initialized.
//!
//! # Invariants
//! - I1: the closures that callers pass are the reading system calls of [`sys`](super), which only write, and return the part that the kernel has written: the first bytes.
//!   There is no shared memory, hence no loom model.

use std::io;
use std::mem::MaybeUninit;

use bytes::BufMut;
use cede_io::ReadBuf;

/// Reads into the unfilled part of a buffer; returns how much, and what else the call returned.
#[cfg_attr(not(feature = "net"), expect(dead_code, reason = "files have buffers of their own"))]
pub(crate) fn read_buf<R>(
    buffer: &mut ReadBuf<'_>,
    read: impl for<'a> FnOnce(&'a mut [MaybeUninit<u8>]) -> io::Result<(&'a mut [u8], R)>,
) -> io::Result<(usize, R)> {
    // SAFETY: [I1] the memory is only written to.
    let unfilled = unsafe { buffer.unfilled_mut() };
    let (filled, rest) = read(unfilled)?;
    let count = filled.len();
    // SAFETY: [I1] these bytes were written.
    unsafe { buffer.assume_init(count) };
    buffer.advance(count);
    Ok((count, rest))
}

/// Reads into the next chunk of a buffer; returns how much, and what else the call returned.
pub(crate) fn buf_mut<B: BufMut, R>(
    buffer: &mut B,
    read: impl for<'a> FnOnce(&'a mut [MaybeUninit<u8>]) -> io::Result<(&'a mut [u8], R)>,
) -> io::Result<(usize, R)> {
    let chunk = buffer.chunk_mut();
    // SAFETY: [I1] the memory is only written to.
    let (filled, rest) = read(unsafe { chunk.as_uninit_slice_mut() })?;
    let count = filled.len();
    // SAFETY: [I1] these bytes were written.
    unsafe { buffer.advance_mut(count) };
    Ok((count, rest))
}
