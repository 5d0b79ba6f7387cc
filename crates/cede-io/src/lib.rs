//! Asynchronous byte streams: the traits, the buffers and the utilities around them.
//!
//! The shapes are those of `std::io`, with `poll_` in front: [`AsyncRead`], [`AsyncWrite`], [`AsyncBufRead`] and [`AsyncSeek`] are what a
//! resource implements, and the `…Ext` traits are what one calls. Names, signatures and behaviour are tokio 1.x's.
//!
//! Nothing here knows an executor or a socket. Three things come from the thread that polls (see `cede-context`): the budget, which the
//! in-memory resources and the copy loops spend, the record of what a task waits for, and nothing else.
//!
//! A reader is foreign code and is not believed. It gets a [`ReadBuf`], which it can replace as a whole (`*buf = ReadBuf::new(other)`) although
//! it has no business to. Each place that lends a `ReadBuf` to a reader goes through the functions at the end of `read_buf.rs`, which compare
//! the buffer that comes back with the one that was lent, and panic if it is another one. So a wrong reader can give wrong data or a panic, never
//! memory that was not written.
//!
//! `unsafe` appears in `read_buf.rs` and `buf_read_ext/fill_buf.rs` only.
//!
//! No stability is promised; depend on `cede`.
#![deny(unsafe_code)]

mod async_buf_read;
mod async_read;
mod async_seek;
mod async_write;
mod buf_read_ext;
mod buf_reader;
mod buf_stream;
mod buf_writer;
mod chain;
mod copy;
mod copy_bidirectional;
mod copy_buf;
mod doc_example;
mod empty;
mod join;
mod pipe;
mod read_buf;
mod read_ext;
mod repeat;
mod seek_ext;
mod sink;
mod split;
mod take;
mod write_ext;

pub use async_buf_read::AsyncBufRead;
pub use async_read::AsyncRead;
pub use async_seek::AsyncSeek;
pub use async_write::AsyncWrite;
pub use buf_read_ext::{AsyncBufReadExt, Lines, Split};
pub use buf_reader::BufReader;
pub use buf_stream::BufStream;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::copy;
pub use copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use copy_buf::copy_buf;
#[doc(hidden)]
pub use doc_example::doc_example;
pub use empty::{Empty, empty};
pub use join::{Join, join};
pub use pipe::{DuplexStream, SimplexStream, duplex, simplex};
pub use read_buf::ReadBuf;
pub use read_ext::AsyncReadExt;
pub use repeat::{Repeat, repeat};
pub use seek_ext::AsyncSeekExt;
pub use sink::{Sink, sink};
pub use split::{ReadHalf, WriteHalf, split};
pub use take::Take;
pub use write_ext::AsyncWriteExt;

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, Result, SeekFrom};

use std::task::{Context, Poll, ready};

/// The buffer size of everything that buffers, unless told otherwise; it is std's.
const DEFAULT_BUF_SIZE: usize = 8 * 1024;

/// Takes one unit from the budget; `Pending` when there is none.
#[inline]
fn poll_spend(cx: &mut Context<'_>) -> Poll<()> {
    ready!(cede_context::budget::poll_proceed(cx)).spend();
    Poll::Ready(())
}
