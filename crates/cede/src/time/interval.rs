//! Something to await again and again.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Duration, Instant, Sleep, sleep_until};

/// What an [`Interval`] does when a tick was missed because nobody awaited it in time.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// use cede::time::{Duration, Instant, MissedTickBehavior, interval, sleep};
///
/// let period = Duration::from_millis(10);
/// let start = Instant::now();
/// let mut ticks = interval(period);
/// ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// ticks.tick().await;
/// sleep(period * 7 / 2).await;
/// assert_eq!(ticks.tick().await, start + period, "the one that was missed first, at once");
/// assert_eq!(ticks.tick().await, start + period * 4, "then those that are still to come");
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Ticks as fast as possible until it has caught up.
    #[default]
    Burst,
    /// Ticks at once, and from then on at multiples of the period after that.
    Delay,
    /// Ticks at once, and then at the next multiple of the period after the start.
    Skip,
}

impl MissedTickBehavior {
    /// The tick after the one that was due at `due` and came at `now`; `None` if no clock can show it.
    #[inline]
    fn next(self, due: Instant, now: Instant, period: Duration) -> Option<Instant> {
        match self {
            Self::Burst => due.checked_add(period),
            Self::Delay => now.checked_add(period),
            Self::Skip => {
                let late = (now - due).as_nanos() % period.as_nanos();
                let late =
                    Duration::from_nanos(u64::try_from(late).expect("shorter than the time missed, which is shorter than 584 years"));
                now.checked_add(period - late)
            }
        }
    }
}

/// Ticks at a period; see [`interval`].
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// use cede::time::{Duration, Instant, interval_at};
///
/// let start = Instant::now();
/// let mut ticks = interval_at(start + Duration::from_millis(5), Duration::from_millis(10));
/// assert_eq!(ticks.tick().await, start + Duration::from_millis(5));
/// assert_eq!(ticks.tick().await, start + Duration::from_millis(15));
/// ticks.reset();
/// assert_eq!(ticks.tick().await, start + Duration::from_millis(25), "a period after the reset");
/// # });
/// ```
#[derive(Debug)]
pub struct Interval {
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed: MissedTickBehavior,
}

/// Ticks every `period`, the first time at once.
///
/// # Panics
/// If the period is zero, and outside of a runtime.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut interval = cede::time::interval(std::time::Duration::from_micros(100));
/// for _ in 0..3 {
///     interval.tick().await;
/// }
/// # });
/// ```
#[inline]
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "`period` must be non-zero.");
    new(Instant::now(), period)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
/// If the period is zero, and outside of a runtime.
#[inline]
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "`period` must be non-zero.");
    new(start, period)
}

#[inline]
#[track_caller]
fn new(start: Instant, period: Duration) -> Interval {
    Interval { delay: Box::pin(sleep_until(start)), period, missed: MissedTickBehavior::default() }
}

impl Interval {
    /// Waits for the next tick, and returns when it was due.
    ///
    /// *Cancel safety*: dropping it loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick; see [`Interval::tick`].
    #[inline]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(self.delay.as_mut().poll(cx));
        let due = self.delay.deadline();
        let now = Instant::now();
        // A few milliseconds late is not missed, only late.
        let next =
            if now > due + Duration::from_millis(5) { self.missed.next(due, now, self.period) } else { due.checked_add(self.period) };
        self.delay.as_mut().reset(next.unwrap_or_else(Instant::far_future));
        Poll::Ready(due)
    }

    /// The next tick is one period from now.
    #[inline]
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick is now.
    #[inline]
    pub fn reset_immediately(&mut self) {
        self.delay.as_mut().reset(Instant::now());
    }

    /// The next tick is `after` from now; if that is too far to be counted, in the far future.
    #[inline]
    pub fn reset_after(&mut self, after: Duration) {
        let next = Instant::now().checked_add(after).unwrap_or_else(Instant::far_future);
        self.delay.as_mut().reset(next);
    }

    /// The next tick is at `deadline`.
    #[inline]
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// What happens when a tick was missed.
    #[inline]
    #[must_use]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Chooses what happens when a tick was missed.
    #[inline]
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// The time between ticks.
    #[inline]
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }
}
