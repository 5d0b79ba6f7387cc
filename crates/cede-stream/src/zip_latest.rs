//! The latest of two streams.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::stream::{Fuse, StreamExt};
use pin_project_lite::pin_project;

pin_project! {
    /// Pairs of the latest items of two streams; made by [`zip_latest`].
    #[derive(Debug)]
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct ZipLatest<A: Stream, B: Stream> {
        #[pin]
        first: Fuse<A>,
        #[pin]
        second: Fuse<B>,
        latest: (Option<A::Item>, Option<B::Item>),
    }
}

/// A stream of the latest items of both: one pair whenever one of them, or both, gave a new item, once both gave one. What comes between two polls is passed over, but for the last.
/// It ends when both have ended, or when one ended without any item.
///
/// ```
/// use futures_util::{FutureExt, StreamExt, stream};
///
/// let pairs = cede_stream::zip_latest(stream::iter([1, 2, 3]), stream::iter(["a"]));
/// assert_eq!(pairs.collect::<Vec<_>>().now_or_never().unwrap(), [(3, "a")]);
/// ```
pub fn zip_latest<A, B>(first: A, second: B) -> ZipLatest<A, B>
where
    A: Stream<Item: Clone>,
    B: Stream<Item: Clone>,
{
    ZipLatest { first: first.fuse(), second: second.fuse(), latest: (None, None) }
}

/// Takes items as long as there are some; whether there was one.
fn drain<S: Stream>(mut stream: Pin<&mut Fuse<S>>, latest: &mut Option<S::Item>, cx: &mut Context<'_>) -> bool {
    let mut changed = false;
    // A stream that is always ready must not keep the task for ever.
    for _ in 0..ROUNDS {
        match stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(item)) => {
                *latest = Some(item);
                changed = true;
            }
            Poll::Ready(None) | Poll::Pending => break,
        }
    }
    changed
}

const ROUNDS: usize = 64;

impl<A, B> Stream for ZipLatest<A, B>
where
    A: Stream<Item: Clone>,
    B: Stream<Item: Clone>,
{
    type Item = (A::Item, B::Item);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let first = drain(this.first.as_mut(), &mut this.latest.0, cx);
        let second = drain(this.second.as_mut(), &mut this.latest.1, cx);
        if let ((Some(a), Some(b)), true) = (&*this.latest, first || second) {
            return Poll::Ready(Some((a.clone(), b.clone())));
        }
        let hopeless = |ended: bool, latest_is_none: bool| ended && latest_is_none;
        let ended = (this.first.is_done(), this.second.is_done());
        if ended == (true, true) || hopeless(ended.0, this.latest.0.is_none()) || hopeless(ended.1, this.latest.1.is_none()) {
            return Poll::Ready(None);
        }
        if first || second {
            // It stopped in the middle of one that has more; nobody else would wake the task.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
