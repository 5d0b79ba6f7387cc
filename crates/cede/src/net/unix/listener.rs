//! Accepting connections of processes of this machine.

use std::io;
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll, ready};

use cede_driver::{Attempt, Direction};

use super::address::SocketAddr;
use super::socket::UnixSocket;
use super::stream::UnixStream;
use crate::net::backoff::Backoff;
use crate::pollable::Pollable;
use crate::sys;

/// So many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A socket that accepts connections of processes of this machine. Dropping it leaves its path in the file system.
///
/// ```no_run
/// # cede::block_on(async {
/// let listener = cede::net::UnixListener::bind("/run/door")?;
/// let (stream, _) = listener.accept().await?;
/// # drop(stream);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixListener {
    io: Pollable<net::UnixListener>,
    backoff: Backoff,
}

impl UnixListener {
    /// Listens at a path, which must not exist, or at an abstract name if it starts with a null byte.
    ///
    /// # Errors
    /// If the path exists or cannot be made, and in a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::of_path(path.as_ref())?)
    }

    /// Listens at an address.
    ///
    /// # Errors
    /// As [`UnixListener::bind`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        // Not after the path has been made.
        crate::io::home::home()?;
        let socket = UnixSocket::new_stream()?;
        socket.bind_address(address)?;
        socket.listen(BACKLOG)
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
    pub fn from_std(listener: net::UnixListener) -> io::Result<Self> {
        let io = Pollable::new(listener)?;
        crate::net::assert_non_blocking(&io);
        Ok(Self { io, backoff: Backoff::default() })
    }

    /// Gives the listener of the standard library back, in non-blocking mode.
    ///
    /// # Errors
    /// None at present.
    #[inline]
    pub fn into_std(self) -> io::Result<net::UnixListener> {
        Ok(self.io.into_inner())
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// If the system refuses.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr().map(SocketAddr)
    }

    /// The error that is pending on the socket, which this takes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    /// Waits for a connection.
    ///
    /// *Cancel safety*: dropping it loses no connection.
    ///
    /// # Errors
    /// Those of `accept(2)`. When the process has no descriptors left, that is reported once; from then on this waits by itself, at most half a second at a time, until there are some. It is reported again only after ten seconds without a failure.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        loop {
            self.backoff.may_try().await;
            let accepted = self.io.operate(Direction::Read, accept).await;
            if let Some(result) = self.backoff.judge(accepted) {
                return result;
            }
        }
    }

    /// Polls for a connection; see [`UnixListener::accept`]. One task at a time is woken.
    ///
    /// # Errors
    /// As [`UnixListener::accept`].
    #[inline]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        loop {
            ready!(self.backoff.poll_may_try(cx));
            let accepted = ready!(self.io.poll_io(cx, Direction::Read, |listener| accept(listener).map(Attempt::Done)));
            if let Some(result) = self.backoff.judge(accepted) {
                return Poll::Ready(result);
            }
        }
    }
}

#[inline]
fn accept(listener: &net::UnixListener) -> io::Result<(UnixStream, SocketAddr)> {
    let (socket, peer) = sys::receive::accept(listener)?;
    Ok((UnixStream::accepted(socket.into())?, SocketAddr::of_kernel(&peer)?))
}

crate::net::descriptor! { UnixListener, net::UnixListener }
