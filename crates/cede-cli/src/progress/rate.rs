//! How fast bytes arrive, smoothed: a time-weighted average that forgets.

use std::time::Instant;

/// The time after which an old rate counts for a third.
const MEMORY_SECONDS: f64 = 2.0;

/// A rate estimate over a growing count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    last: Option<(Instant, u64)>,
    per_second: Option<f64>,
}

impl Rate {
    /// Notes that `count` bytes had arrived at `now`, and returns bytes per second.
    pub(crate) fn update(&mut self, now: Instant, count: u64) -> f64 {
        let (then, before) = *self.last.get_or_insert((now, count));
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        if seconds > 0.0 {
            let fresh = count.saturating_sub(before) as f64 / seconds;
            let keep = (-seconds / MEMORY_SECONDS).exp();
            self.per_second = Some(self.per_second.map_or(fresh, |old| old * keep + fresh * (1.0 - keep)));
            self.last = Some((now, count));
        }
        self.per_second.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    //! The estimate on made-up clocks.

    use std::time::{Duration, Instant};

    use super::Rate;

    #[test]
    fn a_steady_stream_has_its_rate_at_once() {
        let start = Instant::now();
        let mut rate = Rate::default();
        assert_eq!(rate.update(start, 0), 0.0);
        for tick in 1..50_u32 {
            let now = start + Duration::from_millis(100) * tick;
            assert!((rate.update(now, u64::from(tick) * 1000) - 10_000.0).abs() < 1.0);
        }
    }

    #[test]
    fn a_stall_shows_within_seconds() {
        let start = Instant::now();
        let mut rate = Rate::default();
        rate.update(start, 0);
        rate.update(start + Duration::from_secs(1), 1_000_000);
        let after = rate.update(start + Duration::from_secs(11), 1_000_000);
        assert!(after < 10_000.0, "{after}");
    }

    #[test]
    fn the_same_moment_twice_changes_nothing() {
        let now = Instant::now();
        let mut rate = Rate::default();
        rate.update(now, 0);
        let before = rate.update(now + Duration::from_secs(1), 500);
        assert_eq!(rate.update(now + Duration::from_secs(1), 900), before);
    }
}
