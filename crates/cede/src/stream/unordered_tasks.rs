//! Futures run as tasks; their outputs as they come.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{Fuse, FuturesUnordered, Stream, StreamExt};
use pin_project_lite::pin_project;

use super::AT_ONCE;
use super::spawned::Spawned;
use crate::ZeroLimit;

pin_project! {
    /// The outputs of futures that run as tasks, as they come; see [`TaskStreamExt::buffer_unordered_tasks`](super::TaskStreamExt::buffer_unordered_tasks).
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct BufferUnorderedTasks<S: Stream<Item: Future>> {
        #[pin]
        source: Fuse<S>,
        started: FuturesUnordered<Spawned<<S::Item as Future>::Output>>,
        limit: usize,
    }
}

impl<S: Stream<Item: Future>> BufferUnorderedTasks<S> {
    pub(super) fn new(source: S, limit: usize) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("concurrency", limit)?;
        Ok(Self { source: source.fuse(), started: FuturesUnordered::new(), limit })
    }
}

impl<S> Stream for BufferUnorderedTasks<S>
where
    S: Stream<Item: Future<Output: Send + 'static> + Send + 'static>,
{
    type Item = <S::Item as Future>::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let room = *this.limit - this.started.len();
        for turn in 1..=room.min(AT_ONCE) {
            let Poll::Ready(Some(future)) = this.source.as_mut().poll_next(cx) else { break };
            this.started.push(Spawned(crate::spawn(future)));
            if turn == AT_ONCE {
                cx.waker().wake_by_ref();
            }
        }
        match this.started.poll_next_unpin(cx) {
            Poll::Ready(Some(output)) => Poll::Ready(Some(output)),
            // Nothing is in flight; that is not the end unless the source has ended.
            Poll::Ready(None) if !this.source.is_done() => Poll::Pending,
            poll => poll,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.source.size_hint();
        let started = self.started.len();
        (low.saturating_add(started), high.and_then(|high| high.checked_add(started)))
    }
}

impl<S: Stream<Item: Future>> fmt::Debug for BufferUnorderedTasks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferUnorderedTasks").field("started", &self.started.len()).field("limit", &self.limit).finish_non_exhaustive()
    }
}
