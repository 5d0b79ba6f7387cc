//! A clock that is read in a few nanoseconds, for events and samples.
//!
//! # What
//! The processor's time-stamp counter where the kernel itself keeps the time by it, which it does only if the counter runs at one rate and is the same on all processors; else the monotonic
//! clock. How long a tick takes is found by comparing both clocks over the life of the process, when somebody asks.
//!
//! # Why not the obvious way
//! The kernel's clock costs two to three times as much, which at a million events a second is the whole of what recording them may cost.
//!
//! # Invariants
//! - I1: the counter is read only on x86-64, where every processor has it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

const UNKNOWN: u8 = 0;
const COUNTER: u8 = 1;
const MONOTONIC: u8 = 2;

static SOURCE: AtomicU8 = AtomicU8::new(UNKNOWN);
/// The same moment on both clocks.
static BASE: OnceLock<(u64, Instant)> = OnceLock::new();
/// The two clocks are not compared over a shorter time.
const COMPARED_MIN: Duration = Duration::from_micros(500);

/// The time in ticks.
#[inline]
pub(crate) fn now() -> u64 {
    match SOURCE.load(Ordering::Relaxed) {
        COUNTER => counter(),
        _ => without_counter(),
    }
}

#[cold]
fn without_counter() -> u64 {
    let (_, epoch) = *BASE.get_or_init(|| {
        let counts = cfg!(target_arch = "x86_64")
            && std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
                .is_ok_and(|name| name.trim() == "tsc");
        SOURCE.store(if counts { COUNTER } else { MONOTONIC }, Ordering::Relaxed);
        (if counts { counter() } else { 0 }, Instant::now())
    });
    if SOURCE.load(Ordering::Relaxed) == COUNTER { counter() } else { nanos(epoch.elapsed()) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: [I1] reading the counter has no other effect.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    0
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How to get nanoseconds from ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    nanos_per_tick: f64,
}

impl Scale {
    /// For ticks that are nanoseconds.
    pub(crate) const NANOS: Self = Self { nanos_per_tick: 1.0 };

    /// Of [`now`].
    pub(crate) fn of_ticks() -> Self {
        now();
        let &(zero, epoch) = BASE.get().expect("the clock was just read");
        if SOURCE.load(Ordering::Relaxed) != COUNTER {
            return Self::NANOS;
        }
        loop {
            let (ticks, elapsed) = (now(), epoch.elapsed());
            if elapsed >= COMPARED_MIN {
                return Self { nanos_per_tick: elapsed.as_nanos() as f64 / ticks.wrapping_sub(zero).max(1) as f64 };
            }
            std::hint::spin_loop();
        }
    }

    /// How long so many ticks take, in nanoseconds.
    pub(crate) fn span(self, ticks: u64) -> u64 {
        (ticks as f64 * self.nanos_per_tick) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Scale, now};

    #[test]
    fn ticks_are_time() {
        let (ticks, instant) = (now(), Instant::now());
        while instant.elapsed() < Duration::from_millis(20) {}
        let (more, elapsed) = (now(), instant.elapsed());
        let span = Duration::from_nanos(Scale::of_ticks().span(more - ticks));
        // The thread may lose the processor between the readings of the two clocks, in either pair; not for as long as this.
        assert!(span >= Duration::from_millis(10), "{span:?} by ticks, {elapsed:?} by the clock");
    }
}
