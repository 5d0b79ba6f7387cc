//! `futures_io`'s traits on the sockets and pipes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::unix::pipe;
use crate::net::{TcpStream, UnixStream, tcp, unix};

macro_rules! impl_read {
    ($($socket:ty),*) => {$(
        impl futures_io::AsyncRead for $socket {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                let mut buffer = ReadBuf::new(buffer);
                ready!(AsyncRead::poll_read(self, cx, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    )*};
}

macro_rules! impl_write {
    ($($socket:ty),*) => {$(
        impl futures_io::AsyncWrite for $socket {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buffer)
            }

            fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, buffers)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(self, cx)
            }
        }
    )*};
}

impl_read!(TcpStream, tcp::OwnedReadHalf, UnixStream, unix::OwnedReadHalf, pipe::Receiver);
impl_write!(TcpStream, tcp::OwnedWriteHalf, UnixStream, unix::OwnedWriteHalf, pipe::Sender);
