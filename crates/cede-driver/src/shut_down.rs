//! The error of a source whose runtime has ended.

use std::fmt;
use std::io;

/// The runtime that a source belongs to has ended: nothing will ever become ready.
#[derive(Debug)]
struct ShutDown;

impl fmt::Display for ShutDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("A Tokio 1.x context was found, but it is being shutdown.")
    }
}

impl std::error::Error for ShutDown {}

/// The error of an operation on a source whose runtime has ended.
#[must_use]
pub fn shut_down_error() -> io::Error {
    io::Error::other(ShutDown)
}

/// Whether an error is [`shut_down_error`].
#[must_use]
pub fn is_shut_down_error(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|reason| reason.is::<ShutDown>())
}
