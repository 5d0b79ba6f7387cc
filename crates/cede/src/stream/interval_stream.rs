//! Ticks as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::Stream;

use crate::time::{Instant, Interval};

/// The ticks of an [`Interval`]; it does not end.
///
/// ```
/// use cede::stream::{StreamExt, wrappers::IntervalStream};
/// # cede::block_on(async {
/// let ticks = IntervalStream::new(cede::time::interval(std::time::Duration::from_micros(50)));
/// assert_eq!(ticks.take(3).count().await, 3);
/// # });
/// ```
#[derive(Debug)]
pub struct IntervalStream(Interval);

impl IntervalStream {
    /// The stream of this interval.
    #[must_use]
    pub fn new(interval: Interval) -> Self {
        Self(interval)
    }

    /// The interval.
    #[must_use]
    pub fn into_inner(self) -> Interval {
        self.0
    }
}

impl Stream for IntervalStream {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.0.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
