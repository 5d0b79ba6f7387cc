//! Messages with their length before them.
//!
//! A message is a head and a payload. In the head is a length field; by default it is all of the head: four bytes, big-endian, the number of bytes of the payload. A
//! [`Builder`] describes others:
//!
//! ```text
//! | length_field_offset | length_field_length | … rest of the head … | payload |
//! |<------------ num_skip: not given to the user ----------->|
//! ```
//!
//! The number in the field plus `length_adjustment` is the number of bytes that follow the field.

use std::error::Error;
use std::{fmt, io};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Decoder, Encoder, Framed, FramedRead, FramedWrite};

/// Describes the head of messages; see the [module](self).
///
/// ```
/// use cede_stream::codec::{Decoder, LengthDelimitedCodec};
/// let mut codec = LengthDelimitedCodec::builder().length_field_length(2).little_endian().max_frame_length(1000).new_codec();
/// let mut read = bytes::BytesMut::from(&b"\x03\x00abc\xff\xff"[..]);
/// assert_eq!(codec.decode(&mut read).unwrap().unwrap(), "abc");
/// assert!(codec.decode(&mut read).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    max_frame_length: usize,
    field_offset: usize,
    field_length: usize,
    adjustment: isize,
    /// None: all up to the end of the field.
    skip: Option<usize>,
    big_endian: bool,
}

impl Builder {
    /// Four bytes, big-endian, and payloads of at most 8 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self { max_frame_length: 8 * 1024 * 1024, field_offset: 0, field_length: 4, adjustment: 0, skip: None, big_endian: true }
    }

    /// The field is big-endian.
    pub fn big_endian(&mut self) -> &mut Self {
        self.big_endian = true;
        self
    }

    /// The field is little-endian.
    pub fn little_endian(&mut self) -> &mut Self {
        self.big_endian = false;
        self
    }

    /// What the length field may say at most, for messages that are read or written.
    pub fn max_frame_length(&mut self, bytes: usize) -> &mut Self {
        self.max_frame_length = bytes;
        self
    }

    /// How many bytes the field has.
    ///
    /// # Panics
    /// Unless it is 1 to 8.
    #[track_caller]
    pub fn length_field_length(&mut self, bytes: usize) -> &mut Self {
        assert!((1..=8).contains(&bytes), "invalid length field length");
        self.field_length = bytes;
        self
    }

    /// How many bytes are before the field.
    pub fn length_field_offset(&mut self, bytes: usize) -> &mut Self {
        self.field_offset = bytes;
        self
    }

    /// What is to be added to the field's number to get the number of bytes after the field.
    pub fn length_adjustment(&mut self, bytes: isize) -> &mut Self {
        self.adjustment = bytes;
        self
    }

    /// How many bytes from the start of the message are not given to the user. By default all up to the end of the field.
    pub fn num_skip(&mut self, bytes: usize) -> &mut Self {
        self.skip = Some(bytes);
        self
    }

    /// The codec.
    #[must_use]
    pub fn new_codec(&self) -> LengthDelimitedCodec {
        LengthDelimitedCodec { builder: *self }
    }

    /// A stream of messages from `upstream`.
    pub fn new_read<T>(&self, upstream: T) -> FramedRead<T, LengthDelimitedCodec> {
        FramedRead::new(upstream, self.new_codec())
    }

    /// A sink of messages to `inner`.
    pub fn new_write<T>(&self, inner: T) -> FramedWrite<T, LengthDelimitedCodec> {
        FramedWrite::new(inner, self.new_codec())
    }

    /// A stream and sink of messages over `inner`.
    pub fn new_framed<T>(&self, inner: T) -> Framed<T, LengthDelimitedCodec> {
        Framed::new(inner, self.new_codec())
    }

    /// The end of the length field.
    fn head_length(&self) -> usize {
        self.field_offset + self.field_length
    }

    fn refuse(kind: io::ErrorKind) -> io::Error {
        io::Error::new(kind, LengthDelimitedCodecError(()))
    }

    /// The number of bytes of the whole message, if the field is there.
    fn message_length(&self, src: &BytesMut) -> io::Result<Option<usize>> {
        let Some(mut field) = src.get(self.field_offset..self.head_length()) else { return Ok(None) };
        let number = if self.big_endian { field.get_uint(self.field_length) } else { field.get_uint_le(self.field_length) };
        let refused = || Self::refuse(io::ErrorKind::InvalidData);
        let number = usize::try_from(number).ok().filter(|number| *number <= self.max_frame_length).ok_or_else(refused)?;
        let after = number.checked_add_signed(self.adjustment).ok_or_else(refused)?;
        self.head_length().checked_add(after).map(Some).ok_or_else(refused)
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

/// Messages with their length before them; see the [module](self). The payload is cut out of the read buffer, not copied.
///
/// ```
/// use cede_stream::codec::{Encoder, LengthDelimitedCodec};
/// let mut written = bytes::BytesMut::new();
/// LengthDelimitedCodec::new().encode("abc".into(), &mut written).unwrap();
/// assert_eq!(&written[..], b"\0\0\0\x03abc");
/// ```
#[derive(Clone, Debug)]
pub struct LengthDelimitedCodec {
    builder: Builder,
}

impl LengthDelimitedCodec {
    /// With a head of four bytes, big-endian, and payloads of at most 8 MiB.
    #[must_use]
    pub fn new() -> Self {
        Builder::new().new_codec()
    }

    /// For other heads.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// What the length field may say at most.
    #[must_use]
    pub fn max_frame_length(&self) -> usize {
        self.builder.max_frame_length
    }

    /// Sets what the length field may say at most, from the next message on.
    pub fn set_max_frame_length(&mut self, bytes: usize) {
        self.builder.max_frame_length = bytes;
    }
}

impl Default for LengthDelimitedCodec {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder for LengthDelimitedCodec {
    type Item = BytesMut;
    /// `InvalidData` with a [`LengthDelimitedCodecError`] inside if the message is too long.
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        let Some(length) = self.builder.message_length(src)? else { return Ok(None) };
        if src.len() < length {
            src.reserve(length - src.len());
            return Ok(None);
        }
        let mut message = src.split_to(length);
        let skip = self.builder.skip.unwrap_or(self.builder.head_length());
        message.advance(skip.min(length));
        Ok(Some(message))
    }
}

impl Encoder<Bytes> for LengthDelimitedCodec {
    /// `InvalidInput` with a [`LengthDelimitedCodecError`] inside if the message is too long.
    type Error = io::Error;

    fn encode(&mut self, payload: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        let builder = &self.builder;
        let refused = || Builder::refuse(io::ErrorKind::InvalidInput);
        let number = builder.adjustment.checked_neg().and_then(|back| payload.len().checked_add_signed(back)).ok_or_else(refused)?;
        let fits = builder.field_length == 8 || (number as u64) >> (8 * builder.field_length) == 0;
        if number > builder.max_frame_length || !fits {
            return Err(refused());
        }
        dst.reserve(builder.head_length() + payload.len());
        dst.put_bytes(0, builder.field_offset);
        if builder.big_endian {
            dst.put_uint(number as u64, builder.field_length);
        } else {
            dst.put_uint_le(number as u64, builder.field_length);
        }
        dst.extend_from_slice(&payload);
        Ok(())
    }
}

/// A message is longer than allowed, or its length makes no sense.
#[derive(Debug)]
pub struct LengthDelimitedCodecError(());

impl fmt::Display for LengthDelimitedCodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("frame size too big")
    }
}

impl Error for LengthDelimitedCodecError {}
