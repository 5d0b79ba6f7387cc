//! A closure on the blocking pool for each item; the outputs in order.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{Fuse, Stream, StreamExt};
use pin_project_lite::pin_project;

use super::buffered_tasks::poll_in_order;
use super::spawned::Spawned;
use crate::ZeroLimit;
use crate::task::spawn_blocking;

pin_project! {
    /// What a closure made of each item, on threads that may block, in order; see [`TaskStreamExt::par_map`](super::TaskStreamExt::par_map).
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct ParMap<S, F, R> {
        #[pin]
        source: Fuse<S>,
        map: Arc<F>,
        started: VecDeque<Spawned<R>>,
        limit: usize,
    }
}

impl<S: Stream, F, R> ParMap<S, F, R> {
    pub(super) fn new(source: S, limit: usize, map: F) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("concurrency", limit)?;
        Ok(Self { limit, ..Self::sequential(source, map) })
    }

    pub(super) fn sequential(source: S, map: F) -> Self {
        Self { source: source.fuse(), map: Arc::new(map), started: VecDeque::new(), limit: 1 }
    }
}

impl<S, F, R> Stream for ParMap<S, F, R>
where
    S: Stream<Item: Send + 'static>,
    F: Fn(S::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    type Item = R;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R>> {
        let this = self.project();
        let map = this.map;
        let start = |item| {
            let map = Arc::clone(map);
            Spawned(spawn_blocking(move || map(item)))
        };
        poll_in_order(this.source, this.started, *this.limit, start, cx)
    }
}

impl<S, F, R> fmt::Debug for ParMap<S, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParMap").field("started", &self.started.len()).field("limit", &self.limit).finish_non_exhaustive()
    }
}
