//! Who runs this process, and who is at the other end of a socket.
//!
//! # Invariants
//! - I1: the calls fill memory of their own type and size, which is read only if they say that they did. (No shared memory, hence no loom model.)

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};

use super::checked;

/// The user whose rights this process has.
#[cfg(feature = "inspect")]
pub(crate) fn effective() -> libc::uid_t {
    // SAFETY: [I1] it fills nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Who connected to a Unix socket, or listens there.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<libc::ucred> {
    let mut peer = MaybeUninit::<libc::ucred>::uninit();
    let mut size = libc::socklen_t::try_from(size_of::<libc::ucred>()).expect("it is small");
    // SAFETY: [I1]
    unsafe {
        let option = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        checked(libc::getsockopt(socket.as_raw_fd(), option.0, option.1, peer.as_mut_ptr().cast(), &raw mut size))?;
        Ok(peer.assume_init())
    }
}

#[cfg(all(test, feature = "inspect"))]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::{effective, peer};

    #[test]
    fn the_peer_of_a_pair_is_this_process() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = peer(one.as_fd()).unwrap();
        assert_eq!((peer.uid, peer.pid.cast_unsigned()), (effective(), std::process::id()));
    }

    #[test]
    fn what_is_not_a_socket_has_no_peer() {
        assert!(peer(std::fs::File::open("/dev/null").unwrap().as_fd()).is_err());
    }
}
