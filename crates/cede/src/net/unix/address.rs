//! Addresses of Unix sockets.

use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;

use socket2::SockAddr;

/// The address of a Unix socket: a path, an abstract name, or nothing.
///
/// ```
/// # use std::os::linux::net::SocketAddrExt;
/// let address = std::os::unix::net::SocketAddr::from_abstract_name("door")?;
/// let address = cede::net::unix::SocketAddr::from(address);
/// assert_eq!(address.as_abstract_name(), Some(&b"door"[..]));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct SocketAddr(pub(super) net::SocketAddr);

impl SocketAddr {
    /// Whether it is an address at all: sockets that were not bound have none.
    #[inline]
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it is one.
    #[inline]
    #[must_use]
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The abstract name without its leading null byte, if it is one.
    #[inline]
    #[must_use]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.0.as_abstract_name()
    }

    /// The address that users mean by a path: an abstract name if it starts with a null byte.
    #[inline]
    pub(super) fn of_path(path: &Path) -> io::Result<Self> {
        match path.as_os_str().as_bytes() {
            [0, name @ ..] => net::SocketAddr::from_abstract_name(name),
            _ => net::SocketAddr::from_pathname(path),
        }
        .map(Self)
    }

    /// An address that the kernel gave; one of no family is unnamed.
    #[inline]
    pub(super) fn of_kernel(address: &SockAddr) -> io::Result<Self> {
        // An unnamed address may come as one with an empty abstract name, which the kernel gives to nobody.
        let name = address.as_abstract_namespace().filter(|name| !name.is_empty());
        match (name, address.as_pathname()) {
            (Some(name), _) => net::SocketAddr::from_abstract_name(name),
            (None, Some(path)) => net::SocketAddr::from_pathname(path),
            (None, None) => net::SocketAddr::from_pathname(""),
        }
        .map(Self)
    }
}

impl fmt::Debug for SocketAddr {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<net::SocketAddr> for SocketAddr {
    #[inline]
    fn from(address: net::SocketAddr) -> Self {
        Self(address)
    }
}

impl From<SocketAddr> for net::SocketAddr {
    #[inline]
    fn from(address: SocketAddr) -> Self {
        address.0
    }
}
