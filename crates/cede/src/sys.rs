//! The system calls that neither `std` nor `socket2` has, as safe functions that return `io::Result`.
//!
//! Crates that wrap all of Linux cost every program that depends on cede seconds of compilation; these are a few calls. Each submodule is one kind of thing of the kernel, with its `unsafe`.

#[cfg(any(feature = "fs", feature = "io-std", feature = "net"))]
pub(crate) mod descriptor;
#[cfg(feature = "signal")]
pub(crate) mod event_fd;
#[cfg(any(feature = "fs", feature = "io-std", feature = "net"))]
pub(crate) mod fill;
pub(crate) mod futex;
#[cfg(feature = "fs")]
pub(crate) mod page_cache;
#[cfg(feature = "process")]
pub(crate) mod pid_fd;
#[cfg(feature = "net")]
pub(crate) mod pipe;
pub(crate) mod priority;
pub(crate) mod proc_file;
#[cfg(feature = "net")]
pub(crate) mod receive;
pub(crate) mod thread;
#[cfg(any(feature = "inspect", feature = "net"))]
pub(crate) mod user;

use std::io;

/// What a call says that returns a negative number when it fails.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// As [`checked`], for calls that count bytes.
#[cfg(any(feature = "fs", feature = "io-std", feature = "net", feature = "signal"))]
fn counted(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_negative| io::Error::last_os_error())
}
