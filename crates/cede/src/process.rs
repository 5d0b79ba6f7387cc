//! Child processes.
//!
//! A child is waited for by a descriptor of the process (`pidfd_open(2)`), or on kernels without them, whenever `SIGCHLD` says that some child ended. No child becomes a
//! zombie: who is dropped before its end is reaped afterwards.

mod child;
mod command;
mod exit;
mod orphans;
mod pipes;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};

pub(crate) use orphans::reap as reap_orphans;
