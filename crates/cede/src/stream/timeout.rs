//! A time limit for each item.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{Fuse, Stream, StreamExt};
use pin_project_lite::pin_project;

use super::delay::Delay;
use crate::time::Duration;

/// An item did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The limit begins with the next poll.
    Idle,
    Running,
    /// It was said that the item is late; it may take what it takes.
    Late,
}

pin_project! {
    /// Items, or an error for each that is late; see [`TaskStreamExt::timeout`](super::TaskStreamExt::timeout).
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct Timeout<S> {
        #[pin]
        source: Fuse<S>,
        delay: Delay,
        stage: Stage,
        duration: Duration,
    }
}

impl<S: Stream> Timeout<S> {
    pub(super) fn new(source: S, duration: Duration) -> Self {
        Self { source: source.fuse(), delay: Delay::default(), stage: Stage::Idle, duration }
    }
}

impl<S: Stream> Stream for Timeout<S> {
    type Item = Result<S::Item, Elapsed>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if let Poll::Ready(item) = this.source.poll_next(cx) {
            *this.stage = Stage::Idle;
            this.delay.clear();
            return Poll::Ready(item.map(Ok));
        }
        if *this.stage == Stage::Idle {
            *this.stage = Stage::Running;
            this.delay.set_after(*this.duration);
        }
        if *this.stage == Stage::Late {
            return Poll::Pending;
        }
        ready!(this.delay.poll(cx));
        *this.stage = Stage::Late;
        Poll::Ready(Some(Err(Elapsed(()))))
    }
}

impl<S> fmt::Debug for Timeout<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("duration", &self.duration).finish_non_exhaustive()
    }
}
