//! Messages with their length before them.
//!
//! A message is a head and a payload. In the head is a length field; by default it is all of the head: four bytes, big-endian, the number of bytes of the payload. A
//! [`Builder`] describes others:
//!
//! ```text
//! | length_field_offset bytes | the field: length_field_length bytes | what follows … |
//! |<---------- num_skip bytes ---------->|<- number in the field + length_adjustment ->|
//! |              thrown away             |            given to the user                |
//! ```

use std::error::Error;
use std::{fmt, io};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Decoder, Encoder, Framed, FramedRead, FramedWrite};

/// For so many bytes of a message that has begun there is room at once.
const READ_AHEAD: usize = 256 * 1024;

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

    /// The field is as this machine has it.
    pub fn native_endian(&mut self) -> &mut Self {
        self.big_endian = cfg!(target_endian = "big");
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

    /// What is to be added to the field's number to get the number of bytes that are given to the user.
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
        let mut codec = LengthDelimitedCodec { builder: *self, payload: None };
        codec.set_max_frame_length(self.max_frame_length);
        codec
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
        self.field_offset.saturating_add(self.field_length)
    }

    fn refuse(kind: io::ErrorKind) -> io::Error {
        io::Error::new(kind, LengthDelimitedCodecError(()))
    }

    /// How many bytes come before the payload.
    fn skipped(&self) -> usize {
        self.skip.unwrap_or(self.head_length())
    }

    /// The number of bytes of the payload, if the head is there.
    fn payload_length(&self, src: &BytesMut) -> io::Result<Option<usize>> {
        if src.len() < self.head_length().max(self.skipped()) {
            return Ok(None);
        }
        let mut field = &src[self.field_offset..self.head_length()];
        let number = if self.big_endian { field.get_uint(self.field_length) } else { field.get_uint_le(self.field_length) };
        let refused = || Self::refuse(io::ErrorKind::InvalidData);
        let number = usize::try_from(number).ok().filter(|number| *number <= self.max_frame_length).ok_or_else(refused)?;
        number.checked_add_signed(self.adjustment).map(Some).ok_or_else(refused)
    }

    /// The longest payload of which the field can tell.
    fn longest_payload(&self) -> usize {
        let largest = u64::MAX >> (64 - 8 * self.field_length);
        usize::try_from(largest).unwrap_or(usize::MAX).saturating_add_signed(self.adjustment)
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
/// LengthDelimitedCodec::new().encode(&b"abc"[..], &mut written).unwrap();
/// assert_eq!(&written[..], b"\0\0\0\x03abc");
/// ```
#[derive(Clone, Debug)]
pub struct LengthDelimitedCodec {
    builder: Builder,
    /// The length of the message whose head was taken from the buffer.
    payload: Option<usize>,
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

    /// The longest payload that is taken: the limit that was set, or the largest that the field can tell of, if that is less.
    #[must_use]
    pub fn max_frame_length(&self) -> usize {
        self.builder.max_frame_length
    }

    /// Sets the limit, from the next message on.
    pub fn set_max_frame_length(&mut self, bytes: usize) {
        self.builder.max_frame_length = bytes.min(self.builder.longest_payload());
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
        let length = match self.payload {
            Some(length) => length,
            None => {
                let Some(length) = self.builder.payload_length(src)? else { return Ok(None) };
                src.advance(self.builder.skipped());
                self.payload = Some(length);
                length
            }
        };
        if src.len() < length {
            // The head of a stranger does not decide how much memory is taken before the bytes are there.
            src.reserve((length - src.len()).min(READ_AHEAD));
            return Ok(None);
        }
        self.payload = None;
        Ok(Some(src.split_to(length)))
    }

    /// A head without its payload is a cut message, too.
    fn decode_eof(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        match self.decode(src)? {
            Some(message) => Ok(Some(message)),
            None if src.is_empty() && self.payload.is_none() => Ok(None),
            None => Err(io::Error::other("bytes remaining on stream")),
        }
    }
}

impl Encoder<Bytes> for LengthDelimitedCodec {
    /// `InvalidInput` with a [`LengthDelimitedCodecError`] inside if the message is too long.
    type Error = io::Error;

    fn encode(&mut self, payload: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        self.encode(&payload[..], dst)
    }
}

impl Encoder<&[u8]> for LengthDelimitedCodec {
    /// `InvalidInput` with a [`LengthDelimitedCodecError`] inside if the message is too long.
    type Error = io::Error;

    fn encode(&mut self, payload: &[u8], dst: &mut BytesMut) -> io::Result<()> {
        let builder = &self.builder;
        let refused = || Builder::refuse(io::ErrorKind::InvalidInput);
        if payload.len() > builder.max_frame_length {
            return Err(refused());
        }
        let number = builder.adjustment.checked_neg().and_then(|back| payload.len().checked_add_signed(back)).ok_or_else(refused)?;
        let fits = builder.field_length == 8 || (number as u64) >> (8 * builder.field_length) == 0;
        if !fits {
            return Err(refused());
        }
        dst.reserve(builder.head_length() + payload.len());
        dst.put_bytes(0, builder.field_offset);
        if builder.big_endian {
            dst.put_uint(number as u64, builder.field_length);
        } else {
            dst.put_uint_le(number as u64, builder.field_length);
        }
        dst.extend_from_slice(payload);
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
