//! Futures run as tasks; their outputs in order.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{Fuse, Stream, StreamExt};
use pin_project_lite::pin_project;

use super::AT_ONCE;
use super::spawned::Spawned;
use crate::ZeroLimit;

pin_project! {
    /// The outputs of futures that run as tasks, in order; see [`TaskStreamExt::buffered_tasks`](super::TaskStreamExt::buffered_tasks).
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct BufferedTasks<S: Stream<Item: Future>> {
        #[pin]
        source: Fuse<S>,
        started: VecDeque<Spawned<<S::Item as Future>::Output>>,
        limit: usize,
    }
}

impl<S: Stream<Item: Future>> BufferedTasks<S> {
    pub(super) fn new(source: S, limit: usize) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("concurrency", limit)?;
        Ok(Self { source: source.fuse(), started: VecDeque::new(), limit })
    }
}

/// Starts what there is room for, and gives the oldest output. (I4)
pub(super) fn poll_in_order<S: Stream, T>(
    mut source: Pin<&mut Fuse<S>>,
    started: &mut VecDeque<Spawned<T>>,
    limit: usize,
    mut start: impl FnMut(S::Item) -> Spawned<T>,
    cx: &mut Context<'_>,
) -> Poll<Option<T>> {
    let room = limit - started.len();
    for turn in 1..=room.min(AT_ONCE) {
        let Poll::Ready(Some(item)) = source.as_mut().poll_next(cx) else { break };
        started.push_back(start(item));
        if turn == AT_ONCE {
            cx.waker().wake_by_ref();
        }
    }
    let Some(oldest) = started.front_mut() else {
        return if source.is_done() { Poll::Ready(None) } else { Poll::Pending };
    };
    // A task that panicked is taken out as well: what comes after it can still be had.
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Pin::new(oldest).poll(cx)));
    match polled {
        Ok(poll) => {
            let output = ready!(poll);
            started.pop_front();
            Poll::Ready(Some(output))
        }
        Err(panic) => {
            started.pop_front();
            std::panic::resume_unwind(panic)
        }
    }
}

impl<S> Stream for BufferedTasks<S>
where
    S: Stream<Item: Future<Output: Send + 'static> + Send + 'static>,
{
    type Item = <S::Item as Future>::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        poll_in_order(this.source, this.started, *this.limit, |future| Spawned(crate::spawn(future)), cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.source.size_hint();
        let started = self.started.len();
        (low.saturating_add(started), high.and_then(|high| high.checked_add(started)))
    }
}

impl<S: Stream<Item: Future>> fmt::Debug for BufferedTasks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedTasks").field("started", &self.started.len()).field("limit", &self.limit).finish_non_exhaustive()
    }
}
