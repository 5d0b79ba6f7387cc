//! A descriptor that cannot be waited for.

use std::error::Error;
use std::fmt;
use std::io;

/// A descriptor could not be registered; see [`AsyncFd::register`](super::AsyncFd::register). Gives it back.
pub struct AsyncFdRegisterError<T> {
    owner: T,
    cause: io::Error,
}

/// The former name of [`AsyncFdRegisterError`].
#[deprecated = "use `AsyncFdRegisterError`"]
#[doc(hidden)]
pub type AsyncFdTryNewError<T> = AsyncFdRegisterError<T>;

impl<T> AsyncFdRegisterError<T> {
    pub(super) fn new(owner: T, cause: io::Error) -> Self {
        Self { owner, cause }
    }

    /// The descriptor, and what the system said.
    pub fn into_parts(self) -> (T, io::Error) {
        (self.owner, self.cause)
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.cause, f)
    }
}

impl<T> Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> Self {
        error.cause
    }
}
