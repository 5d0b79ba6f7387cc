//! Reading and writing: the traits, and the utilities around them. The sockets are in [`net`](crate::net), files in [`fs`](crate::fs).

mod async_fd;
pub(crate) mod pooled;
mod standard;

pub use cede_driver::{Interest, Ready};
pub use cede_io::*;
pub use standard::{Stderr, Stdin, Stdout, stderr, stdin, stdout};

/// Descriptors of the operating system that are neither sockets nor files.
pub mod unix {
    pub use super::async_fd::AsyncFd;
    pub use super::async_fd::guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, TryIoError};
    pub use super::async_fd::register_error::AsyncFdRegisterError;
    #[doc(hidden)]
    #[expect(deprecated, reason = "the former name is part of the interface")]
    pub use super::async_fd::register_error::AsyncFdTryNewError;
}
