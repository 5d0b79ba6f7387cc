//! Sources and destinations that do what they must not do. What they can cause is a panic or wrong data of their own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use cede_io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter, ReadBuf, copy};

use crate::script::block_on;

/// Replaces the buffer by another that is full.
struct Swaps(usize);

impl AsyncRead for Swaps {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut other = ReadBuf::new(Box::leak(vec![1; self.0].into_boxed_slice()));
        other.set_filled(self.0);
        *buf = other;
        Poll::Ready(Ok(()))
    }
}

/// Claims to have read more than there is room for.
struct Boasts;

impl AsyncRead for Boasts {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        buf.advance(buf.remaining() + 1);
        Poll::Ready(Ok(()))
    }
}

/// Claims to have written more than it was given.
struct Exaggerates;

impl AsyncWrite for Exaggerates {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len() + 1))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[track_caller]
fn panics<T>(what: &str, future: impl Future<Output = T>) {
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(future))).is_err(), "{what} believed it");
}

/// Runs each way of reading against a source.
fn every_way_of_reading<R: AsyncRead + Unpin>(source: impl Fn() -> R) {
    panics("read", async { source().read(&mut [0; 4]).await });
    panics("read_exact", async { source().read_exact(&mut [0; 4]).await });
    panics("read_u8", async { source().read_u8().await });
    panics("read_u64_le", async { source().read_u64_le().await });
    panics("read_buf", async { source().read_buf(&mut BytesMut::with_capacity(4)).await });
    panics("read_buf into a vector", async { source().read_buf(&mut Vec::new()).await });
    panics("take", async { source().take(3).read(&mut [0; 4]).await });
    panics("chain", async { source().chain(&b""[..]).read(&mut [0; 4]).await });
    panics("fill_buf", async { BufReader::new(source()).fill_buf().await.map(|_| ()) });
    panics("copy", async { copy(&mut source(), &mut Vec::new()).await });
    // What was in the vector before stays, and nothing is added.
    let mut vec = b"kept".to_vec();
    panics("read_to_end", async { source().read_to_end(&mut vec).await });
    assert_eq!(vec, b"kept");
    let mut full = Vec::with_capacity(64);
    full.resize(64, 7);
    panics("read_to_end, probing", async { source().read_to_end(&mut full).await });
    assert_eq!(full, [7; 64]);
    panics("read_to_string", async { source().read_to_string(&mut String::new()).await });
}

#[test]
fn a_source_that_replaces_the_buffer_is_caught() {
    for len in [1, 4, 8192, 1 << 20] {
        every_way_of_reading(|| Swaps(len));
    }
}

#[test]
fn a_source_that_claims_too_much_is_caught() {
    every_way_of_reading(|| Boasts);
}

#[test]
fn a_destination_that_claims_too_much_is_caught() {
    panics("write_all", async { Exaggerates.write_all(b"abc").await });
    panics("write_u8", async { Exaggerates.write_u8(1).await });
    panics("write_u32", async { Exaggerates.write_u32(1).await });
    panics("write_buf", async { Exaggerates.write_buf(&mut &b"abc"[..]).await });
    panics("write_all_buf", async { Exaggerates.write_all_buf(&mut &b"abc"[..]).await });
    panics("copy", async { copy(&mut &b"abc"[..], &mut Exaggerates).await });
    panics("copy_buf", async { cede_io::copy_buf(&mut &b"abc"[..], &mut Exaggerates).await });
    panics("BufWriter", async {
        let mut out = BufWriter::new(Exaggerates);
        out.write_all(b"abc").await?;
        out.flush().await
    });
}

/// Fills bytes and then says that it did not.
struct FillsAndFails;

impl AsyncRead for FillsAndFails {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        buf.put_slice(b"x");
        Poll::Ready(Err(io::ErrorKind::Other.into()))
    }
}

#[test]
fn bytes_that_come_with_an_error_do_not_count() {
    block_on(async {
        let mut vec = Vec::new();
        assert!(FillsAndFails.read_to_end(&mut vec).await.is_err());
        assert!(FillsAndFails.read_buf(&mut vec).await.is_err());
        assert_eq!(vec, b"");
        let mut reader = BufReader::new(FillsAndFails);
        assert!(reader.fill_buf().await.is_err());
        assert_eq!(reader.buffer(), b"");
    });
}
