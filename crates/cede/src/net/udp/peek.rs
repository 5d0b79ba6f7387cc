//! Looking at the next message without taking it.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use cede_driver::{Attempt, Direction};
use cede_io::ReadBuf;
use socket2::SockRef;

use super::{UdpSocket, of_kernel};
use crate::sys::fill;
use crate::sys::receive::{receive, receive_from};

impl UdpSocket {
    /// Looks at the next message of the peer that the socket is connected to.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io.operate(Direction::Read, |socket| socket.peek(buffer)).await
    }

    /// Polls to look at the next message. Only the last task that polled to receive is woken.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    #[inline]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.io.poll_io(cx, Direction::Read, |socket| {
            fill::read_buf(buffer, |memory| Ok((receive(socket, memory, libc::MSG_PEEK)?, ())))?;
            Ok(Attempt::Done(()))
        })
    }

    /// Looks at the next message, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if none is there, and those of `recv(2)`.
    #[inline]
    pub fn try_peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io.attempt(Direction::Read, |socket| socket.peek(buffer))
    }

    /// Looks at the next message, and who sent it.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    pub async fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.operate(Direction::Read, |socket| socket.peek_from(buffer)).await
    }

    /// Polls to look at the next message, and who sent it. Only the last task that polled to receive is woken.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    #[inline]
    pub fn poll_peek_from(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_io(cx, Direction::Read, |socket| {
            let (_, from) = fill::read_buf(buffer, |memory| receive_from(socket, memory, libc::MSG_PEEK))?;
            of_kernel(&from).map(Attempt::Done)
        })
    }

    /// Looks at the next message, and who sent it, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if none is there, and those of `recv(2)`.
    #[inline]
    pub fn try_peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.attempt(Direction::Read, |socket| socket.peek_from(buffer))
    }

    /// Who sent the next message.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.io.operate(Direction::Read, sender).await
    }

    /// Polls for who sent the next message. Only the last task that polled to receive is woken.
    ///
    /// # Errors
    /// Those of `recv(2)`.
    #[inline]
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io.poll_io(cx, Direction::Read, |socket| sender(socket).map(Attempt::Done))
    }

    /// Who sent the next message, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if none is there, and those of `recv(2)`.
    #[inline]
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.io.attempt(Direction::Read, sender)
    }
}

fn sender(socket: &std::net::UdpSocket) -> io::Result<SocketAddr> {
    of_kernel(&SockRef::from(socket).peek_sender()?)
}
