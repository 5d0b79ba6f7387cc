//! Accepting TCP connections.

use std::future::poll_fn;
use std::io;
use std::net::{self, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_driver::{Attempt, Direction, Source};

use super::backoff::Backoff;
use super::socket::TcpSocket;
use super::stream::TcpStream;
use crate::net::ToSocketAddrs;
use crate::net::lookup::each_address;
use crate::net::wait_ready::WaitReady;
use crate::runtime::{Handle, context};

#[track_caller]
fn driver() -> cede_driver::Handle {
    context::with_current(Handle::driver).unwrap_or_else(|| context::outside())
}

/// So many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A socket that accepts TCP connections.
///
/// ```
/// # cede::block_on(async {
/// use cede::io::{AsyncReadExt, AsyncWriteExt};
/// use cede::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// let server = cede::spawn(async move {
///     let (mut peer, _) = listener.accept().await?;
///     peer.write_all(b"hello").await
/// });
/// let mut text = String::new();
/// TcpStream::connect(address).await?.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// server.await?
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct TcpListener {
    source: Source<net::TcpListener>,
    backoff: Backoff,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be bound. Port 0 takes a free one.
    ///
    /// *Cancel safety*: dropping it closes the socket.
    ///
    /// # Errors
    /// If no address can be bound.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        each_address(address, |address| async move {
            let socket = TcpSocket::for_address(address)?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        })
        .await
    }

    /// Takes over a listener of the standard library, which must be in non-blocking mode.
    ///
    /// # Errors
    /// None at present.
    ///
    /// # Panics
    /// Outside of a runtime, and if the listener is in blocking mode: it would hang a worker.
    #[track_caller]
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        context::current();
        crate::net::assert_non_blocking(&listener);
        Ok(Self { source: Source::new(listener), backoff: Backoff::default() })
    }

    /// Gives the listener of the standard library back, in non-blocking mode.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        Ok(self.source.into_inner())
    }

    /// Waits for a connection.
    ///
    /// *Cancel safety*: dropping it loses no connection.
    ///
    /// # Errors
    /// Those of `accept(2)`. When the process has no descriptors left, that is reported once; from then on this waits by itself, at most a second at a time, until there are some.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        // Any number of tasks may accept from one listener; `poll_accept` only wakes one.
        loop {
            poll_fn(budget::poll_proceed).await.spend();
            poll_fn(|cx| self.backoff.poll_may_try(cx)).await;
            match self.source.try_io(Direction::Read, net::TcpListener::accept) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ready = WaitReady::new(&self.source, Direction::Read, driver).await?;
                }
                result => {
                    if let Some(result) = self.finish_accept(result) {
                        return result;
                    }
                }
            }
        }
    }

    /// Polls for a connection; see [`TcpListener::accept`]. One task at a time is woken.
    ///
    /// # Errors
    /// As [`TcpListener::accept`].
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        loop {
            ready!(self.backoff.poll_may_try(cx));
            let result = ready!(self.source.poll_io(cx, Direction::Read, driver, |listener| listener.accept().map(Attempt::Done)));
            if let Some(result) = self.finish_accept(result) {
                return Poll::Ready(result);
            }
        }
    }

    /// What `accept(2)` gave, as it is to be returned; `None` if the listener is short of descriptors and has said so already.
    fn finish_accept(&self, result: io::Result<(net::TcpStream, SocketAddr)>) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        match result {
            Ok((stream, peer)) => {
                self.backoff.clear();
                Some(stream.set_nonblocking(true).map(|()| (TcpStream::from_source(Source::new(stream)), peer)))
            }
            Err(error) => self.backoff.report(&error).then_some(Err(error)),
        }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().local_addr()
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
}

impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: net::TcpListener) -> io::Result<Self> {
        Self::from_std(listener)
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.source.get_ref().as_raw_fd()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get_ref().as_fd()
    }
}
