//! What can be turned into socket addresses.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;

/// What can be turned into socket addresses, perhaps by a lookup that takes its time. As [`std::net::ToSocketAddrs`], for the same types.
///
/// The trait is sealed: its function may change.
pub trait ToSocketAddrs: sealed::Resolve {}

impl<T: sealed::Resolve + ?Sized> ToSocketAddrs for T {}

pub(crate) type Resolving = Pin<Box<dyn Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + Send + Sync>>;

/// Addresses that are known, or a lookup.
pub enum Resolved {
    /// They are known.
    Known(std::vec::IntoIter<SocketAddr>),
    /// They must be looked up.
    Lookup(Resolving),
}

impl Resolved {
    pub(crate) fn one(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::Known(vec![address].into_iter()))
    }

    pub(crate) async fn addresses(self) -> io::Result<std::vec::IntoIter<SocketAddr>> {
        match self {
            Self::Known(addresses) => Ok(addresses),
            Self::Lookup(resolving) => resolving.await,
        }
    }
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolved").finish_non_exhaustive()
    }
}

pub(crate) mod sealed {
    use super::Resolved;

    pub trait Resolve {
        #[doc(hidden)]
        fn resolve(&self) -> std::io::Result<Resolved>;
    }
}

use sealed::Resolve;

/// Looks a name up on the blocking pool, by the resolver of the system.
fn lookup(host: String, port: u16) -> Resolved {
    Resolved::Lookup(Box::pin(async move {
        let job = crate::task::spawn_blocking(move || std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port)));
        job.await.map_err(io::Error::from)?
    }))
}

impl Resolve for SocketAddr {
    fn resolve(&self) -> io::Result<Resolved> {
        Resolved::one(*self)
    }
}

impl Resolve for SocketAddrV4 {
    fn resolve(&self) -> io::Result<Resolved> {
        Resolved::one(SocketAddr::V4(*self))
    }
}

impl Resolve for SocketAddrV6 {
    fn resolve(&self) -> io::Result<Resolved> {
        Resolved::one(SocketAddr::V6(*self))
    }
}

impl Resolve for (IpAddr, u16) {
    fn resolve(&self) -> io::Result<Resolved> {
        Resolved::one(SocketAddr::from(*self))
    }
}

impl Resolve for (Ipv4Addr, u16) {
    fn resolve(&self) -> io::Result<Resolved> {
        Resolved::one(SocketAddr::from(*self))
    }
}

impl Resolve for (Ipv6Addr, u16) {
    fn resolve(&self) -> io::Result<Resolved> {
        Resolved::one(SocketAddr::from(*self))
    }
}

impl Resolve for [SocketAddr] {
    fn resolve(&self) -> io::Result<Resolved> {
        let addresses: Vec<SocketAddr> = self.to_vec();
        Ok(Resolved::Known(addresses.into_iter()))
    }
}

impl Resolve for str {
    fn resolve(&self) -> io::Result<Resolved> {
        if let Ok(address) = self.parse() {
            return Resolved::one(address);
        }
        let invalid = |reason| io::Error::new(io::ErrorKind::InvalidInput, reason);
        let (host, port) = self.rsplit_once(':').ok_or_else(|| invalid("invalid socket address"))?;
        let port = port.parse().map_err(|_| invalid("invalid port value"))?;
        Ok(lookup(host.to_owned(), port))
    }
}

impl Resolve for String {
    fn resolve(&self) -> io::Result<Resolved> {
        self.as_str().resolve()
    }
}

impl Resolve for (&str, u16) {
    fn resolve(&self) -> io::Result<Resolved> {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Resolved::one(SocketAddr::new(ip, port)),
            Err(_) => Ok(lookup(host.to_owned(), port)),
        }
    }
}

impl Resolve for (String, u16) {
    fn resolve(&self) -> io::Result<Resolved> {
        (self.0.as_str(), self.1).resolve()
    }
}

impl<T: Resolve + ?Sized> Resolve for &T {
    fn resolve(&self) -> io::Result<Resolved> {
        (**self).resolve()
    }
}
