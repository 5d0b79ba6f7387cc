//! Lines of text.

use std::error::Error;
use std::{fmt, io};

use bytes::BytesMut;

use super::cutter::{Cutter, TooLong};
use super::{Decoder, Encoder};

/// Lines, without their ends (`\n` or `\r\n`). A last line need not have one.
///
/// ```
/// use cede_stream::codec::{Decoder, LinesCodec};
/// let mut read = bytes::BytesMut::from("one\r\ntwo");
/// let mut codec = LinesCodec::new();
/// assert_eq!(codec.decode(&mut read).unwrap().unwrap(), "one");
/// assert_eq!(codec.decode(&mut read).unwrap(), None);
/// assert_eq!(codec.decode_eof(&mut read).unwrap().unwrap(), "two");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinesCodec {
    cutter: Cutter,
}

impl LinesCodec {
    /// Lines of any length. Who reads from strangers sets a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::new_with_max_length(usize::MAX)
    }

    /// Lines of at most `max_length` bytes, without the `\n`. A longer one is an error, and reading goes on with the next.
    #[must_use]
    pub fn new_with_max_length(max_length: usize) -> Self {
        Self { cutter: Cutter::new(max_length) }
    }

    /// The limit.
    #[must_use]
    pub fn max_length(&self) -> usize {
        self.cutter.max_length
    }
}

impl Default for LinesCodec {
    fn default() -> Self {
        Self::new()
    }
}

fn text(line: &[u8]) -> Result<String, LinesCodecError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match str::from_utf8(line) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "Unable to decode input as UTF8").into()),
    }
}

impl Decoder for LinesCodec {
    type Item = String;
    type Error = LinesCodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        match self.cutter.cut(src, |byte| byte == b'\n') {
            Ok(line) => line.map(|line| text(&line)).transpose(),
            Err(TooLong) => Err(LinesCodecError::MaxLineLengthExceeded),
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        if let Some(line) = self.decode(src)? {
            return Ok(Some(line));
        }
        // A `\r` alone may be the first half of an end.
        if src.is_empty() || src[..] == *b"\r" {
            return Ok(None);
        }
        text(&self.cutter.rest(src)).map(Some)
    }
}

impl<T: AsRef<str>> Encoder<T> for LinesCodec {
    type Error = LinesCodecError;

    fn encode(&mut self, line: T, dst: &mut BytesMut) -> Result<(), LinesCodecError> {
        let line = line.as_ref();
        dst.reserve(line.len() + 1);
        dst.extend_from_slice(line.as_bytes());
        dst.extend_from_slice(b"\n");
        Ok(())
    }
}

/// A line could not be read or written.
#[derive(Debug)]
pub enum LinesCodecError {
    /// It is longer than the limit.
    MaxLineLengthExceeded,
    /// Reading or writing failed, or it is not text.
    Io(io::Error),
}

impl fmt::Display for LinesCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxLineLengthExceeded => f.write_str("max line length exceeded"),
            Self::Io(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl From<io::Error> for LinesCodecError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Error for LinesCodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::MaxLineLengthExceeded => None,
            Self::Io(error) => Some(error),
        }
    }
}
