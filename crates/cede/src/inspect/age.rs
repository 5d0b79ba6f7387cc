//! Ages of tasks: a part of the clock's reading that fits into 32 bits.

#![forbid(unsafe_code)]

use std::time::Duration;

/// A unit is 2^20 ns, about a millisecond; the count wraps around after 52 days.
const UNIT_LOG2: u32 = 20;
/// What a task has that nobody knows the age of.
pub(crate) const UNKNOWN: u32 = 0;

/// A moment of a runtime's clock, as a task keeps it.
#[inline]
pub(crate) fn coarse(now_ns: u64) -> u32 {
    ((now_ns >> UNIT_LOG2) as u32).wrapping_add(1)
}

/// How old a task is that was born then.
pub(super) fn since(born: u32, now_ns: u64) -> Option<Duration> {
    let units = coarse(now_ns).wrapping_sub(born);
    (born != UNKNOWN).then(|| Duration::from_nanos(u64::from(units) << UNIT_LOG2))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{UNKNOWN, coarse, since};

    #[test]
    fn an_age_is_the_time_since_then_to_about_a_millisecond() {
        let second = 1_000_000_000;
        assert_eq!(since(UNKNOWN, second), None);
        let age = since(coarse(5 * second), 8 * second).unwrap();
        assert!(age.abs_diff(Duration::from_secs(3)) <= Duration::from_millis(2), "{age:?}");
        // Over the end of the count.
        let age = since(coarse((1 << 52) - second), (1 << 52) + second).unwrap();
        assert!(age.abs_diff(Duration::from_secs(2)) <= Duration::from_millis(2), "{age:?}");
    }
}
