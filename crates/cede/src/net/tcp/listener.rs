//! Accepting TCP connections.

use std::io;
use std::net::{self, SocketAddr};
use std::task::{Context, Poll, ready};

use cede_driver::{Attempt, Direction};

use super::socket::TcpSocket;
use super::stream::TcpStream;
use crate::net::ToSocketAddrs;
use crate::net::backoff::Backoff;
use crate::net::lookup::first_of;
use crate::pollable::Pollable;
use crate::sys;

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
pub struct TcpListener {
    io: Pollable<net::TcpListener>,
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
        Self::bind_to_one(address.resolve()?.addresses().await?)
    }

    fn bind_to_one(addresses: std::vec::IntoIter<SocketAddr>) -> io::Result<Self> {
        first_of(addresses, |address| {
            let socket = TcpSocket::for_address(address)?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        })
    }

    /// Takes over a listener of the standard library, which must be in non-blocking mode.
    ///
    /// # Errors
    /// In a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime, and if the listener is in blocking mode: it would hang a worker.
    #[inline]
    #[track_caller]
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        let io = Pollable::new(listener)?;
        crate::net::assert_non_blocking(&io);
        Ok(Self { io, backoff: Backoff::default() })
    }

    /// Gives the listener of the standard library back, in non-blocking mode.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        Ok(self.io.into_inner())
    }

    /// Waits for a connection.
    ///
    /// *Cancel safety*: dropping it loses no connection.
    ///
    /// # Errors
    /// Those of `accept(2)`. When the process has no descriptors left, that is reported once; from then on this waits by itself, at most half a second at a time, until there are some. It is reported again only after ten seconds without a failure.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        // Any number of tasks may accept from one listener; `poll_accept` only wakes one.
        loop {
            self.backoff.may_try().await;
            let accepted = self.io.operate(Direction::Read, accept).await;
            if let Some(result) = self.backoff.judge(accepted) {
                return result;
            }
        }
    }

    /// Polls for a connection; see [`TcpListener::accept`]. One task at a time is woken.
    ///
    /// # Errors
    /// As [`TcpListener::accept`].
    #[inline]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        loop {
            ready!(self.backoff.poll_may_try(cx));
            let accepted = ready!(self.io.poll_io(cx, Direction::Read, |listener| accept(listener).map(Attempt::Done)));
            if let Some(result) = self.backoff.judge(accepted) {
                return Poll::Ready(result);
            }
        }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
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
}

/// Takes a connection off the backlog, in non-blocking mode from the beginning.
#[inline]
fn accept(listener: &net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, peer) = sys::receive::accept(listener)?;
    let peer = peer.as_socket().ok_or(io::ErrorKind::InvalidData)?;
    Ok((TcpStream::accepted(socket.into())?, peer))
}

crate::net::descriptor! { TcpListener, net::TcpListener }
