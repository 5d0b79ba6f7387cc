//! Reading and writing a known number of bytes, with the progress in an object.
//!
//! A future of `read_exact` or `write_all` that is dropped takes with it what it has read, or the knowledge of what it has written. Here the object has both,
//! so any number of futures may be dropped on the way, for example by a `select!`.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::ready;

use bytes::{Buf, Bytes};
use cede_io::{AsyncRead, AsyncWrite, ReadBuf};

/// So many bytes, as far as they were read.
///
/// ```
/// use cede_stream::ReadExactly;
/// use cede_io::AsyncWriteExt;
///
/// # cede_io::doc_example(async {
/// let (mut client, mut server) = cede_io::duplex(64);
/// client.write_all(b"hello").await?;
/// let mut word = ReadExactly::new(5);
/// assert_eq!(word.read_from(&mut server).await?, b"hello");
/// # cede_io::Result::Ok(())
/// # });
/// ```
#[derive(Debug)]
pub struct ReadExactly {
    buffer: Box<[u8]>,
    filled: usize,
}

impl ReadExactly {
    /// For `length` bytes; none are read yet.
    #[must_use]
    pub fn new(length: usize) -> Self {
        Self { buffer: vec![0; length].into_boxed_slice(), filled: 0 }
    }

    /// Reads until all bytes are there, and lends them. If they are there already, nothing is read.
    ///
    /// # Errors
    /// Those of the reader, and `UnexpectedEof` if it ends too early. What was read stays.
    ///
    /// # Cancel safety
    /// What was read is in the object; the next call goes on there.
    pub async fn read_from<R>(&mut self, reader: &mut R) -> io::Result<&[u8]>
    where
        R: AsyncRead + Unpin + ?Sized,
    {
        while self.filled < self.buffer.len() {
            let rest = &mut self.buffer[self.filled..];
            let read = poll_fn(|cx| {
                let mut rest = ReadBuf::new(rest);
                ready!(Pin::new(&mut *reader).poll_read(cx, &mut rest))?;
                io::Result::Ok(rest.filled().len()).into()
            })
            .await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // A reader that replaced the buffer could claim more than there was room for.
            self.filled = self.buffer.len().min(self.filled + read);
        }
        Ok(&self.buffer)
    }

    /// What was read so far.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Whether all bytes are there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.filled == self.buffer.len()
    }

    /// Forgets what was read, to begin anew with the same length.
    pub fn reset(&mut self) {
        self.filled = 0;
    }

    /// The bytes that were read.
    #[must_use]
    pub fn into_inner(self) -> Vec<u8> {
        let mut bytes = self.buffer.into_vec();
        bytes.truncate(self.filled);
        bytes
    }
}

/// Bytes to be written, without those that were.
///
/// ```
/// use cede_stream::WriteAll;
/// use cede_io::AsyncReadExt;
///
/// # cede_io::doc_example(async {
/// let (mut client, mut server) = cede_io::duplex(64);
/// let mut word = WriteAll::new("hello");
/// word.write_to(&mut client).await?;
/// assert!(word.is_complete());
/// let mut read = [0; 5];
/// server.read_exact(&mut read).await?;
/// assert_eq!(&read, b"hello");
/// # cede_io::Result::Ok(())
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct WriteAll {
    rest: Bytes,
}

impl WriteAll {
    /// For these bytes; none are written yet.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self { rest: bytes.into() }
    }

    /// Writes until all bytes are written. It does not flush.
    ///
    /// # Errors
    /// Those of the writer, and `WriteZero` if it takes no more. What was written is not written again.
    ///
    /// # Cancel safety
    /// What was written is known to the object; the next call goes on there.
    pub async fn write_to<W>(&mut self, writer: &mut W) -> io::Result<()>
    where
        W: AsyncWrite + Unpin + ?Sized,
    {
        while self.rest.has_remaining() {
            let written = poll_fn(|cx| Pin::new(&mut *writer).poll_write(cx, &self.rest)).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            // A writer that claims more than it was given is not believed.
            self.rest.advance(written.min(self.rest.len()));
        }
        Ok(())
    }

    /// What is still to be written.
    #[must_use]
    pub fn remaining(&self) -> &[u8] {
        &self.rest
    }

    /// Whether all bytes are written.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rest.is_empty()
    }
}
