//! The random numbers of `select!`: one small generator per thread.
//!
//! They decide an order and nothing else, so speed matters and quality hardly does: xorshift with 64 bits of state. A simulated run seeds the
//! generator with [`set_seed`] before each poll or once, and then its choices can be replayed.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    /// The state; 0 before the first use.
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Seeds this thread's generator: the numbers that follow depend on nothing else.
pub fn set_seed(seed: u64) {
    // The state must not be 0. Seeds that are near each other give states that are not.
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    STATE.set((mixed ^ (mixed >> 31)).max(1));
}

/// A random number below `n`. For `n` 0 it is 0.
#[inline]
#[must_use]
pub fn thread_rng_n(n: u32) -> u32 {
    if STATE.get() == 0 {
        set_seed(RandomState::new().hash_one(0));
    }
    let mut state = STATE.get();
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    STATE.set(state);
    // The high half, scaled: cheaper than a remainder, and as even.
    (((state >> 32) * u64::from(n)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_numbers() {
        let numbers = |seed| {
            set_seed(seed);
            (0..100).map(|_| thread_rng_n(1000)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert_ne!(numbers(0), numbers(u64::MAX));
    }

    #[test]
    fn all_numbers_below_the_limit_come() {
        for n in 1..20 {
            let mut seen = vec![false; n];
            for _ in 0..2000 {
                seen[thread_rng_n(n as u32) as usize] = true;
            }
            assert!(seen.iter().all(|seen| *seen), "{n}");
        }
        assert_eq!(thread_rng_n(0), 0);
    }
}
