//! Who is at the other end of a Unix socket.

use std::io;
use std::os::fd::AsFd;

use super::{gid_t, pid_t, uid_t};
use crate::sys;

/// The user, group and process that connected, or that listen; see [`UnixStream::peer_cred`](crate::net::UnixStream::peer_cred).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UCred {
    pid: Option<pid_t>,
    uid: uid_t,
    gid: gid_t,
}

impl UCred {
    pub(super) fn of_peer(stream: &std::os::unix::net::UnixStream) -> io::Result<Self> {
        let peer = sys::user::peer(stream.as_fd())?;
        Ok(Self { pid: Some(peer.pid), uid: peer.uid, gid: peer.gid })
    }

    /// The user.
    #[must_use]
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// The group.
    #[must_use]
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// The process, where the system says so; this one does.
    #[must_use]
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}
