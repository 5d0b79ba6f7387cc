//! Sorting the entries of a list by (deadline, insertion), in place, without recursion.
//!
//! A bottom-up merge sort: place `i` of an
//! array holds a sorted chain of 2^i entries or nothing; adding an entry works like adding one to a binary number, where a carry is a merge.
//! No two entries have one key, so the order of merging does not matter. Chains use `next` only, and end where it points to the entry itself.

use core::ptr::NonNull;

use super::{Entry, List};

type Chain = NonNull<Entry>;

/// # Safety
/// The caller has the wheel exclusively, and the list's entries are alive.
pub(super) unsafe fn sorted(mut list: List) -> List {
    // SAFETY: [I2] every entry is on exactly one list or chain at the end of each round.
    unsafe {
        let mut chains: [Option<Chain>; usize::BITS as usize] = [None; usize::BITS as usize];
        // So many places are in use. What looks at all of them is unrolled to twenty kilobytes.
        let mut used = 0;
        while let Some(entry) = list.pop_front() {
            Entry::set_next(entry, entry);
            let mut carry = entry;
            let mut place = 0;
            while let Some(earlier) = chains[place].take() {
                carry = merge(earlier, carry);
                place += 1;
            }
            chains[place] = Some(carry);
            used = used.max(place + 1);
        }
        let merged = chains[..used].iter().flatten().copied().reduce(|later, earlier| merge(earlier, later));
        let mut sorted = List::new();
        let mut rest = merged;
        while let Some(entry) = rest {
            rest = following(entry);
            sorted.push_back(entry);
        }
        sorted
    }
}

unsafe fn following(entry: Chain) -> Option<Chain> {
    // SAFETY: [I2] the entry is on a chain, whose entries are alive.
    let next = unsafe { Entry::next(entry) };
    (next != entry).then_some(next)
}

/// One copy for all its callers.
#[inline(never)]
unsafe fn merge(a: Chain, b: Chain) -> Chain {
    // SAFETY: [I2] both are chains of live entries and share none.
    unsafe {
        let (mut a, mut b) = if Entry::key(a) <= Entry::key(b) { (a, b) } else { (b, a) };
        let first = a;
        // `a` is the last entry of the result so far, `b` the start of the chain that it was not taken from.
        while let Some(next) = following(a) {
            if Entry::key(next) <= Entry::key(b) {
                a = next;
            } else {
                Entry::set_next(a, b);
                (a, b) = (b, next);
            }
        }
        Entry::set_next(a, b);
        first
    }
}
