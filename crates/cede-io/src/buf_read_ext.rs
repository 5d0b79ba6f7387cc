//! [`AsyncBufReadExt`]: what one calls on an [`AsyncBufRead`]. Each method's future is in a file of its own.

use std::pin::Pin;

use crate::AsyncBufRead;

mod fill_buf;
mod lines;
mod read_line;
mod read_until;
mod split;

use fill_buf::FillBuf;
use read_line::ReadLine;
use read_until::ReadUntil;

pub use lines::Lines;
pub use split::Split;

/// Methods to read from an [`AsyncBufRead`].
///
/// # Examples
///
/// ```
/// use cede_io::{AsyncBufReadExt, BufReader};
///
/// # cede_io::doc_example(async {
/// let mut source = BufReader::new(&b"name:value\nnext"[..]);
/// let mut name = Vec::new();
/// source.read_until(b':', &mut name).await?;
/// assert_eq!(name, b"name:");
/// let mut lines = source.lines();
/// assert_eq!(lines.next_line().await?.as_deref(), Some("value"));
/// assert_eq!(lines.next_line().await?.as_deref(), Some("next"));
/// assert_eq!(lines.next_line().await?, None);
/// # cede_io::Result::Ok(())
/// # });
/// ```
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Reads up to and including the first `byte`, or to the end of the stream, appends that to `buf`, and returns how many bytes were read.
    ///
    /// `Ok(0)` means the end of the stream.
    ///
    /// # Errors
    ///
    /// Whatever the source reports; what was read before stays in `buf`.
    ///
    /// # Cancel safety
    ///
    /// Bytes are never lost: what was read is in `buf`. Call it again with the same `buf` to go on; the number returned then counts only
    /// the second call's bytes.
    fn read_until<'a>(&'a mut self, byte: u8, buf: &'a mut Vec<u8>) -> ReadUntil<'a, Self>
    where
        Self: Unpin,
    {
        ReadUntil::new(self, byte, buf)
    }

    /// Reads up to and including the next line feed, or to the end of the stream, appends that to `buf`, and returns how many bytes were read.
    ///
    /// `Ok(0)` means the end of the stream. The future reads the next line if it is polled after it completed.
    ///
    /// # Errors
    ///
    /// `InvalidData` if the line is not UTF-8; it is lost then, and `buf` is as it was before. If the source reports another error, what was read
    /// before it stays in `buf`, provided that it is UTF-8.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the bytes that were read, and what `buf` held, are lost. Use [`read_until`](Self::read_until), or [`lines`](Self::lines).
    fn read_line<'a>(&'a mut self, buf: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        ReadLine::new(self, buf)
    }

    /// The pieces of the stream between the bytes `byte`, which are not part of them.
    fn split(self, byte: u8) -> Split<Self>
    where
        Self: Sized + Unpin,
    {
        Split::new(self, byte)
    }

    /// Returns what is in the buffer; if that is nothing, reads first. An empty slice means the end of the stream.
    ///
    /// The bytes stay in the buffer until [`consume`](Self::consume) takes them out.
    ///
    /// # Errors
    ///
    /// Whatever the source reports.
    ///
    /// # Panics
    ///
    /// The future panics if it is polled after it completed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: bytes that were read stay in the buffer.
    fn fill_buf(&mut self) -> FillBuf<'_, Self>
    where
        Self: Unpin,
    {
        FillBuf::new(self)
    }

    /// Takes `amt` bytes out of the buffer; not more than [`fill_buf`](Self::fill_buf) returned.
    fn consume(&mut self, amt: usize)
    where
        Self: Unpin,
    {
        Pin::new(self).consume(amt);
    }

    /// The lines of the stream, without their ends (`\n` or `\r\n`).
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}
