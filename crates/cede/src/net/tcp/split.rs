//! Halves of a TCP stream that borrow it.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use cede_driver::{Interest, Ready};
use cede_io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::TcpStream;

crate::net::halves::borrowed_halves! { TcpStream, SocketAddr }

impl ReadHalf<'_> {
    /// See [`TcpStream::poll_peek`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn poll_peek(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        self.0.poll_peek(cx, buffer)
    }

    /// See [`TcpStream::peek`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there: nothing is lost.
    pub async fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buffer).await
    }
}
