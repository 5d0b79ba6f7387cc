//! Waiting for a source to become ready, for any number of tasks at a time.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_driver::{Event, Interest, Source};

/// A future that is ready when the source is. Its waker is kept under its address, and taken out when it is dropped. It costs no budget: what is done with the
/// readiness does.
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct WaitReady<'a, T: AsRawFd> {
    source: &'a Source<T>,
    interest: Interest,
    /// Whether the source may have a waker of this future.
    waiting: Cell<bool>,
    _pinned: PhantomPinned,
}

impl<'a, T: AsRawFd> WaitReady<'a, T> {
    pub(crate) fn new(source: &'a Source<T>, interest: Interest) -> Self {
        Self { source, interest, waiting: Cell::new(false), _pinned: PhantomPinned }
    }

    fn key(&self) -> usize {
        (&raw const *self).addr()
    }
}

impl<T: AsRawFd> Future for WaitReady<'_, T> {
    type Output = io::Result<Event>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        self.waiting.set(true);
        self.source.poll_ready_shared(cx, self.interest, super::driver, self.key())
    }
}

impl<T: AsRawFd> Drop for WaitReady<'_, T> {
    fn drop(&mut self) {
        if self.waiting.get() {
            self.source.forget(self.key());
        }
    }
}
