//! Giving a future up at a chosen point.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Polls until the future was pending `k` times and drops it at the next time. Its output, if it was ready before.
pub(crate) async fn up_to<F: Future>(k: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = k;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
