//! Waiting for descriptors that are not ours.
//!
//! Unlike a socket, the descriptor joins the driver when the `AsyncFd` is made, so that one that cannot be waited for is refused then.
//!
//! # Invariants
//! - I1: whoever registers a descriptor promises that it stays open, and the same, as long as the `AsyncFd` holds its owner. The former constructors, which do not ask
//!   for that promise, are registered by [`Trust::Nobody`].

pub(super) mod guard;
pub(super) mod register_error;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_driver::{Direction, Interest, Source, Trust};

use crate::io::home::home;
use crate::pollable::{WaitReady, driver};
use guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard};
use register_error::AsyncFdRegisterError;

/// A descriptor of the operating system that tasks can wait for, such as an `eventfd`, a `timerfd` or the socket of a C library. It must be in non-blocking mode.
///
/// ```
/// # cede::block_on(async {
/// use std::io::{Read, Write};
///
/// let (reader, mut writer) = std::io::pipe()?;
/// // SAFETY: the pipe keeps its descriptor.
/// let fd = unsafe { cede::io::unix::AsyncFd::register(reader)? };
/// writer.write_all(b"x")?;
/// let mut guard = fd.readable().await?;
/// let mut byte = [0];
/// let count = guard.try_io(|fd| fd.get_ref().read(&mut byte)).unwrap()?;
/// assert_eq!((count, byte), (1, *b"x"));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct AsyncFd<T: AsRawFd> {
    source: Source<T>,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Registers a descriptor for reading and writing.
    ///
    /// # Errors
    /// `EPERM` if it cannot be waited for, such as a regular file; `EEXIST` if it is registered already; and in a simulated run. The error gives the owner back.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Safety
    /// The descriptor must stay open, and `as_raw_fd` return the same, until this is dropped or `into_inner` is called.
    #[track_caller]
    pub unsafe fn register(owner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        Self::register_for(owner, Interest::READABLE | Interest::WRITABLE, Trust::Owner)
    }

    /// Registers a descriptor for what is of interest.
    ///
    /// # Errors
    /// As [`AsyncFd::register`].
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Safety
    /// As [`AsyncFd::register`].
    #[track_caller]
    pub unsafe fn register_with_interest(owner: T, interest: Interest) -> Result<Self, AsyncFdRegisterError<T>> {
        Self::register_for(owner, interest, Trust::Owner)
    }

    #[track_caller]
    fn register_for(owner: T, interest: Interest, trust: Trust) -> Result<Self, AsyncFdRegisterError<T>> {
        let driver = match home() {
            Ok(driver) => driver,
            Err(refused) => return Err(AsyncFdRegisterError::new(owner, refused)),
        };
        match Source::register(owner, driver, interest, trust) {
            Ok(source) => Ok(Self { source }),
            Err((owner, cause)) => Err(AsyncFdRegisterError::new(owner, cause)),
        }
    }

    /// As [`AsyncFd::register`], without its promise: if the descriptor is closed, events are lost.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    #[deprecated = "does not ask for the promise that the descriptor stays open; use `register`"]
    pub fn new(owner: T) -> io::Result<Self> {
        Ok(Self::register_for(owner, Interest::READABLE | Interest::WRITABLE, Trust::Nobody)?)
    }

    /// As [`AsyncFd::register_with_interest`], without its promise: if the descriptor is closed, events are lost.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    #[deprecated = "does not ask for the promise that the descriptor stays open; use `register_with_interest`"]
    pub fn with_interest(owner: T, interest: Interest) -> io::Result<Self> {
        Ok(Self::register_for(owner, interest, Trust::Nobody)?)
    }

    /// As [`AsyncFd::register`], without its promise: if the descriptor is closed, events are lost.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    #[deprecated = "does not ask for the promise that the descriptor stays open; use `register`"]
    pub fn try_new(owner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        Self::register_for(owner, Interest::READABLE | Interest::WRITABLE, Trust::Nobody)
    }

    /// As [`AsyncFd::register_with_interest`], without its promise: if the descriptor is closed, events are lost.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    #[deprecated = "does not ask for the promise that the descriptor stays open; use `register_with_interest`"]
    pub fn try_with_interest(owner: T, interest: Interest) -> Result<Self, AsyncFdRegisterError<T>> {
        Self::register_for(owner, interest, Trust::Nobody)
    }

    /// The descriptor's owner.
    pub fn get_ref(&self) -> &T {
        self.source.get_ref()
    }

    /// The descriptor's owner, which must keep its descriptor.
    pub fn get_mut(&mut self) -> &mut T {
        self.source.get_mut()
    }

    /// Gives the owner back, no longer registered.
    pub fn into_inner(self) -> T {
        self.source.into_inner()
    }

    /// Polls for readability. Only the last task that polled for it is woken.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub fn poll_read_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.source.poll_ready(cx, Direction::Read, driver))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, event)))
    }

    /// Polls for readability. Only the last task that polled for it is woken.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub fn poll_read_ready_mut<'a>(&'a mut self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.source.poll_ready(cx, Direction::Read, driver))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, event)))
    }

    /// Polls for writability. Only the last task that polled for it is woken.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub fn poll_write_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.source.poll_ready(cx, Direction::Write, driver))?;
        Poll::Ready(Ok(AsyncFdReadyGuard::new(self, event)))
    }

    /// Polls for writability. Only the last task that polled for it is woken.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub fn poll_write_ready_mut<'a>(&'a mut self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.source.poll_ready(cx, Direction::Write, driver))?;
        Poll::Ready(Ok(AsyncFdReadyMutGuard::new(self, event)))
    }

    /// Waits until the descriptor is ready for something of interest; any number of tasks may.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let event = WaitReady::new(&self.source, interest).await?;
        Ok(AsyncFdReadyGuard::new(self, event))
    }

    /// Waits until the descriptor is ready for something of interest.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn ready_mut(&mut self, interest: Interest) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = WaitReady::new(&mut self.source, interest).await?;
        Ok(AsyncFdReadyMutGuard::new(self, event))
    }

    /// Waits for readability; see [`AsyncFd::ready`].
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn readable<'a>(&'a self) -> io::Result<AsyncFdReadyGuard<'a, T>> {
        self.ready(Interest::READABLE).await
    }

    /// Waits for readability; see [`AsyncFd::ready_mut`].
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn readable_mut<'a>(&'a mut self) -> io::Result<AsyncFdReadyMutGuard<'a, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits for writability; see [`AsyncFd::ready`].
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn writable<'a>(&'a self) -> io::Result<AsyncFdReadyGuard<'a, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits for writability; see [`AsyncFd::ready_mut`].
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If the runtime is shut down.
    pub async fn writable_mut<'a>(&'a mut self) -> io::Result<AsyncFdReadyMutGuard<'a, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Repeats an operation, each time when the descriptor is ready, until it does not say `WouldBlock`.
    ///
    /// *Cancel safety*: dropping it loses nothing, because what the operation has done is returned at once.
    ///
    /// # Errors
    /// Those of the operation, and if the runtime is shut down.
    pub async fn async_io<R>(&self, interest: Interest, mut operation: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        loop {
            let event = WaitReady::new(&self.source, interest).await?;
            let unit = poll_fn(budget::poll_proceed).await;
            match operation(self.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.source.clear(event),
                result => {
                    unit.spend();
                    return result;
                }
            }
        }
    }

    /// Repeats an operation with exclusive access; see [`AsyncFd::async_io`].
    ///
    /// *Cancel safety*: dropping it loses nothing, because what the operation has done is returned at once.
    ///
    /// # Errors
    /// Those of the operation, and if the runtime is shut down.
    pub async fn async_io_mut<R>(&mut self, interest: Interest, mut operation: impl FnMut(&mut T) -> io::Result<R>) -> io::Result<R> {
        loop {
            let event = WaitReady::new(&mut self.source, interest).await?;
            let unit = poll_fn(budget::poll_proceed).await;
            match operation(self.get_mut()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.source.clear(event),
                result => {
                    unit.spend();
                    return result;
                }
            }
        }
    }

    /// Tries an operation, if the descriptor is known to be ready.
    ///
    /// # Errors
    /// Those of the operation; `WouldBlock` if the descriptor is not known to be ready.
    pub fn try_io<R>(&self, interest: Interest, operation: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.source.try_io(interest, || operation(self.get_ref()))
    }

    /// Tries an operation with exclusive access; see [`AsyncFd::try_io`].
    ///
    /// # Errors
    /// As there.
    pub fn try_io_mut<R>(&mut self, interest: Interest, operation: impl FnOnce(&mut T) -> io::Result<R>) -> io::Result<R> {
        let Some(event) = self.source.known(interest) else { return Err(io::ErrorKind::WouldBlock.into()) };
        let result = operation(self.get_mut());
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.source.clear(event);
        }
        result
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsRawFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: [I1] it is open as long as this is.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", self.get_ref()).finish()
    }
}
