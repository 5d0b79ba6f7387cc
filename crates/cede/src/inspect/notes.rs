//! A table of what is known of things by their addresses, which is written where no lock may be taken and nothing allocated.
//!
//! # What
//! One word for each thing: a part of its address, and a number, in one of the eight places of the row that the rest of the address chooses.
//!
//! # Why not the obvious way
//! A map would need a lock and an allocator, while a queue's own lock is held. This table has a fixed size: if a row is full, the newest note takes the place of another one, which is forgotten, if possible of one that says nothing (zero). With one place for each
//! address instead of eight, two things in four thousand did that to each other, and a deadlock was not reported. A wrong number is found only if two things agree in all bits of their mixed addresses that choose the row or are
//! kept, which are more than thirty.
//!
//! # Who may touch what
//! A word: anybody. Who writes about one thing sees to the order itself, if the order matters. Where it does not, two may note the same thing at once (two tasks at one end of a channel, outside of its lock), and it gets two words:
//! the first counts, and who forgets the thing clears both. Nothing hangs on it but reports, so all is Relaxed.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

const PLACES: usize = 8;
const TAG_BITS: u32 = 22;
const NUMBER_BITS: u32 = 64 - TAG_BITS;
const TAG: u64 = u64::MAX << NUMBER_BITS;
/// The largest number that can be noted.
pub(super) const NUMBER_MAX: u64 = !TAG;

/// A line of the processor's cache. A word that is zero is free.
#[repr(align(64))]
struct Row([AtomicU64; PLACES]);

/// See the module's description. There are `ROWS` rows, a power of two.
pub(super) struct Notes<const ROWS: usize>([Row; ROWS]);

impl<const ROWS: usize> Notes<ROWS> {
    pub(super) const fn new() -> Self {
        assert!(ROWS.is_power_of_two() && ROWS > 1);
        Self([const { Row([const { AtomicU64::new(0) }; PLACES]) }; ROWS])
    }

    /// The row of a thing, and what marks a word as its own.
    fn row(&self, address: u64) -> (&Row, u64) {
        // Fibonacci hashing: the upper bits of the product are mixed best.
        let mixed = address.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let index = mixed >> (64 - ROWS.trailing_zeros());
        // A tag of zero would make a word look free.
        (&self.0[index as usize], (mixed << ROWS.trailing_zeros() & TAG).max(1 << NUMBER_BITS))
    }

    /// From now on this number is found for the address. What is larger than [`NUMBER_MAX`] is not.
    pub(super) fn note(&self, address: u64, number: u64) {
        let (row, tag) = self.row(address);
        let noted = tag | if number > NUMBER_MAX { 0 } else { number };
        if let Some(word) = row.word_of(tag) {
            return word.store(noted, Ordering::Relaxed);
        }
        let replaces = |word: &AtomicU64, before| word.compare_exchange(before, noted, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let says_nothing = |word: &&AtomicU64| word.load(Ordering::Relaxed) & !TAG == 0;
        let is_put = row.0.iter().any(|word| replaces(word, 0))
            || row.0.iter().filter(says_nothing).any(|word| replaces(word, word.load(Ordering::Relaxed) & TAG));
        if !is_put {
            row.0[(tag >> NUMBER_BITS) as usize % PLACES].store(noted, Ordering::Relaxed);
        }
    }

    pub(super) fn forget(&self, address: u64) {
        let (row, tag) = self.row(address);
        for word in &row.0 {
            let noted = word.load(Ordering::Relaxed);
            if noted & TAG == tag {
                // If that fails, another thing has come to its place.
                let _cleared = word.compare_exchange(noted, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }

    /// What was noted last, if that was not zero. For reports, so one copy will do. (Whoever notes is in more of a hurry: with a loop of its own for the eight words, a wait for a lock or message takes a tenth more.)
    #[inline(never)]
    pub(super) fn find(&self, address: u64) -> Option<u64> {
        let (row, tag) = self.row(address);
        let word = row.word_of(tag)?.load(Ordering::Relaxed);
        // Another thing may have come to its place.
        (word & TAG == tag && word & !TAG != 0).then_some(word & !TAG)
    }
}

impl Row {
    fn word_of(&self, tag: u64) -> Option<&AtomicU64> {
        self.0.iter().find(|word| word.load(Ordering::Relaxed) & TAG == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::{NUMBER_MAX, Notes, Ordering, PLACES};

    #[test]
    fn a_number_is_found_until_another_is_noted() {
        let notes = Notes::<2>::new();
        let address = 0x7F00_1234_5678;
        assert_eq!(notes.find(address), None);
        for number in [17, 18, NUMBER_MAX] {
            notes.note(address, number);
            assert_eq!((notes.find(address), notes.find(address + 64)), (Some(number), None));
        }
        for number in [0, NUMBER_MAX + 1, u64::MAX] {
            notes.note(address, number);
            assert_eq!(notes.find(address), None);
        }
    }

    /// Things in one row, in ascending order.
    fn neighbours<const ROWS: usize>(notes: &Notes<ROWS>) -> impl Iterator<Item = u64> {
        const FIRST: u64 = 0x7F01_0000_0000;
        (FIRST..).step_by(16).filter(|&address| std::ptr::eq(notes.row(address).0, notes.row(FIRST).0))
    }

    #[test]
    fn the_things_of_a_row_are_kept_apart_and_leave_their_places_to_others() {
        let notes = Notes::<512>::new();
        let all: Vec<_> = neighbours(&notes).take(1000).collect();
        for (number, group) in all.chunks(PLACES).enumerate() {
            let number = |place| (number * PLACES + place) as u64 + 1;
            for (place, &address) in group.iter().enumerate() {
                notes.note(address, number(place));
            }
            for (place, &address) in group.iter().enumerate() {
                assert_eq!(notes.find(address), Some(number(place)));
                notes.forget(address);
                assert_eq!(notes.find(address), None);
            }
        }
    }

    #[test]
    fn what_says_nothing_leaves_its_place_first() {
        let notes = Notes::<512>::new();
        let all: Vec<_> = neighbours(&notes).take(PLACES + 1).collect();
        for silent in 0..PLACES {
            for (place, &address) in all.iter().enumerate() {
                notes.note(address, if place == silent { 0 } else { 7 });
            }
            for (place, &address) in all.iter().enumerate() {
                assert_eq!(notes.find(address), (place != silent).then_some(7), "{place} of {silent}");
                notes.forget(address);
            }
        }
    }

    #[test]
    fn what_two_noted_at_once_is_forgotten_whole() {
        let notes = Notes::<2>::new();
        let (row, tag) = notes.row(64);
        for (place, number) in [(1, 5), (4, 6)] {
            row.0[place].store(tag | number, Ordering::Relaxed);
        }
        assert_eq!(notes.find(64), Some(5));
        notes.forget(64);
        assert_eq!(notes.find(64), None);
    }

    #[test]
    fn the_newest_is_known_where_there_are_too_many() {
        let notes = Notes::<4>::new();
        for address in neighbours(&notes).take(100) {
            notes.note(address, 5);
            assert_eq!(notes.find(address), Some(5));
        }
    }
}
