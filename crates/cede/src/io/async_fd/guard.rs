//! What a descriptor was seen to be ready for. Whoever holds a guard decides whether that is used up.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

use cede_driver::{Event, Ready};

use super::AsyncFd;

/// A descriptor is ready; see [`AsyncFd::readable`]. If what follows finds that it is not, that must be said by [`AsyncFdReadyGuard::clear_ready`]
/// or [`AsyncFdReadyGuard::try_io`], else the next wait ends at once.
#[must_use = "say whether the readiness is used up, by one of its methods"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    fd: &'a AsyncFd<T>,
    event: Option<Event>,
}

/// As [`AsyncFdReadyGuard`], with exclusive access.
#[must_use = "say whether the readiness is used up, by one of its methods"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    fd: &'a mut AsyncFd<T>,
    event: Option<Event>,
}

/// The operation said that it would block; see [`AsyncFdReadyGuard::try_io`].
#[derive(Debug)]
pub struct TryIoError(());

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    pub(super) fn new(fd: &'a AsyncFd<T>, event: Event) -> Self {
        Self { fd, event: Some(event) }
    }
}

impl<'a, T: AsRawFd> AsyncFdReadyMutGuard<'a, T> {
    pub(super) fn new(fd: &'a mut AsyncFd<T>, event: Event) -> Self {
        Self { fd, event: Some(event) }
    }
}

/// What both guards have.
macro_rules! clearing {
    ($guard:ident) => {
        impl<T: AsRawFd> $guard<'_, T> {
            /// All that was seen is used up: the next wait is for something new. What came since is not lost. That a side is closed stays known.
            pub fn clear_ready(&mut self) {
                if let Some(event) = self.event.take() {
                    self.fd.source.clear(event);
                }
            }

            /// A part of what was seen is used up; see `clear_ready`.
            pub fn clear_ready_matching(&mut self, ready: Ready) {
                if let Some(event) = self.event.take() {
                    self.fd.source.clear(event.with_ready(ready));
                    let left = event.ready() - ready;
                    self.event = (!left.is_empty()).then(|| event.with_ready(left));
                }
            }

            /// Nothing is used up. Does nothing; it is there to be written.
            pub fn retain_ready(&mut self) {}

            /// What was seen and is not cleared.
            pub fn ready(&self) -> Ready {
                self.event.map_or(Ready::EMPTY, Event::ready)
            }
        }

        impl<T: fmt::Debug + AsRawFd> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($guard)).field("async_fd", &self.fd).finish()
            }
        }
    };
}

clearing! { AsyncFdReadyGuard }
clearing! { AsyncFdReadyMutGuard }

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    /// Calls an operation on the descriptor; if it says `WouldBlock`, the readiness is cleared.
    ///
    /// # Errors
    /// [`TryIoError`] if the operation said `WouldBlock`.
    pub fn try_io<R>(&mut self, operation: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>) -> Result<io::Result<R>, TryIoError> {
        match operation(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// What the guard is of.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// The descriptor's owner.
    pub fn get_inner(&self) -> &'a T {
        self.fd.get_ref()
    }
}

impl<T: AsRawFd> AsyncFdReadyMutGuard<'_, T> {
    /// Calls an operation on the descriptor; if it says `WouldBlock`, the readiness is cleared.
    ///
    /// # Errors
    /// [`TryIoError`] if the operation said `WouldBlock`.
    pub fn try_io<R>(&mut self, operation: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>) -> Result<io::Result<R>, TryIoError> {
        match operation(self.fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// What the guard is of.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.fd
    }

    /// What the guard is of.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.fd
    }

    /// The descriptor's owner.
    pub fn get_inner(&self) -> &T {
        self.fd.get_ref()
    }

    /// The descriptor's owner.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.fd.get_mut()
    }
}
