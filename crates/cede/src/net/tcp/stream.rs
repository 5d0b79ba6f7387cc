//! A TCP connection.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BufMut;
use cede_driver::{Attempt, Direction, Interest, Ready};
use cede_io::{AsyncRead, AsyncWrite, ReadBuf};
use socket2::SockRef;

use super::socket::TcpSocket;
use super::split::{self, ReadHalf, WriteHalf};
use super::split_owned::{self, OwnedReadHalf, OwnedWriteHalf};
use crate::net::ToSocketAddrs;
use crate::net::lookup::each_address;
use crate::pollable::Pollable;
use crate::sys::fill;
use crate::sys::receive::{receive, set_low_water};

/// A connection between this machine and a peer, by TCP. Dropping it closes the connection.
///
/// ```no_run
/// # cede::block_on(async {
/// use cede::io::{AsyncReadExt, AsyncWriteExt};
///
/// let mut stream = cede::net::TcpStream::connect("example.org:80").await?;
/// stream.write_all(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n").await?;
/// let mut page = Vec::new();
/// stream.read_to_end(&mut page).await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct TcpStream {
    io: Pollable<net::TcpStream>,
}

crate::net::byte_stream::byte_stream! { TcpStream, net::TcpStream }

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// *Cancel safety*: dropping it closes the socket.
    ///
    /// # Errors
    /// If no address can be reached; the error is that of the last one.
    pub async fn connect<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        each_address(address, |address| async move { TcpSocket::for_address(address)?.connect(address).await }).await
    }

    /// A socket on which `connect` was called: waits until that is decided.
    pub(super) async fn connecting(stream: net::TcpStream) -> io::Result<Self> {
        let io = Pollable::new(stream)?;
        // A socket that is not connected yet reports itself as hung up when it is added to the driver; only then it becomes writable.
        std::future::poll_fn(|cx| io.poll_ready(cx, Direction::Write)).await?;
        if let Some(error) = io.get_ref().take_error()? {
            return Err(error);
        }
        Ok(Self { io })
    }

    /// A connection that was just accepted, in non-blocking mode. Usually the peer speaks first, and has done so.
    #[inline]
    pub(super) fn accepted(stream: net::TcpStream) -> io::Result<Self> {
        Ok(Self { io: Pollable::assuming(stream, Ready::READABLE | Ready::WRITABLE)? })
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// The address of the peer.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// Looks at what would be read next, without taking it. Waits until something is there.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io.operate(Direction::Read, |stream| stream.peek(buffer)).await
    }

    /// Polls for a look at what would be read next; see [`TcpStream::peek`]. Returns how many bytes it added to the buffer.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    #[inline]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Direction::Read, |stream| {
            let (count, ()) = fill::read_buf(buffer, |memory| Ok((receive(stream, memory, libc::MSG_PEEK)?, ())))?;
            Ok(Attempt::Done(count))
        })
    }

    /// Whether received data is acknowledged at once; the kernel changes that by itself.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn quickack(&self) -> io::Result<bool> {
        SockRef::from(self.io.get_ref()).tcp_quickack()
    }

    /// Acknowledges received data at once, for now: the kernel may go back to delaying.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        SockRef::from(self.io.get_ref()).set_tcp_quickack(quickack)
    }

    /// Closing resets the connection and throws unsent data away.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn set_zero_linger(&self) -> io::Result<()> {
        SockRef::from(self.io.get_ref()).set_linger(Some(Duration::ZERO))
    }

    /// Sends small writes at once instead of collecting them.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.get_ref().set_nodelay(nodelay)
    }

    /// Wakes whoever reads only when so many bytes are there, or the end, or an error; usually 1. A fast connection costs one wake-up for all of them, instead of one
    /// for each packet. Fewer than that are not lost: they are read with what comes next, or when this is set to 1 again. tokio has nothing like it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_read_low_water(&self, bytes: usize) -> io::Result<()> {
        set_low_water(self.io.get_ref(), bytes)
    }

    /// Whether [`TcpStream::set_nodelay`] is on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.get_ref().nodelay()
    }

    /// How long closing waits for unsent data.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self.io.get_ref()).linger()
    }

    /// Sets how long closing waits for unsent data; zero resets the connection instead.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    #[deprecated = "closing then blocks the thread for that long; for a reset, use `set_zero_linger`"]
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.io.get_ref()).set_linger(duration)
    }

    /// The time to live of packets.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets the time to live of packets.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }

    /// Two halves that borrow the stream, one to read and one to write.
    #[inline]
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::split(self)
    }

    /// Two halves that own the stream together, one to read and one to write. Dropping the writing half closes that side.
    #[inline]
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split_owned::split(self)
    }
}
