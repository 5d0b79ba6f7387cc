//! [`AsyncReadExt`]: what one calls on an [`AsyncRead`]. Each method's future is in a file of its own.

use bytes::BufMut;

use crate::{AsyncRead, Chain, Take};

mod read;
mod read_buf;
mod read_exact;
mod read_int;
mod read_to_end;
mod read_to_string;

use read::Read;
use read_buf::ReadIntoBuf;
use read_exact::ReadExact;
use read_to_end::ReadToEnd;
use read_to_string::ReadToString;

macro_rules! number_methods {
    ($($(#[$doc:meta])* $method:ident -> $future:ident: $number:ty,)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// As [`read_exact`](Self::read_exact).
        ///
        /// # Cancel safety
        ///
        /// Not cancel safe: the bytes that were read of an unfinished number are lost. A number of one byte is.
        fn $method(&mut self) -> read_int::$future<&mut Self>
        where
            Self: Unpin,
        {
            read_int::$future::new(self)
        }
    )*};
}

/// Methods to read from an [`AsyncRead`].
///
/// # Examples
///
/// ```
/// use cede_io::AsyncReadExt;
///
/// # cede_io::doc_example(async {
/// let mut source: &[u8] = &[0, 7, b'a', b'b', b'c'];
/// assert_eq!(source.read_u16().await?, 7);
/// let mut rest = String::new();
/// source.read_to_string(&mut rest).await?;
/// assert_eq!(rest, "abc");
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub trait AsyncReadExt: AsyncRead {
    /// A source that gives the bytes of this one, and after its end those of `next`.
    fn chain<R>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
        R: AsyncRead,
    {
        Chain::new(self, next)
    }

    /// Reads some bytes into `buf` and returns how many.
    ///
    /// `Ok(0)` means the end of the stream, or that `buf` is empty. Fewer bytes than fit mean nothing.
    ///
    /// # Errors
    ///
    /// Whatever the source reports; then nothing was read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completed, nothing was read.
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read::new(self, buf)
    }

    /// Reads some bytes, appends them to `buf` and returns how many.
    ///
    /// At most as many are read as fit into `buf` (for a growing one such as `Vec` or `BytesMut`, into its next chunk). `Ok(0)` means the end of
    /// the stream, or that `buf` is full.
    ///
    /// # Errors
    ///
    /// Whatever the source reports; then nothing was read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it completed, nothing was read.
    fn read_buf<'a, B>(&'a mut self, buf: &'a mut B) -> ReadIntoBuf<'a, Self, B>
    where
        Self: Unpin,
        B: BufMut + ?Sized,
    {
        ReadIntoBuf::new(self, buf)
    }

    /// Reads exactly as many bytes as `buf` is long, and returns that number.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends earlier; what `buf` holds then is unspecified. Otherwise whatever the source reports.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: bytes that were read are in `buf`, but how many is not known.
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact::new(self, buf)
    }

    number_methods! {
        /// Reads one unsigned integer of 8 bits.
        read_u8 -> ReadU8: u8,
        /// Reads one signed integer of 8 bits.
        read_i8 -> ReadI8: i8,
        /// Reads one unsigned integer of 16 bits, big-endian.
        read_u16 -> ReadU16: u16,
        /// Reads one signed integer of 16 bits, big-endian.
        read_i16 -> ReadI16: i16,
        /// Reads one unsigned integer of 32 bits, big-endian.
        read_u32 -> ReadU32: u32,
        /// Reads one signed integer of 32 bits, big-endian.
        read_i32 -> ReadI32: i32,
        /// Reads one unsigned integer of 64 bits, big-endian.
        read_u64 -> ReadU64: u64,
        /// Reads one signed integer of 64 bits, big-endian.
        read_i64 -> ReadI64: i64,
        /// Reads one unsigned integer of 128 bits, big-endian.
        read_u128 -> ReadU128: u128,
        /// Reads one signed integer of 128 bits, big-endian.
        read_i128 -> ReadI128: i128,
        /// Reads one floating-point number of 32 bits, big-endian.
        read_f32 -> ReadF32: f32,
        /// Reads one floating-point number of 64 bits, big-endian.
        read_f64 -> ReadF64: f64,
        /// Reads one unsigned integer of 16 bits, little-endian.
        read_u16_le -> ReadU16Le: u16,
        /// Reads one signed integer of 16 bits, little-endian.
        read_i16_le -> ReadI16Le: i16,
        /// Reads one unsigned integer of 32 bits, little-endian.
        read_u32_le -> ReadU32Le: u32,
        /// Reads one signed integer of 32 bits, little-endian.
        read_i32_le -> ReadI32Le: i32,
        /// Reads one unsigned integer of 64 bits, little-endian.
        read_u64_le -> ReadU64Le: u64,
        /// Reads one signed integer of 64 bits, little-endian.
        read_i64_le -> ReadI64Le: i64,
        /// Reads one unsigned integer of 128 bits, little-endian.
        read_u128_le -> ReadU128Le: u128,
        /// Reads one signed integer of 128 bits, little-endian.
        read_i128_le -> ReadI128Le: i128,
        /// Reads one floating-point number of 32 bits, little-endian.
        read_f32_le -> ReadF32Le: f32,
        /// Reads one floating-point number of 64 bits, little-endian.
        read_f64_le -> ReadF64Le: f64,
    }

    /// Reads to the end of the stream, appends everything to `buf`, and returns how many bytes were read.
    ///
    /// # Errors
    ///
    /// Whatever the source reports; what was read before stays in `buf`.
    ///
    /// # Cancel safety
    ///
    /// Bytes are never lost: what was read is in `buf`. But how many were appended must be seen from its length.
    fn read_to_end<'a>(&'a mut self, buf: &'a mut Vec<u8>) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd::new(self, buf)
    }

    /// Reads to the end of the stream, appends everything to `dst`, and returns how many bytes were read.
    ///
    /// # Errors
    ///
    /// `InvalidData` if the bytes are not UTF-8; otherwise whatever the source reports. In both cases `dst` is as it was before, and what was
    /// read is lost.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the bytes that were read, and what `dst` held, are lost.
    fn read_to_string<'a>(&'a mut self, dst: &'a mut String) -> ReadToString<'a, Self>
    where
        Self: Unpin,
    {
        ReadToString::new(self, dst)
    }

    /// A source that ends after `limit` bytes of this one.
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}
