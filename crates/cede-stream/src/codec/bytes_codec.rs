//! Bytes as they come.

use std::io;

use bytes::{Bytes, BytesMut};

use super::{Decoder, Encoder};

/// A codec without messages: what was read at once, and what is to be written.
///
/// ```
/// use cede_stream::codec::{BytesCodec, Decoder};
/// let mut read = bytes::BytesMut::from("abc");
/// assert_eq!(BytesCodec::new().decode(&mut read).unwrap().unwrap(), "abc");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BytesCodec(());

impl BytesCodec {
    /// The codec.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl Decoder for BytesCodec {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        Ok((!src.is_empty()).then(|| src.split()))
    }
}

impl Encoder<Bytes> for BytesCodec {
    type Error = io::Error;

    fn encode(&mut self, item: Bytes, dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(&item);
        Ok(())
    }
}

impl Encoder<BytesMut> for BytesCodec {
    type Error = io::Error;

    fn encode(&mut self, item: BytesMut, dst: &mut BytesMut) -> io::Result<()> {
        dst.extend_from_slice(&item);
        Ok(())
    }
}
