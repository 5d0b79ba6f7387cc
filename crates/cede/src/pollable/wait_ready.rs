//! Waiting for a source to become ready, for any number of tasks at a time.

use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_driver::{Event, Interest, Source};
use pin_project_lite::pin_project;

/// What can become ready.
pub(crate) trait Waitable {
    fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest, key: usize) -> Poll<io::Result<Event>>;
    fn forget(&self, key: usize);
}

impl<T: AsRawFd> Waitable for Source<T> {
    fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest, key: usize) -> Poll<io::Result<Event>> {
        self.poll_ready_shared(cx, interest, super::driver, key)
    }

    fn forget(&self, key: usize) {
        self.forget(key);
    }
}

pin_project! {
    /// A future that is ready when the source is. Its waker is kept under its address, and taken out when it is dropped. It costs no budget: what is done with the
    /// readiness does.
    ///
    /// The source may be borrowed either way: a future that has it for itself can be sent to other threads also if the source may only be sent.
    #[must_use = "futures do nothing unless they are awaited"]
    pub(crate) struct WaitReady<S: Deref>
    where
        S::Target: Waitable,
    {
        source: S,
        interest: Interest,
        // Whether the source may have a waker of this future.
        waiting: bool,
        #[pin]
        _pinned: PhantomPinned,
    }

    impl<S: Deref> PinnedDrop for WaitReady<S>
    where
        S::Target: Waitable,
    {
        fn drop(this: Pin<&mut Self>) {
            if this.waiting {
                this.source.forget(this.key());
            }
        }
    }
}

impl<S: Deref> WaitReady<S>
where
    S::Target: Waitable,
{
    pub(crate) fn new(source: S, interest: Interest) -> Self {
        Self { source, interest, waiting: false, _pinned: PhantomPinned }
    }

    fn key(&self) -> usize {
        (&raw const *self).addr()
    }
}

impl<S: Deref> Future for WaitReady<S>
where
    S::Target: Waitable,
{
    type Output = io::Result<Event>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        *self.as_mut().project().waiting = true;
        self.source.poll_ready(cx, self.interest, self.key())
    }
}
