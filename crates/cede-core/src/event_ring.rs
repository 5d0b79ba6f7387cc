//! The last events of one thread, for others to read while it goes on writing.
//!
//! # What
//! A ring of slots of two words. One writer puts each event over the oldest one, and never waits; any number of readers copy what is there and leave out what was overwritten meanwhile.
//!
//! # Why not the obvious way
//! A lock would make the writer wait for a reader that was preempted. A sequence number in each slot would cost the writer two more stores for each event, and a third of the memory: the
//! number of events written so far says the same of all slots at once. A buffer for each second, swapped when it is full, would lose a second at a time.
//!
//! # Who may touch what
//! `head`, the number of events written: stored by the writer, loaded by all. The slots: stored by the writer, loaded by all, as atomics, so a race is no undefined behaviour but at worst a value that
//! is thrown away.
//!
//! # Invariants
//! - I1: event number `n` is in slot `n % len` from the store of `head = n + 1` until the store of `head = n + len`; after that its words may be those of event `n + len`, or one of each.
//! - I2: [`EventRing::read`] returns no event of which it has not seen, after both of its words, that `head < n + len`. So no event is torn, none is returned twice and all are in order.
//!
//! # Orderings
//! `[publish]` the writer stores `head = n + 1` with Release after the words of event `n`; a reader loads it with Acquire, so it finds the words of all events below.
//! `[overwrite]` the writer has a Release fence between the store of `head = n` and the words of event `n`; a reader has an Acquire fence between the words and its second look at `head`. If a word was
//! that of event `n`, the fences order that look after the store of `head = n`, and the event `n - len` that was meant is left out. Both fences are free on x86.

use core::fmt;
use core::ops::Deref;

use crate::prim::atomic::{AtomicU64, Ordering, fence};

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;

/// The place of one event.
#[derive(Debug)]
pub struct Slot([AtomicU64; 2]);

impl Slot {
    /// A slot that was never written.
    #[must_use]
    pub fn new() -> Self {
        Self([AtomicU64::new(0), AtomicU64::new(0)])
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

/// See the module's description. `S` is the memory of the slots.
pub struct EventRing<S> {
    head: AtomicU64,
    slots: S,
}

impl<S: Deref<Target = [Slot]>> EventRing<S> {
    /// An empty ring.
    ///
    /// # Panics
    /// If the number of slots is not a power of two.
    #[must_use]
    pub fn new(slots: S) -> Self {
        assert!(slots.len().is_power_of_two(), "the number of slots is a power of two");
        Self { head: AtomicU64::new(0), slots }
    }

    fn slot(&self, number: u64) -> &Slot {
        let mask = self.slots.len() - 1;
        &self.slots[number as usize & mask]
    }

    /// Writes an event. For the one writer; if there were two, events would be lost or mixed up.
    #[inline]
    pub fn push(&self, event: [u64; 2]) {
        let head = self.head.load(Ordering::Relaxed);
        // [overwrite]
        fence(Ordering::Release);
        let slot = self.slot(head);
        slot.0[0].store(event[0], Ordering::Relaxed);
        slot.0[1].store(event[1], Ordering::Relaxed);
        // [publish]
        self.head.store(head.wrapping_add(1), Ordering::Release);
    }

    /// How many events there is room for. The oldest is left out by readers as soon as the ring is full, because its slot is the next one to be written.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many events were written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// Calls `visit` with the number and the words of each event that is there, oldest first.
    pub fn read(&self, mut visit: impl FnMut(u64, [u64; 2])) {
        let len = self.slots.len() as u64;
        // [publish]
        let end = self.head.load(Ordering::Acquire);
        for number in end.saturating_sub(len)..end {
            let slot = self.slot(number);
            let event = [slot.0[0].load(Ordering::Relaxed), slot.0[1].load(Ordering::Relaxed)];
            // [overwrite]
            fence(Ordering::Acquire);
            if self.head.load(Ordering::Relaxed) < number + len {
                visit(number, event);
            }
        }
    }
}

impl<S> fmt::Debug for EventRing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRing").field("written", &self.head).finish_non_exhaustive()
    }
}
