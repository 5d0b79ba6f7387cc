//! A descriptor of the operating system that belongs to a runtime: what sockets, pipes, `AsyncFd` and child processes are made of.
//!
//! [`Source`] knows descriptors and drivers, but no runtime. This joins them: a descriptor comes into being inside a runtime, and waits with the driver of the
//! worker that polls it first. Operations of ours are tried before anything is waited for.

mod wait_ready;

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use bytes::BufMut;
use cede_context::budget;
use cede_driver::{Attempt, Direction, Handle as DriverHandle, Interest, Ready, Source, Trust};
use cede_io::ReadBuf;

use crate::io::home::home;
use crate::runtime::{Handle, context};
use crate::sys::{self, fill};

pub(crate) use wait_ready::WaitReady;

/// The driver of the worker that this thread is, or of one that will do; `None` outside of a runtime.
#[inline(never)]
pub(crate) fn driver() -> Option<DriverHandle> {
    context::with_current(Handle::driver)
}

/// A non-blocking descriptor that belongs to a runtime.
pub(crate) struct Pollable<T: AsRawFd> {
    source: Source<T>,
}

impl<T: AsRawFd> Pollable<T> {
    /// Takes over a descriptor in non-blocking mode, for the runtime that the thread is in.
    ///
    /// # Errors
    /// In a simulated run.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub(crate) fn new(io: T) -> io::Result<Self> {
        Ok(Self { source: Source::new(io, home()?) })
    }

    /// As `new`, for a descriptor that was just made and is known to be ready for something.
    #[track_caller]
    pub(crate) fn assuming(io: T, ready: Ready) -> io::Result<Self> {
        Ok(Self { source: Source::new(io, home()?).assume(ready) })
    }

    /// As `new`, joining the driver at once: for descriptors that say something else while they have not become ready yet, as a pipe does that nobody opened for writing.
    #[track_caller]
    pub(crate) fn registered(io: T, interest: Interest) -> io::Result<Self> {
        match Source::register(io, home()?, interest, Trust::Owner) {
            Ok(source) => Ok(Self { source }),
            Err((_, error)) => Err(error),
        }
    }

    pub(crate) fn get_ref(&self) -> &T {
        self.source.get_ref()
    }

    pub(crate) fn into_inner(self) -> T {
        self.source.into_inner()
    }

    /// Waits until it is ready; any number of tasks may.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(WaitReady::new(&self.source, interest).await?.ready())
    }

    /// Polls until it is ready; the last task in each direction is woken.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.source.poll_ready(cx, direction, driver).map_ok(drop)
    }

    /// Tries an operation of ours once.
    pub(crate) fn attempt<R>(&self, direction: Direction, operation: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.source.attempt(direction, operation)
    }

    /// Repeats an operation of ours until it does not block; any number of tasks may.
    pub(crate) async fn operate<R>(&self, direction: Direction, mut operation: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        // An error is to be fetched by the operation.
        let interest = match direction {
            Direction::Read => Interest::READABLE | Interest::ERROR,
            Direction::Write => Interest::WRITABLE | Interest::ERROR,
        };
        loop {
            let unit = poll_fn(budget::poll_proceed).await;
            match self.source.attempt(direction, &mut operation) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    unit.spend();
                    return result;
                }
            }
            let _ready = WaitReady::new(&self.source, interest).await?;
        }
    }

    /// Tries an operation of the user's once.
    pub(crate) fn try_io<R>(&self, interest: Interest, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.source.try_io(interest, operation)
    }

    /// Repeats an operation of the user's until it does not block.
    pub(crate) async fn async_io<R>(&self, interest: Interest, mut operation: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        loop {
            let unit = poll_fn(budget::poll_proceed).await;
            match self.source.try_io(interest, &mut operation) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    unit.spend();
                    return result;
                }
            }
            let _ready = WaitReady::new(&self.source, interest).await?;
        }
    }

    /// Polls an operation of ours; the last task in each direction is woken.
    #[inline]
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        operation: impl FnMut(&T) -> io::Result<Attempt<R>>,
    ) -> Poll<io::Result<R>> {
        self.source.poll_io(cx, direction, driver, operation)
    }
}

/// `read(2)`, as [`fill`] wants it.
fn read<'a>(io: &impl AsFd, memory: &'a mut [MaybeUninit<u8>]) -> io::Result<(&'a mut [u8], ())> {
    Ok((sys::descriptor::read(io, memory)?, ()))
}

/// `recv(2)`, as [`fill`] wants it: what a read of a socket comes to, without what the kernel does for files on the way.
fn receive<'a>(socket: &impl AsFd, memory: &'a mut [MaybeUninit<u8>]) -> io::Result<(&'a mut [u8], ())> {
    if memory.is_empty() {
        // Of a file, that is nothing; of a socket it would wait for something.
        return Ok((&mut [], ()));
    }
    Ok((sys::receive::receive(socket, memory, 0)?, ()))
}

/// For byte streams: a read that returns less than it asked for has emptied them, a write has filled them up. An end has not, it stays.
fn stream_attempt(count: usize, asked: usize) -> Attempt<usize> {
    if count > 0 && count < asked { Attempt::Drained(count) } else { Attempt::Done(count) }
}

impl<T: AsFd + AsRawFd> Pollable<T> {
    #[inline]
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_io(cx, Direction::Read, |io| {
            let room = buffer.remaining();
            let (count, ()) = fill::read_buf(buffer, |memory| read(io, memory))?;
            Ok(stream_attempt(count, room))
        })
        .map_ok(drop)
    }

    pub(crate) fn try_read_buf<B: BufMut>(&self, buffer: &mut B) -> io::Result<usize> {
        self.attempt(Direction::Read, |io| fill::buf_mut(buffer, |memory| read(io, memory)).map(|(count, ())| count))
    }

    /// As `poll_read`, of a socket.
    #[inline]
    pub(crate) fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_io(cx, Direction::Read, |io| {
            let room = buffer.remaining();
            let (count, ()) = fill::read_buf(buffer, |memory| receive(io, memory))?;
            Ok(stream_attempt(count, room))
        })
        .map_ok(drop)
    }

    /// As `try_read_buf`, of a socket.
    pub(crate) fn try_receive_buf<B: BufMut>(&self, buffer: &mut B) -> io::Result<usize> {
        self.attempt(Direction::Read, |io| fill::buf_mut(buffer, |memory| receive(io, memory)).map(|(count, ())| count))
    }
}

impl<T: AsRawFd> Pollable<T>
where
    for<'a> &'a T: Write,
{
    #[inline]
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, Direction::Write, |mut io| Ok(stream_attempt(io.write(buffer)?, buffer.len())))
    }

    pub(crate) fn poll_write_vectored(&self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, Direction::Write, |mut io| io.write_vectored(buffers).map(Attempt::Done))
    }
}

impl<T: AsRawFd> AsRawFd for Pollable<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsRawFd + AsFd> AsFd for Pollable<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}
