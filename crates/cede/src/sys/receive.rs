//! What comes out of sockets: bytes into memory that need not be initialized, and connections.
//!
//! # Invariants
//! - I1: sockets are borrowed, so they are open during the calls; memory is passed with its length, and what the kernel did not fill is not read.
//! - I2: a non-negative result of `accept4` is a new descriptor that nobody else owns.
//! - I3: an address is given to the kernel zeroed and with its whole size; it fills it and says how much that is. (No shared memory, hence no loom model.)

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::slice;

use socket2::SockAddr;

use super::{checked, counted};

/// `recv(2)`; returns what was received.
#[inline]
pub(crate) fn receive(socket: impl AsFd, memory: &mut [MaybeUninit<u8>], flags: libc::c_int) -> io::Result<&mut [u8]> {
    // SAFETY: [I1] so many bytes were filled: without `MSG_TRUNC` the kernel does not count others.
    unsafe {
        debug_assert_eq!(flags & libc::MSG_TRUNC, 0);
        let count = counted(libc::recv(socket.as_fd().as_raw_fd(), memory.as_mut_ptr().cast(), memory.len(), flags))?;
        Ok(slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), count))
    }
}

/// `recvfrom(2)`; returns what was received, and the sender's address, whose family is 0 if it has none.
pub(crate) fn receive_from(socket: impl AsFd, memory: &mut [MaybeUninit<u8>], flags: libc::c_int) -> io::Result<(&mut [u8], SockAddr)> {
    debug_assert_eq!(flags & libc::MSG_TRUNC, 0);
    // SAFETY: [I1] [I3]
    let (count, sender) = unsafe {
        SockAddr::try_init(|address, size| {
            let socket = socket.as_fd().as_raw_fd();
            counted(libc::recvfrom(socket, memory.as_mut_ptr().cast(), memory.len(), flags, address.cast(), size))
        })
    }?;
    // SAFETY: [I1] so many bytes were filled.
    Ok((unsafe { slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), count) }, sender))
}

/// From how many bytes on a socket counts as readable.
pub(crate) fn set_low_water(socket: impl AsFd, bytes: usize) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: [I1] the memory is a number, with its size, which the kernel reads.
    let result = unsafe {
        libc::setsockopt(socket.as_fd().as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, std::ptr::from_ref(&bytes).cast(), size)
    };
    checked(result).map(drop)
}

/// Takes a connection off the backlog, in non-blocking mode from the beginning; with the address of its peer.
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(OwnedFd, SockAddr)> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: [I3] [I2]
    unsafe {
        let listener = listener.as_fd().as_raw_fd();
        let (socket, peer) = SockAddr::try_init(|address, size| checked(libc::accept4(listener, address.cast(), size, flags)))?;
        Ok((OwnedFd::from_raw_fd(socket), peer))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixDatagram;

    use super::*;

    fn is_readable(socket: &impl AsFd, patience: libc::c_int) -> bool {
        let mut looked = libc::pollfd { fd: socket.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: [I1] the memory is one entry, as is said.
        unsafe { libc::poll(&raw mut looked, 1, patience) == 1 }
    }

    #[test]
    fn less_than_the_low_water_wakes_nobody_and_is_not_lost() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = accept(&listener).unwrap();
        set_low_water(&server, 8).unwrap();
        client.write_all(b"abc").unwrap();
        assert!(!is_readable(&server, 0));
        client.write_all(b"defgh").unwrap();
        assert!(is_readable(&server, -1));
        let mut memory = [MaybeUninit::uninit(); 6];
        assert_eq!(receive(&server, &mut memory, 0).unwrap(), b"abcdef");
        assert!(!is_readable(&server, 0));
        set_low_water(&server, 1).unwrap();
        assert!(is_readable(&server, -1));
        assert_eq!(receive(&server, &mut memory, 0).unwrap(), b"gh");
    }

    #[test]
    fn a_connection_is_accepted_and_its_bytes_received() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = accept(&listener).unwrap();
        assert_eq!(peer.as_socket(), Some(client.local_addr().unwrap()));
        let mut memory = [MaybeUninit::uninit(); 8];
        assert_eq!(receive(&server, &mut memory, 0).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        client.write_all(b"abc").unwrap();
        drop(client);
        assert_eq!(receive(&server, &mut memory, libc::MSG_PEEK).unwrap(), b"abc");
        assert_eq!(receive(&server, &mut memory, 0).unwrap(), b"abc");
        assert_eq!(receive(&server, &mut memory, 0).unwrap(), b"");
    }

    #[test]
    fn a_message_comes_with_its_sender() {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        a.send_to(b"hello", b.local_addr().unwrap()).unwrap();
        let mut memory = [MaybeUninit::uninit(); 4];
        let (message, sender) = receive_from(&b, &mut memory, 0).unwrap();
        assert_eq!((&*message, sender.as_socket()), (&b"hell"[..], Some(a.local_addr().unwrap())));
    }

    #[test]
    fn a_sender_without_a_name_has_no_address() {
        let (a, b) = UnixDatagram::pair().unwrap();
        a.send(b"hello").unwrap();
        let mut memory = [MaybeUninit::uninit(); 8];
        let (message, sender) = receive_from(&b, &mut memory, 0).unwrap();
        assert_eq!(message, b"hello");
        assert!(sender.as_pathname().is_none() && sender.as_abstract_namespace().is_none());
    }
}
