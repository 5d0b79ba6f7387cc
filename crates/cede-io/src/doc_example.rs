//! Runs the examples in this crate's documentation, which have no executor at hand.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Polls `example` until it completes. Everything in an example is in memory, so it needs no waker.
#[doc(hidden)]
#[track_caller]
pub fn doc_example<E: std::fmt::Debug>(example: impl Future<Output = Result<(), E>>) {
    let mut example = pin!(example);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(result) = example.as_mut().poll(&mut cx) {
            return result.expect("the example failed");
        }
    }
    panic!("the example waits for something that does not come");
}
