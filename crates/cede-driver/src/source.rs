//! A descriptor together with what is known of its readiness.
//!
//! # What
//! An operation is tried first. Only when it would block does the source join the epoll set of the worker that polls it: short-lived connections never pay for that,
//! and accepted sockets spread over the workers by themselves. From then on an operation is tried only when the last edge has not been used up.
//!
//! # Why not the obvious way
//! Registering at creation costs two system calls for each connection and puts all sockets on the acceptor's worker. Asking epoll again after each
//! read until it says "would block" costs one more system call per request; a read that returns less than it asked for has drained the socket, and the next byte is a new edge.
//!
//! # Whose driver
//! That of the runtime in which it is polled first; among its workers it moves to the one that serves it (`epoll/member.rs`). Where there is none, `home`, the driver where the source was made; and when that has gone, so has the source.
//!
//! # Invariants
//! - I1: a descriptor is registered by one thread at a time, under `registering`. So if the kernel says that it is registered already, another source has the same
//!   descriptor, which is an error for the caller.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};
use cede_core::lock::Lock;

use crate::epoll::Member;
use crate::readiness::{Direction, Event};
use crate::{Handle, Interest, Ready, shut_down_error};

/// A non-blocking descriptor that tasks can wait for.
pub struct Source<T: AsRawFd> {
    // Dropped first: the driver forgets the descriptor before it is closed.
    joined: Joined,
    io: T,
}

/// What does not depend on the type of what is registered, so that it is compiled once. Dropped, it leaves the driver.
struct Joined {
    home: Handle,
    interest: Interest,
    trust: Trust,
    /// What it is believed to be ready for as long as the kernel has said nothing. A hint: who is wrong tries in vain.
    assumed: AtomicU32,
    /// [I1]
    registering: Lock<()>,
    registration: OnceLock<Arc<Member>>,
}

/// Who promises that a descriptor stays open, and the same, as long as it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its owner does.
    Owner,
    /// Nobody. Whoever closes it loses events, but nothing worse happens.
    Nobody,
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
    /// Takes over a descriptor, which must be in non-blocking mode. It joins a driver when it first has to wait.
    pub fn new(io: T, home: Handle) -> Self {
        Self::with_interest(io, home, Interest::BOTH, Trust::Owner)
    }

    fn with_interest(io: T, home: Handle, interest: Interest, trust: Trust) -> Self {
        let joined =
            Joined { home, interest, trust, assumed: AtomicU32::new(0), registering: Lock::new(()), registration: OnceLock::new() };
        Self { joined, io }
    }

    /// What is known of a descriptor that was just made, before any driver says so.
    #[must_use]
    pub fn assume(self, ready: Ready) -> Self {
        self.joined.assumed.store(ready.bits(), Ordering::Relaxed);
        self
    }

    /// Takes over a descriptor, and joins the driver at once.
    ///
    /// # Errors
    /// If the kernel refuses: `EPERM` for what is always ready, such as files, `EEXIST` for what the driver has already. The descriptor comes back.
    pub fn register(io: T, driver: Handle, interest: Interest, trust: Trust) -> Result<Self, (T, io::Error)> {
        let source = Self::with_interest(io, driver, interest, trust);
        match source.registration(|| None).map(|_| ()) {
            Ok(()) => Ok(source),
            Err(error) => Err((source.io, error)),
        }
    }

    /// The descriptor's owner.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// The descriptor's owner. It must keep its descriptor.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Gives the descriptor back, removed from the driver.
    pub fn into_inner(self) -> T {
        self.io
    }

    fn fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }

    fn registration(&self, driver: impl Fn() -> Option<Handle>) -> io::Result<&Arc<Member>> {
        match self.joined.registration.get() {
            Some(registration) => Ok(registration),
            None => self.joined.join(self.fd(), &driver),
        }
    }

    /// Tries an operation until it does not block, or returns `Pending` with the task to be woken when the source is ready.
    ///
    /// One task at a time may wait in each direction. `driver` names the driver to join if the operation would block; `None` is the source's own.
    ///
    /// # Errors
    /// Those of the operation, and of joining the driver.
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        driver: impl Fn() -> Option<Handle>,
        mut operation: impl FnMut(&T) -> io::Result<Attempt<R>>,
    ) -> Poll<io::Result<R>> {
        let unit = ready!(budget::poll_proceed(cx));
        loop {
            let seen = match self.joined.registration.get() {
                None => None,
                Some(registration) => match registration.cell.poll_ready(cx, direction) {
                    Poll::Ready(ready) if ready.is_shut_down() => return Poll::Ready(Err(shut_down_error())),
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
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.joined.would_block(self.fd(), direction, seen, &driver)?,
                Err(error) => {
                    unit.spend();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    fn finish<R>(&self, attempt: Attempt<R>, seen: Option<Event>, direction: Direction) -> R {
        match attempt {
            Attempt::Done(result) => result,
            Attempt::Drained(result) => {
                if let (Some(registration), Some(seen)) = (self.joined.registration.get(), seen) {
                    registration.cell.clear(seen.of_interest(direction.interest()));
                }
                result
            }
        }
    }

    fn wait_for<R>(&self, direction: Direction) -> Poll<R> {
        say_waiting(self.fd(), direction);
        Poll::Pending
    }

    /// Polls until the source is ready in this direction, without trying anything. One task at a time is woken in each direction.
    ///
    /// # Errors
    /// If joining the driver fails or the driver has gone.
    pub fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction, driver: impl Fn() -> Option<Handle>) -> Poll<io::Result<Event>> {
        let unit = ready!(budget::poll_proceed(cx));
        match self.registration(driver)?.cell.poll_ready_for_user(cx, direction) {
            Poll::Ready(ready) if ready.is_shut_down() => Poll::Ready(Err(shut_down_error())),
            Poll::Ready(ready) => {
                unit.spend();
                Poll::Ready(Ok(ready.of_interest(direction.interest())))
            }
            Poll::Pending => self.wait_for(direction),
        }
    }

    /// Like [`Source::poll_ready`], for any interest and any number of futures. `key` is the address of the pinned future, which calls [`Source::forget`] with
    /// it when it is dropped. Costs no budget.
    ///
    /// # Errors
    /// If joining the driver fails or the driver has gone.
    pub fn poll_ready_shared(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        driver: impl Fn() -> Option<Handle>,
        key: usize,
    ) -> Poll<io::Result<Event>> {
        match self.registration(driver)?.cell.poll_ready_shared(cx, interest, key) {
            Poll::Ready(ready) if ready.is_shut_down() => Poll::Ready(Err(shut_down_error())),
            Poll::Ready(ready) => Poll::Ready(Ok(ready.of_interest(interest))),
            Poll::Pending if interest.is_writable() && !interest.is_readable() => self.wait_for(Direction::Write),
            Poll::Pending => self.wait_for(Direction::Read),
        }
    }

    /// The future with this address waits no more.
    pub fn forget(&self, key: usize) {
        if let Some(registration) = self.joined.registration.get() {
            registration.cell.forget(key);
        }
    }

    /// What is known of an interest: `None` if nothing.
    pub fn known(&self, interest: Interest) -> Option<Event> {
        let seen = self.joined.registration.get()?.cell.ready_for(interest)?;
        Some(seen.of_interest(interest))
    }

    /// What was seen is used up, so that the next wait is for something new.
    pub fn clear(&self, seen: Event) {
        if let Some(registration) = self.joined.registration.get() {
            registration.cell.clear(seen);
        }
    }

    /// Tries an operation of ours once. If it would block, what was known of the readiness is cleared.
    ///
    /// # Errors
    /// Those of the operation; `WouldBlock` also if the source is known not to be ready.
    pub fn attempt<R>(&self, direction: Direction, operation: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        let Some(registration) = self.joined.registration.get() else {
            let result = operation(self.get_ref());
            if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                self.joined.assume_less(direction.interest());
            }
            return result;
        };
        let Some(seen) = registration.cell.ready(direction) else { return Err(io::ErrorKind::WouldBlock.into()) };
        let result = operation(self.get_ref());
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            registration.cell.disprove(seen, direction);
        }
        result
    }

    /// Tries an operation of the user's once. If it says that it would block, what was known of the readiness is cleared, so that the next wait is for something new.
    ///
    /// # Errors
    /// Those of the operation; `WouldBlock` also if the source is known not to be ready.
    pub fn try_io<R>(&self, interest: Interest, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let Some(registration) = self.joined.registration.get() else {
            let result = operation();
            if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                self.joined.assume_less(interest);
            }
            return result;
        };
        let Some(seen) = registration.cell.ready_for(interest) else { return Err(io::ErrorKind::WouldBlock.into()) };
        let result = operation();
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            registration.cell.clear(seen.of_interest(interest));
        }
        result
    }
}

impl Joined {
    /// An operation in this direction would block.
    fn assume_less(&self, interest: Interest) {
        let assumed = self.assumed.load(Ordering::Relaxed);
        if assumed != 0 {
            self.assumed.fetch_and(!Ready::for_interest(interest).bits(), Ordering::Relaxed);
        }
    }

    /// Registers the descriptor, if nobody has meanwhile. With the driver that `driver` names, else at home.
    #[cold]
    fn join(&self, fd: RawFd, driver: &dyn Fn() -> Option<Handle>) -> io::Result<&Arc<Member>> {
        if self.home.is_shut_down() {
            return Err(shut_down_error());
        }
        let driver = driver().unwrap_or_else(|| self.home.clone());
        let _one = self.registering.lock();
        if self.registration.get().is_none() {
            let member = driver.register(fd, self.interest, self.trust)?;
            let assumed = self.assumed.load(Ordering::Relaxed);
            if assumed != 0 {
                member.cell.set(assumed);
            }
            let _set = self.registration.set(member);
        }
        Ok(self.registration.get().expect("was just set"))
    }

    /// An operation would block. `seen` is what it was tried for; without a registration it was tried at once.
    fn would_block(&self, fd: RawFd, direction: Direction, seen: Option<Event>, driver: &dyn Fn() -> Option<Handle>) -> io::Result<()> {
        match (self.registration.get(), seen) {
            (Some(registration), Some(seen)) => registration.cell.disprove(seen, direction),
            (Some(_), None) => self.assume_less(direction.interest()),
            (None, _) => {
                self.assume_less(direction.interest());
                self.join(fd, driver)?;
            }
        }
        Ok(())
    }
}

/// The task says what it waits for.
#[cold]
fn say_waiting(fd: RawFd, direction: Direction) {
    let kind = match direction {
        Direction::Read => WaitKind::Read,
        Direction::Write => WaitKind::Write,
    };
    waiting_for(kind, u64::try_from(fd).unwrap_or(0));
}

// What a panic can interrupt is an operation; what is known of the readiness stays true.
impl<T: AsRawFd> UnwindSafe for Source<T> {}
impl<T: AsRawFd> RefUnwindSafe for Source<T> {}

impl Drop for Joined {
    /// Not in each place where a source is dropped.
    #[inline(never)]
    fn drop(&mut self) {
        if let Some(member) = self.registration.take() {
            member.leave();
        }
    }
}

impl<T: AsRawFd + std::fmt::Debug> std::fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("io", &self.io).field("registered", &self.joined.registration.get().is_some()).finish()
    }
}
