//! Framing: from a byte stream to a stream of messages and back, with the names of `tokio_util::codec`.
//!
//! A [`Decoder`] finds messages in a buffer of bytes, an [`Encoder`] appends them to one. [`FramedRead`] is a stream over an
//! [`AsyncRead`](cede_io::AsyncRead), [`FramedWrite`] a sink over an [`AsyncWrite`](cede_io::AsyncWrite), [`Framed`] both.
//!
//! # Invariants
//! - I1: bytes that were read are in the buffer of the object until a message is made of them, and messages that were taken are in it until they are written. No future holds
//!   bytes, so a future of `next`, `send` or `flush` may be dropped at any time: no message is lost, doubled or torn.
//! - I2: after an error of decoding or reading the stream gives `None` once. Polled further it goes on, if the decoder can: first with what was read already, so that nobody waits for bytes that
//!   are there.
//!
//! ```
//! use cede_stream::codec::{Framed, LinesCodec};
//! use futures_util::{SinkExt, StreamExt};
//!
//! # cede_io::doc_example(async {
//! let (client, server) = cede_io::duplex(64);
//! let mut client = Framed::new(client, LinesCodec::new());
//! let mut server = Framed::new(server, LinesCodec::new_with_max_length(100));
//! client.send("hello").await.unwrap();
//! assert_eq!(server.next().await.unwrap().unwrap(), "hello");
//! # cede_io::Result::Ok(())
//! # });
//! ```

mod any_delimiter_codec;
mod bytes_codec;
mod cutter;
mod framed;
mod framed_read;
mod framed_write;
pub mod length_delimited;
mod lines_codec;
mod read_half;
mod write_half;

use std::io;

use bytes::BytesMut;

pub use any_delimiter_codec::{AnyDelimiterCodec, AnyDelimiterCodecError};
pub use bytes_codec::BytesCodec;
pub use framed::{Framed, FramedParts};
pub use framed_read::FramedRead;
pub use framed_write::FramedWrite;
pub use length_delimited::{LengthDelimitedCodec, LengthDelimitedCodecError};
pub use lines_codec::{LinesCodec, LinesCodecError};

/// How much a reader has room for at first, and how much a writer collects before it writes.
const INITIAL_CAPACITY: usize = 8 * 1024;

/// Finds messages in bytes.
pub trait Decoder {
    /// A message.
    type Item;
    /// What may go wrong; also reading.
    type Error: From<io::Error>;

    /// Takes a message out of `src`, with its bytes; none if there is not enough for one yet.
    ///
    /// # Errors
    /// What is in `src` is no message.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error>;

    /// Like [`Decoder::decode`], when no more bytes will come. It is called until it gives none.
    ///
    /// # Errors
    /// Those of `decode`; and, unless it is implemented otherwise, if bytes are left that are no message.
    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Self::Item>, Self::Error> {
        match self.decode(src)? {
            Some(message) => Ok(Some(message)),
            None if src.is_empty() => Ok(None),
            None => Err(io::Error::other("bytes remaining on stream").into()),
        }
    }

    /// A stream and sink of messages over `io`.
    fn framed<T>(self, io: T) -> Framed<T, Self>
    where
        Self: Sized,
    {
        Framed::new(io, self)
    }
}

/// Makes bytes of messages.
pub trait Encoder<Item> {
    /// What may go wrong; also writing.
    type Error: From<io::Error>;

    /// Appends a message to `dst`. If it fails it leaves `dst` as it was.
    ///
    /// # Errors
    /// It is not a message that can be sent.
    fn encode(&mut self, item: Item, dst: &mut BytesMut) -> Result<(), Self::Error>;
}
