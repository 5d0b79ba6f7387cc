//! Waiting for a socket to become ready, for any number of tasks at a time.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_driver::{Direction, Handle, Ready, Source};

/// A future that is ready when the source is. Its waker is kept under its address, and taken out when it is dropped.
#[must_use = "futures do nothing unless they are awaited"]
pub(super) struct WaitReady<'a, T: AsRawFd> {
    source: &'a Source<T>,
    direction: Direction,
    driver: fn() -> Handle,
    /// Whether the source may have a waker of this future.
    waiting: Cell<bool>,
    _pinned: PhantomPinned,
}

impl<'a, T: AsRawFd> WaitReady<'a, T> {
    pub(super) fn new(source: &'a Source<T>, direction: Direction, driver: fn() -> Handle) -> Self {
        Self { source, direction, driver, waiting: Cell::new(false), _pinned: PhantomPinned }
    }

    fn key(&self) -> usize {
        (&raw const *self).addr()
    }
}

impl<T: AsRawFd> Future for WaitReady<'_, T> {
    type Output = io::Result<Ready>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.waiting.set(true);
        self.source.poll_ready_shared(cx, self.direction, self.driver, self.key())
    }
}

impl<T: AsRawFd> Drop for WaitReady<'_, T> {
    fn drop(&mut self) {
        if self.waiting.get() {
            self.source.forget(self.key());
        }
    }
}
