//! A connection between processes of this machine.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::unix::net;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use cede_driver::{Attempt, Direction, Interest, Ready};
use cede_io::{AsyncRead, AsyncWrite, ReadBuf};

use super::address::SocketAddr;
use super::socket::UnixSocket;
use super::split::{self, ReadHalf, WriteHalf};
use super::split_owned::{self, OwnedReadHalf, OwnedWriteHalf};
use super::ucred::UCred;
use crate::pollable::Pollable;

/// A connection between processes of this machine. Dropping it closes the connection.
///
/// ```
/// # cede::block_on(async {
/// use cede::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (mut a, mut b) = cede::net::UnixStream::pair()?;
/// a.write_all(b"hello").await?;
/// drop(a);
/// let mut text = String::new();
/// b.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixStream {
    io: Pollable<net::UnixStream>,
}

crate::net::byte_stream::byte_stream! { UnixStream, net::UnixStream, #[inline] }

impl UnixStream {
    /// Connects to a path, or to an abstract name if it starts with a null byte.
    ///
    /// *Cancel safety*: dropping it closes the socket.
    ///
    /// # Errors
    /// If nobody listens there. If too many wait to be accepted there, `WouldBlock`: the system does not queue further ones.
    pub async fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::of_path(path.as_ref())?).await
    }

    /// Connects to an address.
    ///
    /// *Cancel safety*: dropping it closes the socket.
    ///
    /// # Errors
    /// As [`UnixStream::connect`].
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        UnixSocket::new_stream()?.connect_address(address).await
    }

    /// A socket on which `connect` was called: waits until that is decided.
    pub(super) async fn connecting(stream: net::UnixStream) -> io::Result<Self> {
        let io = Pollable::new(stream)?;
        std::future::poll_fn(|cx| io.poll_ready(cx, Direction::Write)).await?;
        match io.get_ref().take_error()? {
            Some(error) => Err(error),
            None => Ok(Self { io }),
        }
    }

    /// A connection that was just accepted, in non-blocking mode. Usually the peer speaks first, and has done so.
    #[inline]
    pub(super) fn accepted(stream: net::UnixStream) -> io::Result<Self> {
        Ok(Self { io: Pollable::assuming(stream, Ready::READABLE | Ready::WRITABLE)? })
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    /// If there are no descriptors left, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = socket2::Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM.nonblocking(), None)?;
        let end = |socket: socket2::Socket| -> io::Result<Self> { Ok(Self { io: Pollable::assuming(socket.into(), Ready::WRITABLE)? }) };
        Ok((end(a)?, end(b)?))
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr().map(SocketAddr)
    }

    /// The address of the peer.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr().map(SocketAddr)
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        UCred::of_peer(self.io.get_ref())
    }

    /// Two halves that borrow the stream, one to read and one to write.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::split(self)
    }

    /// Two halves that own the stream together, one to read and one to write. Dropping the writing half closes that side.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split_owned::split(self)
    }
}
