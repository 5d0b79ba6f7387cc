//! What a task waits for.
//!
//! Every leaf future that returns `Pending` first calls [`waiting_for`]. The executor takes the record after the poll ([`take`]) and keeps it
//! in the task's cell. The last leaf polled wins: for a `select!` that is one of its branches.

use core::sync::atomic::Ordering;

use crate::cells;

/// The kinds of things that a task can wait for. New kinds are welcome; re-using one for something else is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum WaitKind {
    /// Nothing was recorded: a future that is not cede's.
    Unknown = 0,
    /// It gave way to others and is runnable.
    Yield,
    /// Its cooperative budget ended; it is runnable.
    Budget,
    /// A point in time; the object is the deadline in nanoseconds of the runtime's clock.
    Timer,
    /// A descriptor to become readable; the object is its number.
    Read,
    /// A descriptor to become writable; the object is its number.
    Write,
    /// A task to end; the object is its id.
    Join,
    /// A closure on the blocking pool; the object is its id.
    Blocking,
    /// A mutex held by another; the object is its address, as for all that follow.
    Mutex,
    /// A read or write lock held by others.
    RwLock,
    /// Permits of a semaphore.
    Semaphore,
    /// A notification.
    Notify,
    /// The value of a oneshot channel.
    Oneshot,
    /// A message of a channel.
    Receive,
    /// Room in a channel.
    Send,
    /// A new value in a watch channel.
    Watch,
    /// The other side of an in-memory pipe.
    Pipe,
    /// A barrier's other parties.
    Barrier,
    /// A cell to be initialized.
    Once,
    /// A cancellation.
    Cancellation,
    /// A signal.
    Signal,
    /// A child process.
    Process,
}

impl WaitKind {
    const ALL: [WaitKind; 22] = [
        Self::Unknown,
        Self::Yield,
        Self::Budget,
        Self::Timer,
        Self::Read,
        Self::Write,
        Self::Join,
        Self::Blocking,
        Self::Mutex,
        Self::RwLock,
        Self::Semaphore,
        Self::Notify,
        Self::Oneshot,
        Self::Receive,
        Self::Send,
        Self::Watch,
        Self::Pipe,
        Self::Barrier,
        Self::Once,
        Self::Cancellation,
        Self::Signal,
        Self::Process,
    ];

    /// The kind with this number; unknown numbers give [`WaitKind::Unknown`].
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Unknown)
    }
}

/// What a task waits for: a kind, and the object of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The kind of thing.
    pub kind: WaitKind,
    /// Which one: an address, a descriptor, a deadline or an id, by kind.
    pub object: u64,
    /// The leaf was not polled by the task itself but by something in it that polls several, with wakers of its own.
    pub indirect: bool,
}

impl Wait {
    /// Nothing recorded.
    pub const NONE: Wait = Wait { kind: WaitKind::Unknown, object: 0, indirect: false };
}

const KIND_BITS: u32 = 8;
/// Within those bits, of which the kinds need fewer.
const INDIRECT: u64 = 1 << 7;

impl Wait {
    /// As one word, in which the upper eight bits of the object have no room.
    #[inline]
    #[must_use]
    pub fn to_word(self) -> u64 {
        self.object << KIND_BITS | if self.indirect { INDIRECT } else { 0 } | self.kind as u64
    }

    /// What the word says.
    #[must_use]
    pub fn from_word(word: u64) -> Self {
        let kind = WaitKind::from_number((word & (INDIRECT - 1)) as u8);
        Wait { kind, object: word >> KIND_BITS, indirect: word & INDIRECT != 0 }
    }
}

/// Records that the running task waits for `object`. Called by a leaf that is about to return `Pending`.
#[inline]
pub fn waiting_for(kind: WaitKind, object: u64) {
    waiting_for_by_way(kind, object, false);
}

/// Like [`waiting_for`], for a leaf that knows whether it was polled with the task's own waker, or by way of another.
#[inline]
pub fn waiting_for_by_way(kind: WaitKind, object: u64, indirect: bool) {
    cells::set_wait(Wait { kind, object, indirect }.to_word());
    if let Some(holders) = cells::holders()
        && holders.looked_at.load(Ordering::Relaxed) != 0
    {
        (holders.looks)();
    }
}

/// Forgets what was recorded: a poll begins. Called by executors.
#[inline]
pub fn clear() {
    cells::set_wait(0);
}

/// The leaf that waited for `object` is gone, or does not wait any more: if it was the last to say something, nothing was said.
#[cold]
pub fn forget(object: u64) {
    let word = cells::take_wait();
    if Wait::from_word(word).object != object << KIND_BITS >> KIND_BITS {
        cells::set_wait(word);
    }
}

/// Takes the record of the poll that just ended. Called by executors.
#[inline]
#[must_use]
pub fn take() -> Wait {
    Wait::from_word(take_word())
}

/// Like [`take`], as one word.
#[inline]
#[must_use]
pub fn take_word() -> u64 {
    cells::take_wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_kinds_agree() {
        for (number, kind) in WaitKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
        assert_eq!(WaitKind::from_number(100), WaitKind::Unknown);
    }

    #[test]
    fn a_word_holds_a_wait() {
        for indirect in [false, true] {
            let wait = Wait { kind: WaitKind::Process, object: u64::MAX >> 8, indirect };
            assert_eq!(Wait::from_word(wait.to_word()), wait);
        }
        assert_eq!(Wait::from_word(0), Wait::NONE);
    }
}
