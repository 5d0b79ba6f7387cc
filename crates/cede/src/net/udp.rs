//! UDP.

mod options;
mod peek;

use std::io;
use std::net::{self, SocketAddr};
use std::task::{Context, Poll};

use bytes::BufMut;
use cede_driver::{Attempt, Direction, Interest, Ready};
use cede_io::ReadBuf;
use socket2::SockAddr;

use super::ToSocketAddrs;
use super::lookup::{each_address, first_of};
use crate::pollable::Pollable;
use crate::sys::fill;
use crate::sys::receive::{receive, receive_from};

/// A UDP socket. Any number of tasks may send and receive at a time; share it by `Arc`, it needs no splitting.
///
/// ```
/// # cede::block_on(async {
/// use cede::net::UdpSocket;
///
/// let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
/// a.send_to(b"hello", b.local_addr()?).await?;
/// let mut buffer = [0; 16];
/// let (count, from) = b.recv_from(&mut buffer).await?;
/// assert_eq!((&buffer[..count], from), (&b"hello"[..], a.local_addr()?));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UdpSocket {
    io: Pollable<net::UdpSocket>,
}

super::datagrams::datagrams! { UdpSocket, net::UdpSocket, SocketAddr, of_kernel }

/// An address that the kernel gave.
fn of_kernel(address: &SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

impl UdpSocket {
    /// A socket at the first of the addresses that can be bound. Port 0 takes a free one.
    ///
    /// *Cancel safety*: dropping it closes the socket.
    ///
    /// # Errors
    /// If no address can be bound, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn bind<A: ToSocketAddrs>(address: A) -> io::Result<Self> {
        Self::bind_to_one(address.resolve()?.addresses().await?)
    }

    #[inline]
    fn bind_to_one(addresses: std::vec::IntoIter<SocketAddr>) -> io::Result<Self> {
        first_of(addresses, |address| {
            let socket = net::UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(Self { io: Pollable::new(socket)? })
        })
    }

    /// Sets the peer for `send` and `recv`: the first of the addresses that can be connected to.
    ///
    /// *Cancel safety*: dropping it leaves the socket as it was.
    ///
    /// # Errors
    /// If no address can be connected to.
    pub async fn connect<A: ToSocketAddrs>(&self, address: A) -> io::Result<()> {
        each_address(address, |address| std::future::ready(self.io.get_ref().connect(address))).await
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
    /// If the socket is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// Sends a message to the first of the addresses.
    ///
    /// *Cancel safety*: dropping it before it is ready sends nothing.
    ///
    /// # Errors
    /// If there is no address, and those of `sendto(2)`.
    pub async fn send_to<A: ToSocketAddrs>(&self, message: &[u8], target: A) -> io::Result<usize> {
        let target = target.resolve()?.addresses().await?.next();
        let target = target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to"))?;
        self.io.operate(Direction::Write, |socket| socket.send_to(message, target)).await
    }

    /// Polls to send a message to an address. Only the last task that polled to send is woken.
    ///
    /// # Errors
    /// Those of `sendto(2)`.
    #[inline]
    pub fn poll_send_to(&self, cx: &mut Context<'_>, message: &[u8], target: SocketAddr) -> Poll<io::Result<usize>> {
        self.io.poll_io(cx, Direction::Write, |socket| socket.send_to(message, target).map(Attempt::Done))
    }

    /// Sends a message to an address, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room, and those of `sendto(2)`.
    #[inline]
    pub fn try_send_to(&self, message: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.io.attempt(Direction::Write, |socket| socket.send_to(message, target))
    }
}
