//! Looking names up.

use std::io;
use std::net::SocketAddr;

use super::ToSocketAddrs;

/// Looks a name up with the resolver of the system, on the blocking pool.
///
/// *Cancel safety*: dropping it forgets the result; the lookup itself goes on.
///
/// # Errors
/// If the name cannot be parsed or is not known.
///
/// ```
/// # cede::block_on(async {
/// let mut addresses = cede::net::lookup_host("127.0.0.1:80").await?;
/// assert_eq!(addresses.next(), Some("127.0.0.1:80".parse().unwrap()));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub async fn lookup_host<T: ToSocketAddrs>(host: T) -> io::Result<impl Iterator<Item = SocketAddr>> {
    host.resolve()?.addresses().await
}

/// Calls `attempt` with each address until one succeeds; returns the last error.
pub(super) async fn each_address<A, R, F>(addresses: A, mut attempt: impl FnMut(SocketAddr) -> F) -> io::Result<R>
where
    A: ToSocketAddrs,
    F: Future<Output = io::Result<R>>,
{
    let mut last_error = None;
    for address in addresses.resolve()?.addresses().await? {
        match attempt(address).await {
            Ok(result) => return Ok(result),
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(no_address))
}

/// The same of what does not wait, with addresses that are known. Of what is called here nothing is compiled for each type that names addresses.
pub(super) fn first_of<R>(addresses: std::vec::IntoIter<SocketAddr>, attempt: fn(SocketAddr) -> io::Result<R>) -> io::Result<R> {
    let mut last_error = None;
    for address in addresses {
        match attempt(address) {
            Ok(result) => return Ok(result),
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(no_address))
}

#[cold]
fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any address")
}
