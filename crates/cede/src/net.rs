//! Sockets, pipes and name lookup.
//!
//! A socket joins the driver of the worker that first has to wait for it; operations are tried first and wait only if they would block.

mod address;
mod backoff;
mod byte_stream;
mod datagrams;
mod descriptor;
mod gather;
mod halves;
mod lookup;
pub mod tcp;
mod udp;
pub mod unix;

pub use address::ToSocketAddrs;
pub use lookup::lookup_host;
pub use tcp::listener::TcpListener;
pub use tcp::socket::TcpSocket;
pub use tcp::stream::TcpStream;
pub use udp::UdpSocket;
pub use unix::datagram::UnixDatagram;
pub use unix::listener::UnixListener;
pub use unix::socket::UnixSocket;
pub use unix::stream::UnixStream;

use descriptor::descriptor;
use std::os::fd::AsFd;

/// A descriptor in blocking mode would hang a worker at its first operation, and with it the other tasks there.
#[track_caller]
fn assert_non_blocking(socket: &impl AsFd) {
    let non_blocking = socket2::SockRef::from(socket).nonblocking();
    assert!(
        non_blocking.unwrap_or(true),
        "Registering a blocking socket with the tokio runtime is unsupported: call `set_nonblocking(true)` on it before"
    );
}
