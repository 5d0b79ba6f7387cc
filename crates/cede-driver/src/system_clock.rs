//! The system's monotonic clock, as it is now or as it was at the last tick of the kernel. The latter is up to a tick behind, which is 10 ms at most, never ahead, and read in a fifth of the time: for what need not be exact.
//!
//! # Invariants
//! - I1: the call writes one `timespec` to the place that it is given and keeps no pointer. There is no shared memory, hence no loom model.

use std::mem::MaybeUninit;

/// Nanoseconds since the origin of `CLOCK_MONOTONIC`, as of the last tick.
#[inline(never)]
pub(crate) fn coarse_nanos() -> u64 {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// The same, as of now. (Both are called in many places, and are mostly the system's call: one copy will do.)
#[inline(never)]
pub(crate) fn fine_nanos() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

#[inline]
fn read(clock: libc::clockid_t) -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: [I1] the place is valid for a write of that type.
    let failed = unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) };
    // Both clocks are there since Linux 2.6.32.
    assert_eq!(failed, 0, "clock {clock} cannot be read");
    // SAFETY: [I1] the call has succeeded, so it was written.
    let time = unsafe { time.assume_init() };
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}
