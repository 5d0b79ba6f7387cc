//! [`AsyncWriteExt`]: what one calls on an [`AsyncWrite`]. Each method's future is in a file of its own.

use std::io::IoSlice;

use bytes::Buf;

use crate::AsyncWrite;

mod flush;
mod shutdown;
mod write;
mod write_all;
mod write_all_buf;
mod write_buf;
mod write_int;
mod write_vectored;

use flush::Flush;
use shutdown::Shutdown;
use write::Write;
use write_all::WriteAll;
use write_all_buf::WriteAllBuf;
use write_buf::WriteBuf;
use write_vectored::WriteVectored;

macro_rules! number_methods {
    ($($(#[$doc:meta])* $method:ident -> $future:ident: $number:ty,)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// As [`write_all`](Self::write_all).
        ///
        /// # Cancel safety
        ///
        /// Not cancel safe: a part of the number may have been written. A number of one byte is.
        fn $method(&mut self, n: $number) -> write_int::$future<&mut Self>
        where
            Self: Unpin,
        {
            write_int::$future::new(self, n)
        }
    )*};
}

/// Methods to write to an [`AsyncWrite`].
///
/// # Examples
///
/// ```
/// use cede_io::AsyncWriteExt;
///
/// # cede_io::doc_example(async {
/// let mut out = Vec::new();
/// out.write_u16(7).await?;
/// out.write_all(b"abc").await?;
/// assert_eq!(out, [0, 7, b'a', b'b', b'c']);
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes some bytes of `src` and returns how many.
    ///
    /// `Ok(0)` means that the destination takes no more, or that `src` is empty.
    ///
    /// # Errors
    ///
    /// Whatever the destination reports; then nothing was written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completed, nothing was written.
    fn write<'a>(&'a mut self, src: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write::new(self, src)
    }

    /// Like [`write`](Self::write), from many slices in their order.
    ///
    /// # Errors
    ///
    /// Whatever the destination reports; then nothing was written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completed, nothing was written.
    fn write_vectored<'a, 'b>(&'a mut self, bufs: &'a [IoSlice<'b>]) -> WriteVectored<'a, 'b, Self>
    where
        Self: Unpin,
    {
        WriteVectored::new(self, bufs)
    }

    /// Writes some bytes of `src`, advances it by them, and returns how many.
    ///
    /// `Ok(0)` means that the destination takes no more, or that `src` is empty.
    ///
    /// # Errors
    ///
    /// Whatever the destination reports; then nothing was written.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completed, nothing was written and `src` was not advanced.
    fn write_buf<'a, B>(&'a mut self, src: &'a mut B) -> WriteBuf<'a, Self, B>
    where
        Self: Sized + Unpin,
        B: Buf,
    {
        WriteBuf::new(self, src)
    }

    /// Writes all of `src` and advances it as it goes.
    ///
    /// # Errors
    ///
    /// `WriteZero` if the destination takes no more; otherwise whatever it reports. `src` holds what was not written.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it completed, `src` holds what was not written: call it again with the same `src` to go on.
    fn write_all_buf<'a, B>(&'a mut self, src: &'a mut B) -> WriteAllBuf<'a, Self, B>
    where
        Self: Sized + Unpin,
        B: Buf,
    {
        WriteAllBuf::new(self, src)
    }

    /// Writes all of `src`.
    ///
    /// # Errors
    ///
    /// `WriteZero` if the destination takes no more; otherwise whatever it reports. How much was written is not known then.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a part may have been written, how much is not known. See [`write_all_buf`](Self::write_all_buf).
    fn write_all<'a>(&'a mut self, src: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll::new(self, src)
    }

    number_methods! {
        /// Writes one unsigned integer of 8 bits.
        write_u8 -> WriteU8: u8,
        /// Writes one signed integer of 8 bits.
        write_i8 -> WriteI8: i8,
        /// Writes one unsigned integer of 16 bits, big-endian.
        write_u16 -> WriteU16: u16,
        /// Writes one signed integer of 16 bits, big-endian.
        write_i16 -> WriteI16: i16,
        /// Writes one unsigned integer of 32 bits, big-endian.
        write_u32 -> WriteU32: u32,
        /// Writes one signed integer of 32 bits, big-endian.
        write_i32 -> WriteI32: i32,
        /// Writes one unsigned integer of 64 bits, big-endian.
        write_u64 -> WriteU64: u64,
        /// Writes one signed integer of 64 bits, big-endian.
        write_i64 -> WriteI64: i64,
        /// Writes one unsigned integer of 128 bits, big-endian.
        write_u128 -> WriteU128: u128,
        /// Writes one signed integer of 128 bits, big-endian.
        write_i128 -> WriteI128: i128,
        /// Writes one floating-point number of 32 bits, big-endian.
        write_f32 -> WriteF32: f32,
        /// Writes one floating-point number of 64 bits, big-endian.
        write_f64 -> WriteF64: f64,
        /// Writes one unsigned integer of 16 bits, little-endian.
        write_u16_le -> WriteU16Le: u16,
        /// Writes one signed integer of 16 bits, little-endian.
        write_i16_le -> WriteI16Le: i16,
        /// Writes one unsigned integer of 32 bits, little-endian.
        write_u32_le -> WriteU32Le: u32,
        /// Writes one signed integer of 32 bits, little-endian.
        write_i32_le -> WriteI32Le: i32,
        /// Writes one unsigned integer of 64 bits, little-endian.
        write_u64_le -> WriteU64Le: u64,
        /// Writes one signed integer of 64 bits, little-endian.
        write_i64_le -> WriteI64Le: i64,
        /// Writes one unsigned integer of 128 bits, little-endian.
        write_u128_le -> WriteU128Le: u128,
        /// Writes one signed integer of 128 bits, little-endian.
        write_i128_le -> WriteI128Le: i128,
        /// Writes one floating-point number of 32 bits, little-endian.
        write_f32_le -> WriteF32Le: f32,
        /// Writes one floating-point number of 64 bits, little-endian.
        write_f64_le -> WriteF64Le: f64,
    }

    /// Waits until everything that was written has left the destination's own buffers.
    ///
    /// # Errors
    ///
    /// Whatever the destination reports.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it can be called again to go on.
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush::new(self)
    }

    /// Ends the stream in good order, after a flush. Nothing can be written afterwards.
    ///
    /// # Errors
    ///
    /// Whatever the destination reports.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it can be called again to go on.
    fn shutdown(&mut self) -> Shutdown<'_, Self>
    where
        Self: Unpin,
    {
        Shutdown::new(self)
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}
