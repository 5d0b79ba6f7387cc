//! Asynchronous byte streams: the traits, the buffers and the utilities around them.
//!
//! The shapes are those of `std::io`, with `poll_` in front: [`AsyncRead`], [`AsyncWrite`], [`AsyncBufRead`] and [`AsyncSeek`] are what a
//! resource implements, and the `…Ext` traits are what one calls. Names, signatures and behaviour are tokio 1.x's.
//!
//! Nothing here knows an executor or a socket. Three things come from the thread that polls (see `cede-context`): the budget, which the
//! in-memory resources and the copy loops spend, the record of what a task waits for, and nothing else.
//!
//! A reader is foreign code and is not believed. It gets a [`ReadBuf`], which it can replace as a whole (`*buf = ReadBuf::new(other)`) although
//! it has no business to. Each place that lends a `ReadBuf` to a reader goes through the functions of `read_buf/lend.rs`, which compare
//! the buffer that comes back with the one that was lent, and panic if it is another one. So a wrong reader can give wrong data or a panic, never
//! memory that was not written.
//!
//! `unsafe` appears in `read_buf.rs`, `read_buf/lend.rs` and `buf_read_ext/fill_buf.rs` only.
//!
//! No stability is promised; depend on `cede`.
#![deny(unsafe_code)]

mod async_buf_read;
mod async_read;
mod async_seek;
mod async_write;
#[cfg(feature = "util")]
mod buf_read_ext;
#[cfg(feature = "util")]
mod buf_reader;
#[cfg(feature = "util")]
mod buf_stream;
#[cfg(feature = "util")]
mod buf_writer;
#[cfg(feature = "util")]
mod chain;
#[cfg(feature = "util")]
mod copy;
#[cfg(feature = "util")]
mod copy_bidirectional;
#[cfg(feature = "util")]
mod copy_buf;
mod doc_example;
#[cfg(feature = "util")]
mod empty;
#[cfg(feature = "util")]
mod join;
#[cfg(feature = "util")]
mod pipe;
mod read_buf;
#[cfg(feature = "util")]
mod read_ext;
#[cfg(feature = "util")]
mod repeat;
#[cfg(feature = "util")]
mod seek_ext;
#[cfg(feature = "util")]
mod sink;
#[cfg(feature = "util")]
mod spend;
#[cfg(feature = "util")]
mod split;
#[cfg(feature = "util")]
mod take;
#[cfg(feature = "util")]
mod write_ext;

pub use async_buf_read::AsyncBufRead;
pub use async_read::AsyncRead;
pub use async_seek::AsyncSeek;
pub use async_write::AsyncWrite;
#[cfg(feature = "util")]
pub use buf_read_ext::{AsyncBufReadExt, Lines, Split};
#[cfg(feature = "util")]
pub use buf_reader::BufReader;
#[cfg(feature = "util")]
pub use buf_stream::BufStream;
#[cfg(feature = "util")]
pub use buf_writer::BufWriter;
#[cfg(feature = "util")]
pub use chain::Chain;
#[cfg(feature = "util")]
pub use copy::copy;
#[cfg(feature = "util")]
pub use copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
#[cfg(feature = "util")]
pub use copy_buf::copy_buf;
#[doc(hidden)]
pub use doc_example::doc_example;
#[cfg(feature = "util")]
pub use empty::{Empty, empty};
#[cfg(feature = "util")]
pub use join::{Join, join};
#[cfg(feature = "util")]
pub use pipe::{DuplexStream, SimplexStream, duplex, simplex};
pub use read_buf::ReadBuf;
#[cfg(feature = "util")]
pub use read_ext::AsyncReadExt;
#[cfg(feature = "util")]
pub use repeat::{Repeat, repeat};
#[cfg(feature = "util")]
pub use seek_ext::AsyncSeekExt;
#[cfg(feature = "util")]
pub use sink::{Sink, sink};
#[cfg(feature = "util")]
pub use split::{ReadHalf, WriteHalf, split};
#[cfg(feature = "util")]
pub use take::Take;
#[cfg(feature = "util")]
pub use write_ext::AsyncWriteExt;

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};
