//! Items in batches, limited in number and in time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{Fuse, Stream, StreamExt};
use pin_project_lite::pin_project;

use super::AT_ONCE;
use super::delay::Delay;
use crate::ZeroLimit;
use crate::time::Duration;

pin_project! {
    /// Batches of items; see [`TaskStreamExt::chunks_timeout`](super::TaskStreamExt::chunks_timeout).
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct ChunksTimeout<S: Stream> {
        #[pin]
        source: Fuse<S>,
        delay: Delay,
        items: Vec<S::Item>,
        size: usize,
        duration: Duration,
    }
}

impl<S: Stream> ChunksTimeout<S> {
    pub(super) fn new(source: S, size: usize, duration: Duration) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("size", size)?;
        Ok(Self { source: source.fuse(), delay: Delay::default(), items: Vec::new(), size, duration })
    }

    /// What is collected and not given yet.
    pub fn into_remainder(self) -> Vec<S::Item> {
        self.items
    }
}

impl<S: Stream> Stream for ChunksTimeout<S> {
    type Item = Vec<S::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let mut this = self.project();
        let mut turns = 0;
        while turns < AT_ONCE
            && let Poll::Ready(item) = this.source.as_mut().poll_next(cx)
        {
            turns += 1;
            let Some(item) = item else {
                this.delay.clear();
                return Poll::Ready(Some(std::mem::take(this.items)).filter(|items| !items.is_empty()));
            };
            if this.items.is_empty() {
                this.delay.set_after(*this.duration);
            }
            this.items.push(item);
            if this.items.len() == *this.size {
                this.delay.clear();
                return Poll::Ready(Some(std::mem::take(this.items)));
            }
        }
        if turns == AT_ONCE {
            cx.waker().wake_by_ref();
        }
        if !this.delay.is_set() {
            return Poll::Pending;
        }
        ready!(this.delay.poll(cx));
        Poll::Ready(Some(std::mem::take(this.items)))
    }
}

impl<S: Stream> fmt::Debug for ChunksTimeout<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunksTimeout").field("collected", &self.items.len()).field("size", &self.size).finish_non_exhaustive()
    }
}
