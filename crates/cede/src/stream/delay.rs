//! A timer that a combinator sets again and again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::time::{Duration, Instant, Sleep, sleep_until};

/// Either off or set to a moment. The timer is made when it is set first, and used again.
#[derive(Debug, Default)]
pub(super) struct Delay {
    timer: Option<Pin<Box<Sleep>>>,
    is_set: bool,
}

impl Delay {
    /// From now. A time that no clock can show is never.
    pub(super) fn set_after(&mut self, duration: Duration) {
        self.set(Instant::now().checked_add(duration).unwrap_or_else(Instant::far_future));
    }

    pub(super) fn set(&mut self, deadline: Instant) {
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(deadline),
            None => self.timer = Some(Box::pin(sleep_until(deadline))),
        }
        self.is_set = true;
    }

    pub(super) fn clear(&mut self) {
        self.is_set = false;
    }

    pub(super) fn is_set(&self) -> bool {
        self.is_set
    }

    /// Ready when it is off, or its moment has come; then it is off.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_set
            && let Some(timer) = &mut self.timer
        {
            ready!(timer.as_mut().poll(cx));
            self.is_set = false;
        }
        Poll::Ready(())
    }
}
