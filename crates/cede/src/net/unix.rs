//! Unix sockets, and pipes.

pub(super) mod address;
pub(super) mod datagram;
pub(super) mod listener;
pub mod pipe;
pub(super) mod socket;
mod split;
mod split_owned;
pub(super) mod stream;
mod ucred;

pub use address::SocketAddr;
pub use split::{ReadHalf, WriteHalf};
pub use split_owned::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use ucred::UCred;

/// The id of a user.
#[expect(non_camel_case_types, reason = "the name in C")]
pub type uid_t = u32;

/// The id of a group.
#[expect(non_camel_case_types, reason = "the name in C")]
pub type gid_t = u32;

/// The id of a process or a group of processes.
#[expect(non_camel_case_types, reason = "the name in C")]
pub type pid_t = i32;
