//! Who was at the ends of channels last.
//!
//! # What
//! A table of the process with one word for each end of a channel at which somebody waited: a part of the channel's address, and the number of a task, in the place that the rest of the address chooses.
//! Channels write it ([`cede_context::holder`]), and dumps read it, to show who could end a wait.
//!
//! # Why not the obvious way
//! As with [`super::holders`], there is no moment for a lock or an allocation. Unlike locks, channels are in the table until they are freed, which may be many. Nothing is concluded from it, so the newest takes the
//! place, which costs one store.
//!
//! # Who may touch what
//! A word: anybody. All is Relaxed.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use cede_context::holder::End;

use crate::runtime::context;

const PLACES_LOG2: u32 = 12;
const TAG_BITS: u32 = 22;
const TASK_BITS: u32 = 64 - TAG_BITS;
const TAG: u64 = u64::MAX << TASK_BITS;

static TABLE: [AtomicU64; 1 << PLACES_LOG2] = [const { AtomicU64::new(0) }; 1 << PLACES_LOG2];

/// The place of an end of a channel, and what marks a word as its own. Channels are aligned, so the lower bits of their addresses are free.
fn place(channel: u64, end: End) -> (&'static AtomicU64, u64) {
    let key = channel | if end == End::Sender { 1 } else { 2 };
    // Fibonacci hashing: the upper bits of the product are mixed best.
    let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let index = (mixed >> (64 - PLACES_LOG2)) as usize;
    (&TABLE[index], mixed << PLACES_LOG2 & TAG)
}

/// The task that runs on this thread is at this end of the channel.
pub(super) fn note(channel: u64, end: End) {
    put(channel, end, context::current_task_id().unwrap_or(0));
}

fn put(channel: u64, end: End, task: u64) {
    let (word, tag) = place(channel, end);
    // What does not fit is not known.
    word.store(tag | if task & TAG == 0 { task } else { 0 }, Ordering::Relaxed);
}

/// Whoever gets the memory next has no peers yet.
pub(super) fn gone(channel: u64) {
    for end in [End::Sender, End::Receiver] {
        let (word, tag) = place(channel, end);
        if word.load(Ordering::Relaxed) & TAG == tag {
            word.store(0, Ordering::Relaxed);
        }
    }
}

/// The task that was at this end of a channel last, as far as is known: the receiver that waited, the sender for which it had waited.
pub(super) fn at_end(channel: u64, end: End) -> Option<u64> {
    let (word, tag) = place(channel, end);
    let word = word.load(Ordering::Relaxed);
    (word & TAG == tag && word & !TAG != 0).then_some(word & !TAG)
}

#[cfg(test)]
mod tests {
    use cede_context::holder::End;

    use super::{at_end, gone, put};

    #[test]
    fn a_channel_that_is_gone_leaves_no_peers() {
        let channel = 0x7F00_1357_9B00;
        for end in [End::Sender, End::Receiver] {
            put(channel, end, 17);
            assert_eq!(at_end(channel, end), Some(17));
        }
        gone(channel + 64);
        assert_eq!(at_end(channel, End::Sender), Some(17));
        gone(channel);
        assert_eq!((at_end(channel, End::Sender), at_end(channel, End::Receiver)), (None, None));
    }

    #[test]
    fn a_number_that_is_too_large_is_not_known() {
        put(0x7F00_2468_AC00, End::Receiver, u64::MAX);
        assert_eq!(at_end(0x7F00_2468_AC00, End::Receiver), None);
    }
}
