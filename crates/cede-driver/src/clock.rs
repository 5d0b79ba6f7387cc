//! The clock of a runtime: nanoseconds since the process first asked, or virtual ones since the runtime began.
//!
//! # What
//! A clock runs with `CLOCK_MONOTONIC`, or is *paused*: then it moves only by [`Clock::advance`] and by a driver that has nothing to do and jumps to the
//! next deadline. Paused is the test mode of `time::pause`; a simulated run is paused from the start and cannot be resumed.
//!
//! Clocks that run with the system's count from one [epoch](crate::moment).
//!
//! # Orderings
//! `paused` is only changed by a thread that is inside the runtime whose clock it is; other threads see it sooner or later. `frozen` is then the whole truth and
//! stands alone, so Acquire and Release suffice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cede_core::lock::Lock;

use crate::moment::{Epoch, Moment};
use crate::system_clock::{coarse_nanos, fine_nanos};

const MILLISECOND: u64 = 1_000_000;

/// A handle on a clock; clones share it.
#[derive(Clone, Debug)]
pub struct Clock(Arc<State>);

#[derive(Debug)]
struct State {
    epoch: Epoch,
    paused: AtomicBool,
    /// The time while paused, in nanoseconds.
    frozen: AtomicU64,
    /// The time at which the clock was paused.
    paused_at: AtomicU64,
    /// How far the running clock is behind (negative) or ahead of the system's, after pauses.
    offset: Lock<i128>,
    simulated: bool,
    /// While not zero, a paused clock does not jump: a blocking job is under way and may finish "now".
    holds: AtomicU64,
    /// A quick test for the usual case that the clock was never paused.
    ever_paused: AtomicBool,
}

impl Clock {
    /// A clock that runs with the system's monotonic clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(false)
    }

    /// A clock that only moves by jumps. It starts at zero.
    #[must_use]
    pub fn simulated() -> Self {
        Self::new(true)
    }

    fn new(simulated: bool) -> Self {
        Self(Arc::new(State {
            epoch: if simulated { Epoch::now() } else { Epoch::of_process() },
            paused: AtomicBool::new(simulated),
            frozen: AtomicU64::new(0),
            paused_at: AtomicU64::new(0),
            offset: Lock::new(0),
            simulated,
            holds: AtomicU64::new(0),
            ever_paused: AtomicBool::new(simulated),
        }))
    }

    /// Nanoseconds since the clock's epoch.
    #[inline]
    #[must_use]
    pub fn now(&self) -> u64 {
        if !self.0.ever_paused.load(Ordering::Relaxed) {
            return self.running();
        }
        self.now_after_pause()
    }

    /// The system's clock on this scale.
    #[inline]
    fn running(&self) -> u64 {
        fine_nanos().saturating_sub(self.0.epoch.nanos)
    }

    /// The moment `duration` from now: `None` if this clock does not run with the system's, or if it is too far to be counted.
    #[inline]
    #[must_use]
    pub fn after(&self, duration: Duration) -> Option<Moment> {
        if self.0.ever_paused.load(Ordering::Relaxed) {
            return None;
        }
        // Whoever asks the system before gets an instant of which this is no earlier than that `duration` after.
        let now = self.running() + self.0.epoch.apart;
        now.checked_add(nanos(duration)).and_then(Moment::after_epoch)
    }

    /// The clock's time at a moment: zero if that is before its epoch, `u64::MAX` for the last one, which never comes.
    #[inline]
    #[must_use]
    pub fn at_moment(&self, moment: Moment) -> u64 {
        if self.0.simulated && moment != Moment::NEVER { self.at(moment.instant()) } else { moment.since_epoch() }
    }

    /// As [`now`](Self::now), and cheaper: up to 10 ms behind, and never ahead.
    #[inline]
    #[must_use]
    pub fn about_now(&self) -> u64 {
        if !self.0.ever_paused.load(Ordering::Relaxed) {
            return coarse_nanos().saturating_sub(self.0.epoch.nanos);
        }
        self.now_after_pause()
    }

    #[cold]
    fn now_after_pause(&self) -> u64 {
        if self.is_paused() {
            return self.0.frozen.load(Ordering::Acquire);
        }
        let running = i128::from(self.running()) + *self.0.offset.lock();
        u64::try_from(running).unwrap_or(0)
    }

    /// The instant that the clock shows now: the system's, or the epoch plus virtual time.
    #[inline]
    #[must_use]
    pub fn instant(&self) -> Instant {
        if !self.0.ever_paused.load(Ordering::Relaxed) {
            return Instant::now();
        }
        self.0.epoch.instant + Duration::from_nanos(self.now_after_pause())
    }

    /// The clock's time at `instant`: zero if that is before its epoch, `u64::MAX` if it is too far to be counted.
    #[inline]
    #[must_use]
    pub fn at(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.0.epoch.instant))
    }

    /// Whether the clock only moves by jumps.
    #[inline]
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.paused.load(Ordering::Acquire)
    }

    /// Whether this is a simulated clock.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.0.simulated
    }

    /// A deadline in paused time, rounded up to whole milliseconds since the pause began.
    #[must_use]
    pub fn round_up(&self, deadline: u64) -> u64 {
        let start = self.0.paused_at.load(Ordering::Acquire);
        deadline.saturating_sub(start).div_ceil(MILLISECOND).saturating_mul(MILLISECOND).saturating_add(start)
    }

    /// Stops the clock. Returns false if it was paused already.
    pub fn pause(&self) -> bool {
        if self.is_paused() {
            return false;
        }
        let now = self.now();
        self.0.paused_at.store(now, Ordering::Release);
        self.0.frozen.store(now, Ordering::Release);
        self.0.ever_paused.store(true, Ordering::Release);
        self.0.paused.store(true, Ordering::Release);
        true
    }

    /// Lets the clock run on from where it stands. Returns false if it was not paused, or is simulated.
    pub fn resume(&self) -> bool {
        if !self.is_paused() || self.0.simulated {
            return false;
        }
        let frozen = self.0.frozen.load(Ordering::Acquire);
        *self.0.offset.lock() = i128::from(frozen) - i128::from(self.running());
        self.0.paused.store(false, Ordering::Release);
        true
    }

    /// Moves a paused clock forward.
    pub fn advance(&self, by: Duration) {
        debug_assert!(self.is_paused());
        self.jump_to(self.now().saturating_add(nanos(by)));
    }

    /// Moves a paused clock forward to `time`; never back.
    pub fn jump_to(&self, time: u64) {
        self.0.frozen.fetch_max(time, Ordering::AcqRel);
    }

    /// Keeps a paused clock from jumping by itself until the returned value is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.0.holds.fetch_add(1, Ordering::AcqRel);
        Hold(self.clone())
    }

    /// Whether a driver with nothing to do may jump the clock.
    #[must_use]
    pub fn may_jump(&self) -> bool {
        self.is_paused() && self.0.holds.load(Ordering::Acquire) == 0
    }
}

/// See [`Clock::hold`].
#[derive(Debug)]
pub struct Hold(Clock);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.holds.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A duration in nanoseconds, saturating at about 584 years.
#[must_use]
#[inline]
pub fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_clock_moves_only_when_told() {
        let clock = Clock::system();
        assert!(clock.pause());
        assert!(!clock.pause());
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), start + 5_000_000_000);
        clock.jump_to(start);
        assert_eq!(clock.now(), start + 5_000_000_000);
        assert!(clock.resume());
        assert!(clock.now() >= start + 5_000_000_000);
        assert!(!clock.resume());
    }

    #[test]
    fn about_now_is_never_ahead() {
        let clock = Clock::system();
        clock.pause();
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.about_now(), clock.now());
        let clock = Clock::system();
        for _ in 0..1000 {
            std::thread::sleep(Duration::from_micros(5));
            let about = clock.about_now();
            assert!(about <= clock.now());
        }
    }

    #[test]
    fn instants_and_nanoseconds_agree() {
        let clock = Clock::simulated();
        clock.advance(Duration::from_millis(7));
        assert_eq!(clock.at(clock.instant()), 7_000_000);
        assert!(!clock.resume());
    }

    #[test]
    fn clocks_that_run_with_the_systems_count_alike() {
        let (one, other, simulated) = (Clock::system(), Clock::system(), Clock::simulated());
        let before = one.now();
        let moment = other.after(Duration::from_secs(1)).unwrap();
        let (at, now) = (one.at_moment(moment), one.now());
        assert!((before..=now + 1_000_000).contains(&(at - 1_000_000_000)));
        assert_eq!(one.at(moment.instant()), at);
        // In virtual time it is as far away as its instant is from the simulation's first.
        assert_eq!(simulated.at_moment(moment), simulated.at(moment.instant()));
        assert_eq!(simulated.after(Duration::ZERO), None);
        assert_eq!(one.after(Duration::MAX), None);
        assert_eq!((one.at_moment(Moment::NEVER), simulated.at_moment(Moment::NEVER)), (u64::MAX, u64::MAX));
        let asked = Instant::now();
        assert!(one.after(Duration::from_secs(1)).unwrap().instant() >= asked + Duration::from_secs(1));
        one.pause();
        assert_eq!(one.after(Duration::ZERO), None);
        assert_eq!(one.at_moment(moment), at);
    }

    #[test]
    fn a_hold_keeps_the_clock_from_jumping() {
        let clock = Clock::simulated();
        assert!(clock.may_jump());
        let hold = clock.hold();
        assert!(!clock.may_jump());
        drop(hold);
        assert!(clock.may_jump());
    }
}
