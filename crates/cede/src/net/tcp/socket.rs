//! A TCP socket before it listens or connects.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::listener::TcpListener;
use super::stream::TcpStream;

/// A TCP socket that does not listen and is not connected yet, to set options on.
///
/// ```
/// # cede::block_on(async {
/// let socket = cede::net::TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(128)?;
/// # drop(listener);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct TcpSocket {
    socket: Socket,
}

impl TcpSocket {
    /// An IPv4 socket.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new_v4() -> io::Result<Self> {
        Self::new(Domain::IPV4)
    }

    /// An IPv6 socket.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new_v6() -> io::Result<Self> {
        Self::new(Domain::IPV6)
    }

    fn new(domain: Domain) -> io::Result<Self> {
        Ok(Self { socket: Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))? })
    }

    pub(super) fn for_address(address: SocketAddr) -> io::Result<Self> {
        Self::new(Domain::for_address(address))
    }

    /// Takes over a socket of the standard library, which must be in non-blocking mode.
    #[inline]
    #[must_use]
    pub fn from_std_stream(stream: std::net::TcpStream) -> Self {
        Self { socket: stream.into() }
    }

    /// Allows to bind an address that was in use a moment ago.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_reuseaddr(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_address(reuse)
    }

    /// Whether [`TcpSocket::set_reuseaddr`] is on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.socket.reuse_address()
    }

    /// Allows several sockets to listen on one address.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_reuseport(&self, reuse: bool) -> io::Result<()> {
        self.socket.set_reuse_port(reuse)
    }

    /// Whether [`TcpSocket::set_reuseport`] is on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn reuseport(&self) -> io::Result<bool> {
        self.socket.reuse_port()
    }

    /// Sends small writes at once instead of collecting them.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.set_tcp_nodelay(nodelay)
    }

    /// Whether [`TcpSocket::set_nodelay`] is on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.tcp_nodelay()
    }

    /// Probes idle connections.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.socket.set_keepalive(keepalive)
    }

    /// Whether [`TcpSocket::set_keepalive`] is on.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn keepalive(&self) -> io::Result<bool> {
        self.socket.keepalive()
    }

    /// The size of the send buffer, in bytes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_send_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.socket.set_send_buffer_size(bytes as usize)
    }

    /// The size of the send buffer, in bytes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.socket.send_buffer_size().map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX))
    }

    /// The size of the receive buffer, in bytes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_recv_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.socket.set_recv_buffer_size(bytes as usize)
    }

    /// The size of the receive buffer, in bytes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.socket.recv_buffer_size().map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX))
    }

    /// How long closing waits for unsent data; `None` does not wait.
    ///
    /// # Errors
    /// If the system refuses.
    #[deprecated = "closing then blocks the thread for that long; for a reset, use `set_zero_linger`"]
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.socket.set_linger(linger)
    }

    /// Closing resets the connection and throws unsent data away.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.socket.set_linger(Some(Duration::ZERO))
    }

    /// The class of traffic of IPv6 packets.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.socket.tclass_v6()
    }

    /// Sets the class of traffic of IPv6 packets.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        self.socket.set_tclass_v6(class)
    }

    /// The type of service of IPv4 packets.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.socket.tos_v4()
    }

    /// The former name of [`TcpSocket::tos_v4`].
    ///
    /// # Errors
    /// As there.
    #[deprecated = "use `tos_v4`"]
    #[doc(hidden)]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// Sets the type of service of IPv4 packets.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_tos_v4(&self, service: u32) -> io::Result<()> {
        self.socket.set_tos_v4(service)
    }

    /// The former name of [`TcpSocket::set_tos_v4`].
    ///
    /// # Errors
    /// As there.
    #[deprecated = "use `set_tos_v4`"]
    #[doc(hidden)]
    pub fn set_tos(&self, service: u32) -> io::Result<()> {
        self.set_tos_v4(service)
    }

    /// The name of the network interface that the socket is bound to, if any.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.socket.device()
    }

    /// Binds the socket to a network interface, or to none.
    ///
    /// # Errors
    /// If the system refuses, or there is no such interface.
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.socket.bind_device(interface)
    }

    /// See [`TcpSocket::set_zero_linger`].
    ///
    /// # Errors
    /// If the system refuses.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.socket.linger()
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// If it is not bound.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The error that is pending on the socket, which this takes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    /// Binds the socket to an address.
    ///
    /// # Errors
    /// If the address is in use or not this machine's.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.socket.bind(&SockAddr::from(address))
    }

    /// Connects.
    ///
    /// *Cancel safety*: dropping it closes the socket.
    ///
    /// # Errors
    /// If the peer refuses or cannot be reached.
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let in_progress = |error: &io::Error| error.raw_os_error() == Some(libc::EINPROGRESS) || error.kind() == io::ErrorKind::WouldBlock;
        match self.socket.connect(&SockAddr::from(address)) {
            Err(error) if !in_progress(&error) => Err(error),
            _ => TcpStream::connecting(self.socket.into()).await,
        }
    }

    /// Listens; up to `backlog` connections wait to be accepted.
    ///
    /// # Errors
    /// If the address is in use.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::from_std(self.socket.into())
    }
}

impl std::fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.socket.fmt(f)
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl FromRawFd for TcpSocket {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: the caller's contract is the same: an open descriptor of a socket that is nobody else's.
        Self { socket: unsafe { Socket::from_raw_fd(fd) } }
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}
