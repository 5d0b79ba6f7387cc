//! A Unix socket before it listens or connects.
//!
//! # Invariants
//! - I1: `from_raw_fd` is given a descriptor that is open and nobody else's, by its contract. There is no shared memory, hence no loom model.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::address::SocketAddr;
use crate::net::{UnixDatagram, UnixListener, UnixStream};

/// A Unix socket that does not listen and is not connected yet.
///
/// ```no_run
/// # cede::block_on(async {
/// let socket = cede::net::UnixSocket::new_stream()?;
/// socket.bind("/run/door")?;
/// let listener = socket.listen(16)?;
/// # drop(listener);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct UnixSocket {
    socket: Socket,
}

impl UnixSocket {
    /// A socket for messages.
    ///
    /// # Errors
    /// If there are no descriptors left.
    #[inline]
    pub fn new_datagram() -> io::Result<Self> {
        Self::new(Type::DGRAM)
    }

    /// A socket for connections.
    ///
    /// # Errors
    /// If there are no descriptors left.
    #[inline]
    pub fn new_stream() -> io::Result<Self> {
        Self::new(Type::STREAM)
    }

    #[inline]
    fn new(kind: Type) -> io::Result<Self> {
        Ok(Self { socket: Socket::new(Domain::UNIX, kind.nonblocking(), None)? })
    }

    #[inline]
    fn refuse(&self, kind: Type, message: &'static str) -> io::Result<()> {
        if self.socket.r#type()? == kind { Err(io::Error::other(message)) } else { Ok(()) }
    }

    /// Binds the socket to a path, which must not exist.
    ///
    /// # Errors
    /// If the path exists or cannot be made.
    #[inline]
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.socket.bind(&SockAddr::unix(path)?)
    }

    #[inline]
    pub(super) fn bind_address(&self, address: &SocketAddr) -> io::Result<()> {
        self.socket.bind(&socket2_address(address)?)
    }

    /// Listens; up to `backlog` connections wait to be accepted.
    ///
    /// # Errors
    /// If it is a socket for messages or not bound, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.refuse(Type::DGRAM, "listen cannot be called on a datagram socket")?;
        self.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        UnixListener::from_std(self.socket.into())
    }

    /// Connects to a path.
    ///
    /// *Cancel safety*: dropping it closes the socket.
    ///
    /// # Errors
    /// If it is a socket for messages, or nobody listens there.
    pub async fn connect(self, path: impl AsRef<Path>) -> io::Result<UnixStream> {
        self.refuse(Type::DGRAM, "connect cannot be called on a datagram socket")?;
        let address = SockAddr::unix(path)?;
        self.connect_to(&address).await
    }

    pub(super) async fn connect_address(self, address: &SocketAddr) -> io::Result<UnixStream> {
        let address = socket2_address(address)?;
        self.connect_to(&address).await
    }

    async fn connect_to(self, address: &SockAddr) -> io::Result<UnixStream> {
        match self.socket.connect(address) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => UnixStream::connecting(self.socket.into()).await,
        }
    }

    /// Makes it a socket for messages, which it must be already.
    ///
    /// # Errors
    /// If it is a socket for connections, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        self.refuse(Type::STREAM, "datagram cannot be called on a stream socket")?;
        UnixDatagram::from_std(self.socket.into())
    }
}

#[inline]
fn socket2_address(address: &SocketAddr) -> io::Result<SockAddr> {
    let address: &net::SocketAddr = &address.0;
    if let Some(path) = address.as_pathname() {
        return SockAddr::unix(path);
    }
    match address.as_abstract_name() {
        Some(name) => SockAddr::unix(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&[&[0], name].concat())),
        None => SockAddr::unix(""),
    }
}

impl AsRawFd for UnixSocket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for UnixSocket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl FromRawFd for UnixSocket {
    #[inline]
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: [I1] the caller's contract is the same.
        Self { socket: unsafe { Socket::from_raw_fd(fd) } }
    }
}

impl IntoRawFd for UnixSocket {
    #[inline]
    fn into_raw_fd(self) -> RawFd {
        self.socket.into_raw_fd()
    }
}
