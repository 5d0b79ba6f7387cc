//! Moments as one number: nanoseconds since the epoch of the process, which is when it first asked for a clock.
//!
//! An [`Instant`] has seconds and nanoseconds apart, and nothing can be read from it but by subtracting another one: twenty instructions to add a duration, fifty to come back to nanoseconds. Clocks that run with the
//! system's all count from the epoch of the process, so making a deadline is a reading of the clock and an addition, and no more is needed to arm it.
//!
//! # Invariants
//! - I1: the number of the epoch was read just after its instant, `apart` later at most. So what waits for the number of an instant has never waited too short by the instants.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::clock::nanos;
use crate::system_clock::fine_nanos;

/// Nanosecond zero of a clock, as both count it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    pub(crate) instant: Instant,
    /// Of the system's clock. (I1)
    pub(crate) nanos: u64,
    /// By how many nanoseconds the two may differ.
    pub(crate) apart: u64,
}

impl Epoch {
    pub(crate) fn of_process() -> Self {
        static EPOCH: OnceLock<Epoch> = OnceLock::new();
        *EPOCH.get_or_init(Self::now)
    }

    pub(crate) fn now() -> Self {
        let read = |_| {
            let (instant, nanos) = (Instant::now(), fine_nanos());
            Self { instant, nanos, apart: crate::clock::nanos(instant.elapsed()) }
        };
        // Between the two readings the thread may have lost its processor, but hardly each time.
        (0..5).map(read).min_by_key(|epoch| epoch.apart).expect("there were five")
    }
}

/// A moment, in nanoseconds: from 36 years before the epoch of the process to 548 years after it. The first stands for all before it, the last for all after it, and never comes.
///
/// ```
/// use std::time::{Duration, Instant};
/// use cede_driver::moment::Moment;
///
/// let instant = Instant::now() + Duration::from_secs(9);
/// assert_eq!(Moment::of(instant).instant(), instant);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// The number of the epoch.
const EPOCH: u64 = 1 << 60;

impl Moment {
    /// The last moment.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment so many nanoseconds after the epoch, if that is before the last one.
    #[inline]
    pub(crate) fn after_epoch(nanos: u64) -> Option<Self> {
        nanos.checked_add(EPOCH).filter(|&number| number != u64::MAX).map(Self)
    }

    /// Nanoseconds since the epoch; zero before it, `u64::MAX` for the last moment.
    #[inline]
    pub(crate) fn since_epoch(self) -> u64 {
        if self == Self::NEVER { u64::MAX } else { self.0.saturating_sub(EPOCH) }
    }

    /// The moment of an instant.
    #[must_use]
    pub fn of(instant: Instant) -> Self {
        let epoch = Epoch::of_process().instant;
        match instant.checked_duration_since(epoch) {
            Some(after) => Self(EPOCH.saturating_add(nanos(after))),
            None => Self(EPOCH.saturating_sub(nanos(epoch.saturating_duration_since(instant)))),
        }
    }

    /// The instant of the moment.
    #[must_use]
    pub fn instant(self) -> Instant {
        let (epoch, distance) = (Epoch::of_process().instant, Duration::from_nanos(self.0.abs_diff(EPOCH)));
        // Instants have 63 bits for the seconds.
        if self.0 < EPOCH { epoch - distance } else { epoch + distance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Duration = Duration::from_secs(31_557_600);

    #[test]
    fn an_instant_is_the_same_there_and_back() {
        let now = Instant::now();
        for distance in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(3), 35 * YEAR, 540 * YEAR] {
            let before = now.checked_sub(distance.min(35 * YEAR)).unwrap_or(now);
            for instant in [now + distance, before] {
                assert_eq!(Moment::of(instant).instant(), instant);
            }
        }
        assert_eq!((Moment::of(now + 550 * YEAR), Moment::NEVER.since_epoch()), (Moment::NEVER, u64::MAX));
        assert_eq!(Moment::of(now - 37 * YEAR), Moment::of(now - 40 * YEAR));
        assert!(Moment::of(now - Duration::from_secs(1)) < Moment::of(now));
    }

    #[test]
    fn the_number_of_a_moment_that_has_been_is_not_ahead() {
        let epoch = Epoch::of_process();
        for _ in 0..1000 {
            let number = fine_nanos() - epoch.nanos;
            assert!(Moment::after_epoch(number).unwrap().instant() <= Instant::now());
            let later = Instant::now();
            assert!(Moment::of(later).since_epoch() >= number);
        }
    }
}
