//! Fetches entries into the processor's cache before their turn comes.
//!
//! A run is walked after its entries have been in nobody's cache for as long as its timeouts are, and each entry is found by the link in the one before: one fetch from memory after the other. But tasks that were spawned
//! together lie side by side, and so do their entries. So while the distance from entry to entry stays the same, this guesses where a later one is. (The processor guesses so by itself, but not beyond a page.) A wrong guess is a
//! line fetched in vain.
//!
//! # Invariants
//! - I1: what is fetched is not accessed, as far as the program can tell: it need not be anybody's, and nothing is read or written.

use core::ptr::NonNull;

use super::Entry;

/// About as many entries as are walked while one is fetched.
const ENTRIES: isize = 32;

pub(super) struct Ahead {
    before: *const u8,
    distance: isize,
}

impl Ahead {
    pub(super) const fn new() -> Self {
        Self { before: core::ptr::null(), distance: 0 }
    }

    /// The walk has come to this entry.
    #[inline]
    pub(super) fn at(&mut self, entry: NonNull<Entry>) {
        let at = entry.as_ptr().cast_const().cast::<u8>();
        let distance = at.addr().wrapping_sub(self.before.addr()).cast_signed();
        if distance == self.distance {
            fetch(at.wrapping_offset(distance.wrapping_mul(ENTRIES)));
        }
        (self.before, self.distance) = (at, distance);
    }
}

/// The address need not be anybody's.
#[inline]
fn fetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: [I1] this accesses no memory, so there is nothing that must be alive.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
