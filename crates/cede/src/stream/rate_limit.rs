//! A token bucket.
//!
//! The bucket is one number: the moment when it will be full. An item moves it by `period / rate`; if it would be further away than a full bucket lasts, the
//! item waits. So there is no counter to be refilled and nothing that drifts.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::Stream;
use pin_project_lite::pin_project;

use super::delay::Delay;
use crate::ZeroLimit;
use crate::time::{Duration, Instant};

pin_project! {
    /// So many items in so much time; see [`TaskStreamExt::rate_limit`](super::TaskStreamExt::rate_limit).
    #[must_use = "a stream does nothing unless it is polled"]
    pub struct RateLimit<S> {
        #[pin]
        source: S,
        delay: Delay,
        // The time of one item.
        each: Duration,
        // How long a full bucket lasts, without the last item.
        slack: Duration,
        // When the bucket will be full; none: it is.
        full_at: Option<Instant>,
    }
}

impl<S> RateLimit<S> {
    pub(super) fn new(source: S, rate: u32, period: Duration, burst: u32) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("rate", rate as usize)?;
        ZeroLimit::check("burst", burst as usize)?;
        let each = period / rate;
        Ok(Self { source, delay: Delay::default(), each, slack: each.saturating_mul(burst - 1), full_at: None })
    }
}

impl<S: Stream> Stream for RateLimit<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        // Before the item is taken: one that waits stays with the source.
        ready!(this.delay.poll(cx));
        let item = ready!(this.source.poll_next(cx));
        if item.is_some() {
            let now = Instant::now();
            // How much of the bucket is used. With times that no clock can show, the next item is due never.
            let used = this.full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now)).saturating_add(*this.each);
            *this.full_at = Some(now.checked_add(used).unwrap_or_else(Instant::far_future));
            if used > *this.slack {
                this.delay.set_after(used - *this.slack);
            }
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.source.size_hint()
    }
}

impl<S> fmt::Debug for RateLimit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("each", &self.each).finish_non_exhaustive()
    }
}
