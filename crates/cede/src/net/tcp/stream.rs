//! A TCP connection.
//!
//! # Invariants
//! - I1: the unfilled part of a read buffer is only given to `recv(2)`, which initializes as many bytes as it returns. There is no shared memory, hence no loom model.

use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use cede_driver::{Attempt, Direction, Handle as DriverHandle, Source};
use cede_io::{AsyncRead, AsyncWrite, ReadBuf};
use socket2::SockRef;

use super::socket::TcpSocket;
use super::split::{self, ReadHalf, WriteHalf};
use super::split_owned::{self, OwnedReadHalf, OwnedWriteHalf};
use crate::net::ToSocketAddrs;
use crate::net::lookup::each_address;
use crate::net::wait_ready::WaitReady;
use crate::runtime::{Handle, context};

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
#[derive(Debug)]
pub struct TcpStream {
    source: Source<net::TcpStream>,
}

#[track_caller]
fn driver() -> DriverHandle {
    context::with_current(Handle::driver).unwrap_or_else(|| context::outside())
}

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
        let source = Source::new(stream);
        // A socket that is not connected yet reports itself as hung up when it is added to the driver; only then it becomes writable.
        poll_fn(|cx| source.poll_ready(cx, Direction::Write, driver)).await?;
        if let Some(error) = source.get_ref().take_error()? {
            return Err(error);
        }
        Ok(Self { source })
    }

    pub(super) fn from_source(source: Source<net::TcpStream>) -> Self {
        Self { source }
    }

    /// Takes over a stream of the standard library, which must be in non-blocking mode.
    ///
    /// # Errors
    /// None at present.
    ///
    /// # Panics
    /// Outside of a runtime, and if the stream is in blocking mode: it would hang a worker.
    #[track_caller]
    pub fn from_std(stream: net::TcpStream) -> io::Result<Self> {
        context::current();
        crate::net::assert_non_blocking(&stream);
        Ok(Self { source: Source::new(stream) })
    }

    /// Gives the stream of the standard library back, in non-blocking mode.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        Ok(self.source.into_inner())
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().local_addr()
    }

    /// The address of the peer.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().peer_addr()
    }

    /// The error that is pending on the socket, which this takes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.source.get_ref().take_error()
    }

    /// Waits until a read may succeed, or the peer has closed its side.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn readable(&self) -> io::Result<()> {
        WaitReady::new(&self.source, Direction::Read, driver).await.map(drop)
    }

    /// Waits until a write may succeed.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn writable(&self) -> io::Result<()> {
        WaitReady::new(&self.source, Direction::Write, driver).await.map(drop)
    }

    /// Polls for readability; see [`TcpStream::readable`].
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(cx, Direction::Read, driver).map_ok(drop)
    }

    /// Polls for writability; see [`TcpStream::writable`].
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_ready(cx, Direction::Write, driver).map_ok(drop)
    }

    /// Reads what is there, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there, and those of `read(2)`.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.try_io(Direction::Read, |mut stream| stream.read(buffer))
    }

    /// Writes what fits, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if nothing fits, and those of `write(2)`.
    pub fn try_write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.source.try_io(Direction::Write, |mut stream| stream.write(buffer))
    }

    /// Writes what fits of several buffers, without waiting.
    ///
    /// # Errors
    /// As [`TcpStream::try_write`].
    pub fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.source.try_io(Direction::Write, |mut stream| stream.write_vectored(buffers))
    }

    /// Looks at what would be read next, without taking it. Waits until something is there.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.source.try_io(Direction::Read, |stream| stream.peek(buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ready = WaitReady::new(&self.source, Direction::Read, driver).await?;
                }
                result => return result,
            }
        }
    }

    /// Sends small writes at once instead of collecting them.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get_ref().set_nodelay(nodelay)
    }

    /// Whether [`TcpStream::set_nodelay`] is on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.get_ref().nodelay()
    }

    /// How long closing waits for unsent data.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self.source.get_ref()).linger()
    }

    /// Sets how long closing waits for unsent data; zero resets the connection instead.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.source.get_ref()).set_linger(duration)
    }

    /// The time to live of packets.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.get_ref().ttl()
    }

    /// Sets the time to live of packets.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get_ref().set_ttl(ttl)
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

    pub(super) fn shutdown_std(&self, how: Shutdown) -> io::Result<()> {
        match self.source.get_ref().shutdown(how) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    #[inline]
    pub(super) fn poll_read_shared(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = ready!(self.source.poll_io(cx, Direction::Read, driver, |stream| {
            // A short read has drained the socket: the next byte is a new edge. An end has not, it stays.
            let room = buffer.remaining();
            let count = receive(stream, buffer)?;
            Ok(if count > 0 && count < room { Attempt::Drained(count) } else { Attempt::Done(count) })
        }))?;
        let _ = count;
        Poll::Ready(Ok(()))
    }

    #[inline]
    pub(super) fn poll_write_shared(&self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Write, driver, |mut stream| {
            let count = stream.write(buffer)?;
            Ok(if count > 0 && count < buffer.len() { Attempt::Drained(count) } else { Attempt::Done(count) })
        })
    }

    pub(super) fn poll_write_vectored_shared(&self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.source.poll_io(cx, Direction::Write, driver, |mut stream| stream.write_vectored(buffers).map(Attempt::Done))
    }
}

/// Receives into the unfilled part of a buffer, which need not be initialized.
fn receive(stream: &net::TcpStream, buffer: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: [I1] the memory is only written to, by the kernel, which initializes what it reports as received.
    let unfilled = unsafe { buffer.unfilled_mut() };
    let count = SockRef::from(stream).recv(unfilled)?;
    // SAFETY: [I1] as above.
    unsafe { buffer.assume_init(count) };
    buffer.advance(count);
    Ok(count)
}

impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, buffer)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored_shared(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown_std(Shutdown::Write))
    }
}

impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream)
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.source.get_ref().as_raw_fd()
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get_ref().as_fd()
    }
}
