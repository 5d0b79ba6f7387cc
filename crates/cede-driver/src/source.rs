//! A descriptor together with what is known of its readiness.
//!
//! # What
//! An operation is tried first. Only when it would block does the source join the epoll set of the worker that polls it: short-lived connections never pay for that,
//! and accepted sockets spread over the workers by themselves. From then on an operation is tried only when the last edge has not been used up.
//!
//! # Why not the obvious way
//! Registering at creation costs two system calls for each connection and puts all sockets on the acceptor's worker. Asking epoll again after each
//! read until it says "would block" costs one more system call per request; a read that returns less than it asked for has drained the socket, and the next byte is a new edge.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};

use crate::Handle;
use crate::readiness::{Direction, Ready, ReadyCell};

/// A non-blocking descriptor that tasks can wait for.
pub struct Source<T: AsRawFd> {
    io: Option<T>,
    registration: OnceLock<Registration>,
}

struct Registration {
    cell: Arc<ReadyCell>,
    driver: Handle,
}

/// What an operation on a source found.
#[derive(Debug)]
pub enum Attempt<R> {
    /// It completed; more may be there.
    Done(R),
    /// It completed and used the readiness up: less was there than was asked for.
    Drained(R),
}

impl<T: AsRawFd> Source<T> {
    /// Takes over a descriptor, which must be in non-blocking mode.
    pub fn new(io: T) -> Self {
        Self { io: Some(io), registration: OnceLock::new() }
    }

    /// The descriptor's owner.
    pub fn get_ref(&self) -> &T {
        self.io.as_ref().expect("is only taken when the source goes")
    }

    /// Gives the descriptor back, removed from the driver.
    pub fn into_inner(mut self) -> T {
        self.deregister();
        self.io.take().expect("is only taken here and on drop")
    }

    fn fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }

    fn deregister(&mut self) {
        if let Some(registration) = self.registration.take() {
            registration.driver.deregister(self.fd(), &registration.cell);
        }
    }

    fn registration(&self, driver: impl FnOnce() -> Handle) -> io::Result<&Registration> {
        if let Some(registration) = self.registration.get() {
            return Ok(registration);
        }
        let driver = driver();
        let cell = match driver.register(self.fd()) {
            // Another thread was faster: the reading and the writing half were polled at once.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(self.registration.wait()),
            result => result?,
        };
        let registration = Registration { cell, driver };
        if let Err(registration) = self.registration.set(registration) {
            // Registered twice, with two drivers; the first one counts.
            registration.driver.deregister(self.fd(), &registration.cell);
        }
        Ok(self.registration.get().expect("was just set"))
    }

    /// Tries an operation until it does not block, or returns `Pending` with the task to be woken when the source is ready.
    ///
    /// One task at a time may wait in each direction. `driver` names the driver to join if the operation would block.
    ///
    /// # Errors
    /// Those of the operation, and of joining the driver.
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        driver: impl Fn() -> Handle,
        mut operation: impl FnMut(&T) -> io::Result<Attempt<R>>,
    ) -> Poll<io::Result<R>> {
        let unit = ready!(budget::poll_proceed(cx));
        loop {
            let seen = match self.registration.get() {
                None => None,
                Some(registration) => match registration.cell.poll_ready(cx, direction) {
                    Poll::Ready(ready) if ready.is_shut_down() => return Poll::Ready(Err(shut_down())),
                    Poll::Ready(ready) => Some(ready),
                    Poll::Pending => return self.wait_for(direction),
                },
            };
            match operation(self.get_ref()) {
                Ok(attempt) => {
                    unit.spend();
                    return Poll::Ready(Ok(self.finish(attempt, seen, direction)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match (self.registration.get(), seen) {
                    (Some(registration), Some(seen)) => registration.cell.clear(seen, direction),
                    _ => drop(self.registration(&driver)?),
                },
                Err(error) => {
                    unit.spend();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    fn finish<R>(&self, attempt: Attempt<R>, seen: Option<Ready>, direction: Direction) -> R {
        match attempt {
            Attempt::Done(result) => result,
            Attempt::Drained(result) => {
                if let (Some(registration), Some(seen)) = (self.registration.get(), seen) {
                    registration.cell.clear(seen, direction);
                }
                result
            }
        }
    }

    #[cold]
    fn wait_for<R>(&self, direction: Direction) -> Poll<R> {
        let kind = match direction {
            Direction::Read => WaitKind::Read,
            Direction::Write => WaitKind::Write,
        };
        waiting_for(kind, u64::try_from(self.fd()).unwrap_or(0));
        Poll::Pending
    }

    /// Polls until the source is ready in this direction, without trying anything. One task at a time is woken in each direction.
    ///
    /// # Errors
    /// If joining the driver fails or the driver has gone.
    pub fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction, driver: impl Fn() -> Handle) -> Poll<io::Result<Ready>> {
        let unit = ready!(budget::poll_proceed(cx));
        match self.registration(driver)?.cell.poll_ready(cx, direction) {
            Poll::Ready(ready) if ready.is_shut_down() => Poll::Ready(Err(shut_down())),
            Poll::Ready(ready) => {
                unit.spend();
                Poll::Ready(Ok(ready))
            }
            Poll::Pending => self.wait_for(direction),
        }
    }

    /// Like [`Source::poll_ready`], for any number of futures. `key` is the address of the pinned future, which calls [`Source::forget`] with it when it is dropped.
    ///
    /// # Errors
    /// If joining the driver fails or the driver has gone.
    pub fn poll_ready_shared(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        driver: impl Fn() -> Handle,
        key: usize,
    ) -> Poll<io::Result<Ready>> {
        let unit = ready!(budget::poll_proceed(cx));
        match self.registration(driver)?.cell.poll_ready_shared(cx, direction, key) {
            Poll::Ready(ready) if ready.is_shut_down() => Poll::Ready(Err(shut_down())),
            Poll::Ready(ready) => {
                unit.spend();
                Poll::Ready(Ok(ready))
            }
            Poll::Pending => self.wait_for(direction),
        }
    }

    /// The future with this address waits no more.
    pub fn forget(&self, key: usize) {
        if let Some(registration) = self.registration.get() {
            registration.cell.forget(key);
        }
    }

    /// Tries an operation once. If it would block, what was known of the readiness is cleared, so that the next wait is for something new.
    ///
    /// # Errors
    /// Those of the operation; `WouldBlock` also if the source is known not to be ready.
    pub fn try_io<R>(&self, direction: Direction, operation: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        let Some(registration) = self.registration.get() else { return operation(self.get_ref()) };
        let Some(seen) = registration.cell.ready(direction) else { return Err(io::ErrorKind::WouldBlock.into()) };
        let result = operation(self.get_ref());
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            registration.cell.clear(seen, direction);
        }
        result
    }
}

fn shut_down() -> io::Error {
    io::Error::other("the runtime that this socket belongs to has been shut down")
}

impl<T: AsRawFd> Drop for Source<T> {
    fn drop(&mut self) {
        if self.io.is_some() {
            self.deregister();
        }
    }
}

impl<T: AsRawFd + std::fmt::Debug> std::fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("io", &self.io).field("registered", &self.registration.get().is_some()).finish()
    }
}
