//! Who holds the locks that somebody waits for, and who was at the ends of channels last.
//!
//! # What
//! A table of the process with one word for each lock: a part of the lock's address, and the number of the task that holds it, in the place that the rest of the address chooses. Locks write it when
//! somebody has to wait ([`cede_context::holder`]), and searches for deadlocks read it.
//!
//! # Why not the obvious way
//! A map would need a lock and an allocator, while the lock's own queue is locked. This table has a fixed size: two locks that want the same place overwrite each other; then a holder is missing, which hides a
//! deadlock at worst. A wrong holder is shown only if two locks agree in 34 bits of their mixed addresses.
//!
//! # Who may touch what
//! A word: anybody. The words of one lock are written in the order of its own queue's lock. Nothing hangs on it but reports, so all is Relaxed.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use cede_context::holder::{Awaited, End, Holders};

use super::chain;
use crate::rank::{self, linked};
use crate::runtime::context;

const PLACES_LOG2: u32 = 12;
const TAG_BITS: u32 = 22;
const HOLDER_BITS: u32 = 64 - TAG_BITS;
const HOLDER_MAX: u64 = (1 << HOLDER_BITS) - 1;

static TABLE: [AtomicU64; 1 << PLACES_LOG2] = [const { AtomicU64::new(0) }; 1 << PLACES_LOG2];

/// For the threads that are in a runtime.
pub(crate) static HOLDERS: Holders = Holders {
    current: || context::current_task_id().unwrap_or(0),
    note: noted,
    followers: &rank::COUNT,
    idle: linked::idle,
    waits,
    end,
    looked_at: &chain::LOOKED_AT,
    looks: chain::keep,
};

fn noted(lock: u64, holder: u64) {
    note(lock, holder);
    linked::holds(lock, holder);
}

/// The place of an end in the table: channels are aligned, so the lower bits of their addresses are free.
fn key(channel: u64, end: End) -> u64 {
    channel | if end == End::Sender { 1 } else { 2 }
}

fn end(channel: u64, end: End) {
    note(key(channel, end), context::current_task_id().unwrap_or(0));
}

/// The task that was at this end of a channel last, as far as is known: the receiver that waited, the sender for which it had waited.
pub(super) fn at_end(channel: u64, end: End) -> Option<u64> {
    of(key(channel, end))
}

fn waits(what: Awaited, begins: bool) {
    if let Some(task) = context::current_task_id() {
        if begins { linked::begins(what, task) } else { linked::ends(what, task) }
    }
}

/// The place of a lock, and what marks a word as its own.
fn place(lock: u64) -> (&'static AtomicU64, u64) {
    // Fibonacci hashing: the upper bits of the product are mixed best.
    let mixed = lock.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let index = (mixed >> (64 - PLACES_LOG2)) as usize;
    (&TABLE[index], mixed << PLACES_LOG2 >> HOLDER_BITS << HOLDER_BITS)
}

/// Somebody waits for the lock at this address, which `holder` has; zero if that is not known.
fn note(lock: u64, holder: u64) {
    let (word, tag) = place(lock);
    // What does not fit is not known.
    let holder = if holder > HOLDER_MAX { 0 } else { holder };
    word.store(tag | holder, Ordering::Relaxed);
}

/// The task that holds the lock at this address. Right only while somebody waits for the lock.
pub(super) fn of(lock: u64) -> Option<u64> {
    let (word, tag) = place(lock);
    let word = word.load(Ordering::Relaxed);
    (word & !HOLDER_MAX == tag && word & HOLDER_MAX != 0).then_some(word & HOLDER_MAX)
}

#[cfg(test)]
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
