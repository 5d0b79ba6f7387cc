//! Who holds a lock that others wait for.
//!
//! A lock notes the task that holds it, with one store. When somebody has to wait, the lock tells the runtime, so that whoever looks for deadlocks need not touch the lock, which may be gone by
//! then, and so that who holds what an important task waits for can be let run first. What the runtime does with it is its own business: whoever enters one leaves its functions with the thread.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::cells;

/// What a runtime does about holders.
#[derive(Debug)]
pub struct Holders {
    /// The number of the task that runs on this thread; zero if there is none.
    pub current: fn() -> u64,
    /// Somebody waits for the lock at an address, which a task has; zero if that is not known.
    pub note: fn(u64, Holder),
    /// Whether anybody follows the waits, by the two that come next: as long as it is not zero.
    pub followers: &'static AtomicUsize,
    /// Nobody waits for the lock at an address any more.
    pub idle: fn(u64),
    /// The task that runs on this thread waits for something from now on; or no longer. (It may say the one or the other twice, or be dropped without a word.)
    pub waits: fn(Awaited, bool),
    /// The task that runs on this thread is at this end of the channel at an address.
    pub end: fn(u64, End),
    /// There is no channel at an address any more.
    pub gone: fn(u64),
    /// How many want to know where tasks wait.
    pub looked_at: &'static AtomicUsize,
    /// Then this is called when a leaf has said what it waits for, on the stack of its poll.
    pub looks: fn(),
}

/// Who has a lock, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The number of the task that took it last; zero: nobody knows.
    pub task: u64,
    /// It has it still. Otherwise there may be others besides, or it may have passed its guard on.
    pub is_certain: bool,
}

/// The ends of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It sent something for which the receiver waited.
    Sender,
    /// It waits for something.
    Receiver,
}

/// What a task may wait for that another one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// The lock at an address.
    Lock(u64),
    /// The end of a task, by its number.
    Task(u64),
}

/// From now on these are asked and told on this thread.
pub fn install(holders: &'static Holders) {
    cells::set_holders(holders);
}

/// The number of the task that runs on this thread; zero if there is none, or if nobody knows.
#[inline]
#[must_use]
pub fn current() -> u64 {
    cells::holders().map_or(0, |holders| (holders.current)())
}

/// Somebody waits for the lock at this address, which `holder` has.
pub fn note(lock: u64, holder: Holder) {
    if let Some(holders) = cells::holders() {
        (holders.note)(lock, holder);
    }
}

/// Nobody waits for the lock at this address any more.
pub fn idle(lock: u64) {
    if let Some(holders) = cells::holders() {
        (holders.idle)(lock);
    }
}

#[inline]
fn followed() -> Option<&'static Holders> {
    cells::holders().filter(|holders| holders.followers.load(Ordering::Relaxed) != 0)
}

/// The task that runs is at this end of the channel at an address. For paths on which somebody waits or is woken.
pub fn at_end(channel: u64, end: End) {
    if let Some(holders) = cells::holders() {
        (holders.end)(channel, end);
    }
}

/// The channel at this address is going to be freed; another one may be there soon.
pub fn gone(channel: u64) {
    if let Some(holders) = cells::holders() {
        (holders.gone)(channel);
    }
}

/// The task that runs waits for this.
#[inline]
pub fn waits(what: Awaited) {
    if let Some(holders) = followed() {
        (holders.waits)(what, true);
    }
}

/// The task that runs does not wait for this any more.
#[inline]
pub fn waits_no_more(what: Awaited) {
    if let Some(holders) = followed() {
        (holders.waits)(what, false);
    }
}

#[cfg(all(test, feature = "std", not(loom)))]
mod tests {
    use core::cell::Cell;
    use core::sync::atomic::AtomicUsize;
    use std::boxed::Box;

    use super::{Holder, Holders, current, install, note};

    std::thread_local! {
        static NOTED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }

    #[test]
    fn without_a_runtime_nobody_is_current_and_nothing_is_noted() {
        assert_eq!(current(), 0);
        note(1, Holder { task: 2, is_certain: true });
        let never = Box::leak(Box::new(AtomicUsize::new(0)));
        let note = |lock, holder: Holder| NOTED.set((lock, holder.task));
        let nobody = Box::leak(Box::new(AtomicUsize::new(0)));
        let holders = Holders {
            current: || 7,
            note,
            followers: nobody,
            idle: |_| (),
            waits: |_, _| (),
            end: |_, _| (),
            gone: |_| (),
            looked_at: never,
            looks: || (),
        };
        install(Box::leak(Box::new(holders)));
        assert_eq!(current(), 7);
        note(3, Holder { task: 4, is_certain: false });
        assert_eq!(NOTED.get(), (3, 4));
    }
}
