//! Reading and writing: the traits, and the utilities around them. The sockets are in [`net`](crate::net), files in [`fs`](crate::fs).

#[cfg(feature = "net")]
mod async_fd;
#[cfg(any(feature = "net", feature = "signal"))]
pub(crate) mod home;
#[cfg(any(feature = "fs", feature = "io-std"))]
pub(crate) mod pooled;
#[cfg(feature = "io-std")]
mod standard;

pub use cede_driver::{Interest, Ready};
pub use cede_io::*;
#[cfg(feature = "io-std")]
pub use standard::{Stderr, Stdin, Stdout, stderr, stdin, stdout};

/// Descriptors of the operating system that are neither sockets nor files.
#[cfg(feature = "net")]
pub mod unix {
    pub use super::async_fd::AsyncFd;
    pub use super::async_fd::guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, TryIoError};
    pub use super::async_fd::register_error::AsyncFdRegisterError;
    #[doc(hidden)]
    #[expect(deprecated, reason = "the former name is part of the interface")]
    pub use super::async_fd::register_error::AsyncFdTryNewError;
}
