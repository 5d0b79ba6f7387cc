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

use cede_context::holder::{Awaited, End, Holder, Holders};

use super::chain;
use crate::rank::{self, linked};
use crate::runtime::context;

const PLACES_LOG2: u32 = 12;
const TAG_BITS: u32 = 22;
const HOLDER_BITS: u32 = 64 - TAG_BITS;
const TAG: u64 = u64::MAX << HOLDER_BITS;
/// Who is noted may not be the one who has it, or not the only one.
const UNCERTAIN: u64 = 1 << (HOLDER_BITS - 1);
const HOLDER_MAX: u64 = UNCERTAIN - 1;

static TABLE: [AtomicU64; 1 << PLACES_LOG2] = [const { AtomicU64::new(0) }; 1 << PLACES_LOG2];

/// For the threads that are in a runtime.
pub(crate) static HOLDERS: Holders = Holders {
    current: || context::current_task_id().unwrap_or(0),
    note: noted,
    followers: &rank::COUNT,
    idle: linked::idle,
    waits,
    end,
    gone,
    looked_at: &chain::LOOKED_AT,
    looks: chain::keep,
};

fn noted(lock: u64, holder: Holder) {
    note(lock, holder);
    linked::holds(lock, if holder.is_certain { holder.task } else { 0 });
}

/// The place of an end in the table: channels are aligned, so the lower bits of their addresses are free.
fn key(channel: u64, end: End) -> u64 {
    channel | if end == End::Sender { 1 } else { 2 }
}

fn end(channel: u64, end: End) {
    note(key(channel, end), Holder { task: context::current_task_id().unwrap_or(0), is_certain: true });
}

/// Whoever gets the memory next has no peers yet.
fn gone(channel: u64) {
    for end in [End::Sender, End::Receiver] {
        let (word, tag) = place(key(channel, end));
        if word.load(Ordering::Relaxed) & TAG == tag {
            word.store(0, Ordering::Relaxed);
        }
    }
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

/// Somebody waits for the lock at this address, which `holder` has.
fn note(lock: u64, holder: Holder) {
    let (word, tag) = place(lock);
    // What does not fit is not known.
    let task = if holder.task > HOLDER_MAX { 0 } else { holder.task };
    word.store(tag | if holder.is_certain { 0 } else { UNCERTAIN } | task, Ordering::Relaxed);
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
    let (word, tag) = place(lock);
    let word = word.load(Ordering::Relaxed);
    (word & !HOLDER_MAX == tag | mark && word & HOLDER_MAX != 0).then_some(word & HOLDER_MAX)
}

#[cfg(test)]
mod tests {
    use cede_context::holder::{End, Holder};

    use super::{at_end, gone, key, note, of, perhaps_of};

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

    #[test]
    fn a_channel_that_is_gone_leaves_no_peers() {
        let channel = 0x7F00_1357_9B00;
        for end in [End::Sender, End::Receiver] {
            note(key(channel, end), certain(17));
            assert_eq!(at_end(channel, end), Some(17));
        }
        gone(channel + 64);
        assert_eq!(at_end(channel, End::Sender), Some(17));
        gone(channel);
        assert_eq!((at_end(channel, End::Sender), at_end(channel, End::Receiver)), (None, None));
    }
}
