//! What a descriptor is, for reports.
//!
//! # Invariants
//! - I1: a descriptor's number is only asked about: what it names may have been closed, or replaced by another file, since its number was noted. Then the answer is an error or about that
//!   file, and harms nobody. (No protocol, hence no loom model.)

use std::fmt::Write;
use std::fs;
use std::os::fd::BorrowedFd;

use socket2::SockRef;

/// Adds the descriptor in words: the addresses of a socket, else what `/proc` says.
pub(super) fn describe(text: &mut String, number: u64) {
    let Some(raw) = i32::try_from(number).ok().filter(|&raw| raw >= 0) else {
        _ = write!(text, "descriptor {number}");
        return;
    };
    // SAFETY: [I1] it is borrowed for two questions; the number is not that of an error.
    let fd = unsafe { BorrowedFd::borrow_raw(raw) };
    let own = SockRef::from(&fd).local_addr().ok().and_then(|any| any.as_socket());
    let peer = SockRef::from(&fd).peer_addr().ok().and_then(|any| any.as_socket());
    _ = match (own, peer) {
        (Some(own), Some(peer)) => write!(text, "socket {number} ({own} to {peer})"),
        (Some(own), None) => write!(text, "socket {number} ({own})"),
        _ => match fs::read_link(format!("/proc/self/fd/{number}")) {
            Ok(target) => write!(text, "descriptor {number} ({})", target.display()),
            Err(_) => write!(text, "descriptor {number}, which is closed"),
        },
    };
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    fn describe(number: u64) -> String {
        let mut text = String::new();
        super::describe(&mut text, number);
        text
    }

    #[test]
    fn a_socket_is_described_by_its_addresses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let listening = describe(listener.as_raw_fd() as u64);
        assert!(listening.contains(&format!("({address})")), "{listening}");
        let stream = TcpStream::connect(address).unwrap();
        let connected = describe(stream.as_raw_fd() as u64);
        assert!(connected.contains(&format!("to {address})")), "{connected}");
        assert_eq!(describe(1 << 40), "descriptor 1099511627776");
    }
}
