//! Pieces between delimiters, of which there may be several kinds.

use std::error::Error;
use std::{fmt, io};

use bytes::{Bytes, BytesMut};

use super::cutter::{Cutter, TooLong};
use super::{Decoder, Encoder};

/// The bytes between delimiters: any one byte of a set ends a piece. Pieces may be empty. A last piece need not be ended.
///
/// ```
/// use cede_stream::codec::{AnyDelimiterCodec, Decoder, Encoder};
/// let mut codec = AnyDelimiterCodec::new(b",;".to_vec(), b"; ".to_vec());
/// let mut read = bytes::BytesMut::from("one,two;three");
/// assert_eq!(codec.decode(&mut read).unwrap().unwrap(), "one");
/// assert_eq!(codec.decode(&mut read).unwrap().unwrap(), "two");
/// assert_eq!(codec.decode(&mut read).unwrap(), None);
/// assert_eq!(codec.decode_eof(&mut read).unwrap().unwrap(), "three");
/// codec.encode("four", &mut read).unwrap();
/// assert_eq!(&read[..], b"four; ");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyDelimiterCodec {
    cutter: Cutter,
    delimiters: Vec<u8>,
    written: Vec<u8>,
}

impl AnyDelimiterCodec {
    /// Pieces of any length, each ended by one of `seek_delimiters`; `sequence_writer` is written after each. Who reads from strangers sets a limit.
    #[must_use]
    pub fn new(seek_delimiters: Vec<u8>, sequence_writer: Vec<u8>) -> Self {
        Self::new_with_max_length(seek_delimiters, sequence_writer, usize::MAX)
    }

    /// Pieces of at most `max_length` bytes, without their delimiters. A longer one is an error, and reading goes on with the next.
    #[must_use]
    pub fn new_with_max_length(seek_delimiters: Vec<u8>, sequence_writer: Vec<u8>, max_length: usize) -> Self {
        Self { cutter: Cutter::new(max_length), delimiters: seek_delimiters, written: sequence_writer }
    }

    /// The limit.
    #[must_use]
    pub fn max_length(&self) -> usize {
        self.cutter.max_length
    }
}

impl Default for AnyDelimiterCodec {
    /// Reads pieces ended by `,`, `;`, a line feed or a carriage return; writes a `,` after each.
    fn default() -> Self {
        Self::new(b",;\n\r".to_vec(), b",".to_vec())
    }
}

impl Decoder for AnyDelimiterCodec {
    type Item = Bytes;
    type Error = AnyDelimiterCodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, AnyDelimiterCodecError> {
        let piece = self.cutter.cut(src, |byte| self.delimiters.contains(&byte));
        piece.map(|piece| piece.map(BytesMut::freeze)).map_err(|TooLong| AnyDelimiterCodecError::MaxChunkLengthExceeded)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, AnyDelimiterCodecError> {
        if let Some(piece) = self.decode(src)? {
            return Ok(Some(piece));
        }
        Ok((!src.is_empty()).then(|| self.cutter.rest(src).freeze()))
    }
}

impl<T: AsRef<str>> Encoder<T> for AnyDelimiterCodec {
    type Error = AnyDelimiterCodecError;

    fn encode(&mut self, piece: T, dst: &mut BytesMut) -> Result<(), AnyDelimiterCodecError> {
        let piece = piece.as_ref();
        dst.reserve(piece.len() + self.written.len());
        dst.extend_from_slice(piece.as_bytes());
        dst.extend_from_slice(&self.written);
        Ok(())
    }
}

/// A piece could not be read or written.
#[derive(Debug)]
pub enum AnyDelimiterCodecError {
    /// It is longer than the limit.
    MaxChunkLengthExceeded,
    /// Reading or writing failed.
    Io(io::Error),
}

impl fmt::Display for AnyDelimiterCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxChunkLengthExceeded => f.write_str("max chunk length exceeded"),
            Self::Io(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl From<io::Error> for AnyDelimiterCodecError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Error for AnyDelimiterCodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::MaxChunkLengthExceeded => None,
            Self::Io(error) => Some(error),
        }
    }
}
