//! Moments as one number: nanoseconds since the epoch of the process, which is when it first asked for a clock.
//!
//! An [`Instant`] has seconds and nanoseconds apart, and nothing can be read from it but by subtracting another one: twenty instructions to add a duration, fifty to come back to nanoseconds. Clocks that run with the
//! system's all count from the epoch of the process, so making a deadline is a reading of the clock and an addition, and no more is needed to arm it.
//!
//! # Invariants
//! - I1: the number of the epoch was read just after its instant. So what waits for a number has never waited too short by the instants.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::clock::nanos;
use crate::coarse_clock::fine_nanos;

/// Nanosecond zero of a clock, as both count it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    pub(crate) instant: Instant,
    /// Of the system's clock. (I1)
    pub(crate) nanos: u64,
}

impl Epoch {
    pub(crate) fn of_process() -> Self {
        static EPOCH: OnceLock<Epoch> = OnceLock::new();
        *EPOCH.get_or_init(Self::now)
    }

    pub(crate) fn now() -> Self {
        let read = |_| {
            let (instant, nanos) = (Instant::now(), fine_nanos());
            (instant.elapsed(), Self { instant, nanos })
        };
        // Between the two readings the thread may have lost its processor, but hardly each time.
        let (_, closest) = (0..5).map(read).min_by_key(|(apart, _)| *apart).expect("there were five");
        closest
    }
}

/// A moment in nanoseconds since the epoch of the process; negative before it. The first and the last one are 292 years away, and stand for all that are farther.
///
/// ```
/// use std::time::{Duration, Instant};
/// use cede_driver::moment::Moment;
///
/// let instant = Instant::now() + Duration::from_secs(9);
/// assert_eq!(Moment::of(instant).instant(), instant);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// The moment so many nanoseconds after the epoch.
    #[inline]
    pub(crate) fn after_epoch(nanos: u64) -> Self {
        Self(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// Nanoseconds since the epoch; zero before it.
    #[inline]
    pub(crate) fn since_epoch(self) -> u64 {
        self.0.max(0).cast_unsigned()
    }

    /// The moment of an instant.
    #[must_use]
    pub fn of(instant: Instant) -> Self {
        let epoch = Epoch::of_process().instant;
        match instant.checked_duration_since(epoch) {
            Some(after) => Self::after_epoch(nanos(after)),
            None => Self(0_i64.saturating_sub_unsigned(nanos(epoch.saturating_duration_since(instant)))),
        }
    }

    /// The instant of the moment.
    #[must_use]
    pub fn instant(self) -> Instant {
        let (epoch, distance) = (Epoch::of_process().instant, Duration::from_nanos(self.0.unsigned_abs()));
        // Instants have 63 bits for the seconds.
        if self.0 < 0 { epoch - distance } else { epoch + distance }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: Duration = Duration::from_secs(31_557_600);

    #[test]
    fn an_instant_is_the_same_there_and_back() {
        let now = Instant::now();
        for distance in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(3), 290 * YEAR] {
            for instant in [now + distance, now.checked_sub(distance).unwrap_or(now)] {
                assert_eq!(Moment::of(instant).instant(), instant);
            }
        }
        assert_eq!(Moment::of(now + 300 * YEAR), Moment::of(now + 400 * YEAR));
        assert!(Moment::of(now - Duration::from_secs(1)) < Moment::of(now));
    }

    #[test]
    fn a_number_is_never_before_its_instant() {
        let epoch = Epoch::of_process();
        for _ in 0..1000 {
            let number = fine_nanos() - epoch.nanos;
            assert!(Moment::after_epoch(number).instant() <= Instant::now());
            let later = Instant::now();
            assert!(Moment::of(later).since_epoch() >= number);
        }
    }
}
