//! Items with time between them.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::Stream;
use pin_project_lite::pin_project;

use super::delay::Delay;
use crate::time::Duration;

pin_project! {
    /// At most one item in so much time; see [`TaskStreamExt::throttle`](super::TaskStreamExt::throttle).
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct Throttle<S> {
        #[pin]
        source: S,
        delay: Delay,
        duration: Duration,
    }
}

impl<S> Throttle<S> {
    pub(super) fn new(source: S, duration: Duration) -> Self {
        Self { source, delay: Delay::default(), duration }
    }

    /// The source.
    pub fn get_ref(&self) -> &S {
        &self.source
    }

    /// The source.
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S: Stream> Stream for Throttle<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        ready!(this.delay.poll(cx));
        let item = ready!(this.source.poll_next(cx));
        if item.is_some() && !this.duration.is_zero() {
            this.delay.set_after(*this.duration);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint()
    }
}

impl<S> fmt::Debug for Throttle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("duration", &self.duration).finish_non_exhaustive()
    }
}
