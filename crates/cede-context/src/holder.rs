//! Who holds a lock that others wait for.
//!
//! # What
//! A lock notes the task that holds it, with one store. When somebody has to wait, the lock copies that to a table of the process, where whoever looks for deadlocks can read it without touching
//! the lock, which may be gone by then. So nothing is paid for that, but by those who wait.
//!
//! # Why not the obvious way
//! A map would need a lock and an allocator, while the lock's own queue is locked. The table has a fixed size: a word holds a part of the lock's address and the holder's number, in the place that
//! the rest of the address chooses. Two locks that want the same place overwrite each other; then a holder is missing, which hides a deadlock at worst. A wrong holder is shown only if two
//! locks agree in 34 bits of their mixed addresses.
//!
//! # Who may touch what
//! A word: anybody. The words of one lock are written in the order of its own queue's lock. Nothing hangs on it but reports, so all is Relaxed.

#[cfg(all(feature = "std", not(loom)))]
mod table {
    use core::sync::atomic::{AtomicU64, Ordering};
    use std::sync::OnceLock;

    const PLACES_LOG2: u32 = 12;
    const TAG_BITS: u32 = 22;
    const HOLDER_BITS: u32 = 64 - TAG_BITS;
    const HOLDER_MAX: u64 = (1 << HOLDER_BITS) - 1;

    static TABLE: [AtomicU64; 1 << PLACES_LOG2] = [const { AtomicU64::new(0) }; 1 << PLACES_LOG2];
    static CURRENT: OnceLock<fn() -> u64> = OnceLock::new();

    pub(super) fn install(current: fn() -> u64) {
        let _installed_before = CURRENT.set(current);
    }

    #[inline]
    pub(super) fn current() -> u64 {
        CURRENT.get().map_or(0, |current| current())
    }

    /// The place of a lock, and what marks a word as its own.
    fn place(lock: u64) -> (&'static AtomicU64, u64) {
        // Fibonacci hashing: the upper bits of the product are mixed best.
        let mixed = lock.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let index = (mixed >> (64 - PLACES_LOG2)) as usize;
        (&TABLE[index], mixed << PLACES_LOG2 >> HOLDER_BITS << HOLDER_BITS)
    }

    pub(super) fn note(lock: u64, holder: u64) {
        let (word, tag) = place(lock);
        // What does not fit is not known.
        let holder = if holder > HOLDER_MAX { 0 } else { holder };
        word.store(tag | holder, Ordering::Relaxed);
    }

    pub(super) fn of(lock: u64) -> Option<u64> {
        let (word, tag) = place(lock);
        let word = word.load(Ordering::Relaxed);
        (word & !HOLDER_MAX == tag && word & HOLDER_MAX != 0).then_some(word & HOLDER_MAX)
    }
}

#[cfg(not(all(feature = "std", not(loom))))]
mod table {
    pub(super) fn install(_current: fn() -> u64) {}

    pub(super) fn current() -> u64 {
        0
    }

    pub(super) fn note(_lock: u64, _holder: u64) {}

    pub(super) fn of(_lock: u64) -> Option<u64> {
        None
    }
}

/// From now on `current` says which task runs on the thread that calls it; zero is none. The first one counts.
pub fn install(current: fn() -> u64) {
    table::install(current);
}

/// The number of the task that runs on this thread; zero if there is none, or if nobody knows.
#[inline]
#[must_use]
pub fn current() -> u64 {
    table::current()
}

/// Somebody waits for the lock at this address, which `holder` has; zero if that is not known.
pub fn note(lock: u64, holder: u64) {
    table::note(lock, holder);
}

/// The task that holds the lock at this address. Right only while somebody waits for the lock.
#[must_use]
pub fn of(lock: u64) -> Option<u64> {
    table::of(lock)
}

#[cfg(all(test, feature = "std", not(loom)))]
mod tests {
    use super::{note, of};

    #[test]
    fn a_holder_is_found_until_another_is_noted() {
        let lock = 0x7F00_1234_5678;
        assert_eq!(of(lock), None);
        note(lock, 17);
        assert_eq!(of(lock), Some(17));
        assert_eq!(of(lock + 64), None);
        note(lock, 18);
        assert_eq!(of(lock), Some(18));
        note(lock, 0);
        assert_eq!(of(lock), None);
        note(lock, u64::MAX);
        assert_eq!(of(lock), None);
    }
}
