//! Who holds the locks that somebody waits for.
//!
//! # What
//! A table of the process with one word for each lock that somebody waits for: a part of the lock's address, and the number of the task that holds it, in one of the eight places of the row that the
//! rest of the address chooses. Locks write it when somebody has to wait, and clear it when nobody waits any more ([`cede_context::holder`]); searches for deadlocks read it.
//!
//! # Why not the obvious way
//! A map would need a lock and an allocator, while the lock's own queue is locked. This table has a fixed size: if more than eight locks of one row are waited for at once, one of them overwrites another; then
//! a holder is missing, which hides a deadlock at worst. With one place for each address two locks in four thousand did that to each other, and a test noticed. A wrong holder is shown only if two locks
//! agree in 31 bits of their mixed addresses.
//!
//! # Who may touch what
//! A word: anybody. The words of one lock are written in the order of its own queue's lock. Nothing hangs on it but reports, so all is Relaxed. A thread that is in no runtime writes nothing, so a lock that
//! such a thread gives to the last waiter leaves a word behind, until the lock is waited for again or its place is needed.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use cede_context::holder::{Awaited, Holder, Holders};

use super::{chain, peers};
use crate::rank::{self, linked};
use crate::runtime::context;

const ROWS_LOG2: u32 = 9;
const PLACES_LOG2: u32 = 3;
const TAG_BITS: u32 = 22;
const HOLDER_BITS: u32 = 64 - TAG_BITS;
const TAG: u64 = u64::MAX << HOLDER_BITS;
/// Who is noted may not be the one who has it, or not the only one.
const UNCERTAIN: u64 = 1 << (HOLDER_BITS - 1);
const HOLDER_MAX: u64 = UNCERTAIN - 1;

/// A line of the processor's cache. A word that is zero is free.
#[repr(align(64))]
struct Row([AtomicU64; 1 << PLACES_LOG2]);

static TABLE: [Row; 1 << ROWS_LOG2] = [const { Row([const { AtomicU64::new(0) }; 1 << PLACES_LOG2]) }; 1 << ROWS_LOG2];

/// For the threads that are in a runtime.
pub(crate) static HOLDERS: Holders = Holders {
    current: || context::current_task_id().unwrap_or(0),
    note: noted,
    followers: &rank::COUNT,
    idle,
    waits,
    end: peers::note,
    gone: peers::gone,
    looked_at: &chain::LOOKED_AT,
    looks: chain::keep,
};

fn noted(lock: u64, holder: Holder) {
    note(lock, holder);
    linked::holds(lock, if holder.is_certain { holder.task } else { 0 });
}

fn idle(lock: u64) {
    forget(lock);
    linked::idle(lock);
}

fn waits(what: Awaited, begins: bool) {
    if let Some(task) = context::current_task_id() {
        if begins { linked::begins(what, task) } else { linked::ends(what, task) }
    }
}

/// The row of a lock, and what marks a word as its own.
fn row(lock: u64) -> (&'static Row, u64) {
    // Fibonacci hashing: the upper bits of the product are mixed best.
    let mixed = lock.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let index = (mixed >> (64 - ROWS_LOG2)) as usize;
    // A tag of zero would make a word look free.
    (&TABLE[index], (mixed << ROWS_LOG2 & TAG).max(1 << HOLDER_BITS))
}

impl Row {
    fn word_of(&self, tag: u64) -> Option<&AtomicU64> {
        self.0.iter().find(|word| word.load(Ordering::Relaxed) & TAG == tag)
    }
}

/// Somebody waits for the lock at this address, which `holder` has.
fn note(lock: u64, holder: Holder) {
    let (row, tag) = row(lock);
    // What does not fit is not known.
    let task = if holder.task > HOLDER_MAX { 0 } else { holder.task };
    let noted = tag | if holder.is_certain { 0 } else { UNCERTAIN } | task;
    if let Some(word) = row.word_of(tag) {
        return word.store(noted, Ordering::Relaxed);
    }
    let is_put = |word: &AtomicU64| word.compare_exchange(0, noted, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if !row.0.iter().any(is_put) {
        let victim = (tag >> HOLDER_BITS) as usize % row.0.len();
        row.0[victim].store(noted, Ordering::Relaxed);
    }
}

/// Nobody waits for the lock at this address.
fn forget(lock: u64) {
    let (row, tag) = row(lock);
    if let Some(word) = row.word_of(tag) {
        word.store(0, Ordering::Relaxed);
    }
}

/// The task that holds the lock at this address. Right only while somebody waits for the lock.
pub(super) fn of(lock: u64) -> Option<u64> {
    noted_as(lock, 0)
}

/// The task that took the lock at this address last, but may have passed it on, or may not be the only one. Right only while somebody waits for the lock.
pub(super) fn perhaps_of(lock: u64) -> Option<u64> {
    noted_as(lock, UNCERTAIN)
}

fn noted_as(lock: u64, mark: u64) -> Option<u64> {
    let (row, tag) = row(lock);
    let word = row.word_of(tag)?.load(Ordering::Relaxed);
    (word & !HOLDER_MAX == tag | mark && word & HOLDER_MAX != 0).then_some(word & HOLDER_MAX)
}

#[cfg(test)]
mod tests {
    use cede_context::holder::Holder;

    use super::{PLACES_LOG2, forget, note, of, perhaps_of, row};

    fn certain(task: u64) -> Holder {
        Holder { task, is_certain: true }
    }

    #[test]
    fn a_holder_is_found_until_another_is_noted() {
        let lock = 0x7F00_1234_5678;
        assert_eq!(of(lock), None);
        note(lock, certain(17));
        assert_eq!(of(lock), Some(17));
        assert_eq!(of(lock + 64), None);
        note(lock, certain(18));
        assert_eq!(of(lock), Some(18));
        note(lock, certain(0));
        assert_eq!(of(lock), None);
        note(lock, certain(u64::MAX));
        assert_eq!(of(lock), None);
    }

    #[test]
    fn who_may_have_it_is_told_apart_from_who_has_it() {
        let lock = 0x7F00_8765_4300;
        note(lock, Holder { task: 17, is_certain: false });
        assert_eq!((of(lock), perhaps_of(lock)), (None, Some(17)));
        note(lock, certain(18));
        assert_eq!((of(lock), perhaps_of(lock)), (Some(18), None));
        note(lock, Holder { task: 0, is_certain: false });
        assert_eq!((of(lock), perhaps_of(lock)), (None, None));
    }

    /// Locks of one row, in ascending order.
    fn neighbours(first: u64) -> impl Iterator<Item = u64> {
        (first..).step_by(16).filter(move |&lock| std::ptr::eq(row(lock).0, row(first).0))
    }

    #[test]
    fn locks_of_one_row_are_kept_apart_and_leave_their_places_to_others() {
        let locks: Vec<_> = neighbours(0x7F01_0000_0000).take(1000).collect();
        // What other tests have noted in the row may be in the way of the last.
        for group in locks.chunks(1 << (PLACES_LOG2 - 1)) {
            for &lock in group {
                note(lock, certain(lock & 0xFFFF_FFFF | 1));
            }
            for &lock in group {
                assert_eq!(of(lock), Some(lock & 0xFFFF_FFFF | 1));
                forget(lock);
                assert_eq!(of(lock), None);
            }
        }
    }

    #[test]
    fn the_newest_is_known_where_there_are_too_many() {
        let locks: Vec<_> = neighbours(0x7F02_0000_0010).take(100).collect();
        for &lock in &locks {
            note(lock, certain(5));
            assert_eq!(of(lock), Some(5));
        }
        locks.into_iter().for_each(forget);
    }
}
