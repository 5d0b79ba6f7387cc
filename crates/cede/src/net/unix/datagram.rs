//! Messages between processes of this machine.

use std::io;
use std::net::Shutdown;
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use bytes::BufMut;
use cede_driver::{Attempt, Direction, Interest, Ready};
use cede_io::ReadBuf;
use socket2::{Domain, Socket, Type};

use super::address::SocketAddr;
use crate::pollable::Pollable;
use crate::sys::fill;
use crate::sys::receive::{receive, receive_from};

/// A socket for messages between processes of this machine. Nothing is lost or reordered; a message that does not fit into the receiver's buffer is cut off.
/// Dropping it leaves its path in the file system.
///
/// ```
/// # cede::block_on(async {
/// let (a, b) = cede::net::UnixDatagram::pair()?;
/// a.send(b"hello").await?;
/// let mut buffer = [0; 16];
/// let count = b.recv(&mut buffer).await?;
/// assert_eq!(&buffer[..count], b"hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixDatagram {
    io: Pollable<net::UnixDatagram>,
}

crate::net::datagrams::datagrams! { UnixDatagram, net::UnixDatagram, SocketAddr, SocketAddr::of_kernel }

impl UnixDatagram {
    /// A socket at a path, which must not exist.
    ///
    /// # Errors
    /// If the path exists or cannot be made, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        // Not after the path has been made.
        crate::io::home::home()?;
        let socket = net::UnixDatagram::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { io: Pollable::new(socket)? })
    }

    /// A socket without an address. It can send.
    ///
    /// # Errors
    /// If there are no descriptors left, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn unbound() -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::DGRAM.nonblocking(), None)?;
        Ok(Self { io: Pollable::new(socket.into())? })
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
        let (a, b) = Socket::pair(Domain::UNIX, Type::DGRAM.nonblocking(), None)?;
        let end = |socket: Socket| -> io::Result<Self> { Ok(Self { io: Pollable::assuming(socket.into(), Ready::WRITABLE)? }) };
        Ok((end(a)?, end(b)?))
    }

    /// Sets the peer for `send` and `recv`.
    ///
    /// # Errors
    /// If there is no socket at the path.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.io.get_ref().connect(path)
    }

    /// Sends a message to the socket at a path.
    ///
    /// *Cancel safety*: dropping it before it is ready sends nothing.
    ///
    /// # Errors
    /// If there is no socket at the path, and those of `sendto(2)`.
    pub async fn send_to<P: AsRef<Path>>(&self, message: &[u8], target: P) -> io::Result<usize> {
        self.io.operate(Direction::Write, |socket| socket.send_to(message, target.as_ref())).await
    }

    /// Polls to send a message to the socket at a path. Only the last task that polled to send is woken.
    ///
    /// # Errors
    /// As [`UnixDatagram::send_to`].
    #[inline]
    pub fn poll_send_to<P: AsRef<Path>>(&self, cx: &mut Context<'_>, message: &[u8], target: P) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Direction::Write, |socket| socket.send_to(message, target.as_ref()).map(Attempt::Done))
    }

    /// Sends a message to the socket at a path, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room, and those of [`UnixDatagram::send_to`].
    #[inline]
    pub fn try_send_to<P: AsRef<Path>>(&self, message: &[u8], target: P) -> io::Result<usize> {
        self.io.attempt(Direction::Write, |socket| socket.send_to(message, target))
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
    /// If the socket is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr().map(SocketAddr)
    }

    /// Ends receiving, sending or both.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }
}
