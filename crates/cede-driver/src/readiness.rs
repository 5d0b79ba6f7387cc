//! What a source is ready for, and who waits for that.
//!
//! # What
//! The kernel reports edges: that a socket *became* readable. The cell keeps the edge until an operation says "would block" or read less than it asked for.
//! Because an edge may arrive between the operation and its clearing, each edge raises a counter, and clearing names the counter it has seen.
//!
//! # States
//! `state` is a word: the low 8 bits say what is ready ([`READABLE`] … [`SHUTDOWN`]), the others count edges. `READ_CLOSED`, `WRITE_CLOSED`, `ERROR` and `SHUTDOWN`
//! are never cleared: no further edge would come.
//!
//! # Who may touch what
//! `state`: anybody, by compare-exchange. `waiters`: under its lock; wakers are called after it.
//!
//! # Invariants
//! - I1: a waker is put in place under the lock *before* `state` is read again; an edge sets `state` *before* it takes the lock to look for wakers. So either
//!   the waiter sees the edge or the edge finds the waker.

use std::task::{Context, Poll, Waker};

use cede_core::lock::Lock;
use cede_core::prim::atomic::{AtomicU32, Ordering};

pub(crate) const READABLE: u32 = 1;
pub(crate) const WRITABLE: u32 = 1 << 1;
pub(crate) const READ_CLOSED: u32 = 1 << 2;
pub(crate) const WRITE_CLOSED: u32 = 1 << 3;
pub(crate) const ERROR: u32 = 1 << 4;
pub(crate) const PRIORITY: u32 = 1 << 5;
pub(crate) const SHUTDOWN: u32 = 1 << 6;
const READY_MASK: u32 = 0xff;
const EDGE: u32 = 0x100;

/// Which side of a source an operation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reading and accepting.
    Read,
    /// Writing and connecting.
    Write,
}

impl Direction {
    fn mask(self) -> u32 {
        match self {
            Direction::Read => READABLE | READ_CLOSED | ERROR | SHUTDOWN,
            Direction::Write => WRITABLE | WRITE_CLOSED | ERROR | SHUTDOWN,
        }
    }

    fn clearable(self) -> u32 {
        match self {
            Direction::Read => READABLE | PRIORITY,
            Direction::Write => WRITABLE,
        }
    }
}

/// What a source was ready for at a moment, and which edges had been seen by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready(u32);

impl Ready {
    /// Whether a read may succeed or return an end or an error.
    #[must_use]
    pub fn is_readable(self) -> bool {
        self.0 & (READABLE | READ_CLOSED) != 0
    }

    /// Whether a write may succeed or return an error.
    #[must_use]
    pub fn is_writable(self) -> bool {
        self.0 & (WRITABLE | WRITE_CLOSED) != 0
    }

    /// Whether the peer has closed its writing side.
    #[must_use]
    pub fn is_read_closed(self) -> bool {
        self.0 & READ_CLOSED != 0
    }

    /// Whether writing is no longer possible.
    #[must_use]
    pub fn is_write_closed(self) -> bool {
        self.0 & WRITE_CLOSED != 0
    }

    /// Whether the source has an error to report.
    #[must_use]
    pub fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Whether urgent data is there.
    #[must_use]
    pub fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Whether the driver has gone; nothing will ever become ready.
    #[must_use]
    pub fn is_shut_down(self) -> bool {
        self.0 & SHUTDOWN != 0
    }

    fn for_direction(self, direction: Direction) -> Option<Self> {
        (self.0 & direction.mask() != 0).then_some(self)
    }
}

#[derive(Debug)]
pub(crate) struct ReadyCell {
    state: AtomicU32,
    /// Where the cell stands in the driver's table.
    pub(crate) index: u32,
    waiters: Lock<Waiters>,
}

/// One task usually reads and one writes; further ones (several tasks in `readable().await`) go to the list.
#[derive(Debug, Default)]
struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    #[expect(clippy::box_collection, reason = "almost never used; the box keeps idle cells small")]
    more: Option<Box<Vec<Waiter>>>,
}

/// One of several tasks that wait in one direction. Its future takes it out when it is dropped.
#[derive(Debug)]
struct Waiter {
    /// The address of the pinned future.
    key: usize,
    waker: Waker,
}

impl ReadyCell {
    pub(crate) fn new(index: u32) -> Self {
        Self { state: AtomicU32::new(0), index, waiters: Lock::new(Waiters::default()) }
    }

    /// What the source is ready for in this direction, if anything is known.
    #[inline]
    pub(crate) fn ready(&self, direction: Direction) -> Option<Ready> {
        Ready(self.state.load(Ordering::Acquire)).for_direction(direction)
    }

    /// An operation found that the readiness `seen` is used up. An edge that came later stays.
    #[inline]
    pub(crate) fn clear(&self, seen: Ready, direction: Direction) {
        let mut current = self.state.load(Ordering::Acquire);
        while current & !READY_MASK == seen.0 & !READY_MASK {
            let cleared = current & !direction.clearable();
            match self.state.compare_exchange_weak(current, cleared, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(found) => current = found,
            }
        }
    }

    /// Returns what the source is ready for, or keeps the waker.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<Ready> {
        if let Some(ready) = self.ready(direction) {
            return Poll::Ready(ready);
        }
        if !self.waiters.lock().keeps(direction, cx.waker()) {
            let waker = cx.waker().clone();
            let replaced = self.waiters.lock().slot(direction).replace(waker);
            drop(replaced);
        }
        self.ready(direction).map_or(Poll::Pending, Poll::Ready)
    }

    /// Like [`ReadyCell::poll_ready`], for one of several futures that wait in the same direction. `key` is the address of the future, which calls
    /// [`ReadyCell::forget`] when it is dropped.
    pub(crate) fn poll_ready_shared(&self, cx: &mut Context<'_>, direction: Direction, key: usize) -> Poll<Ready> {
        if let Some(ready) = self.ready(direction) {
            return Poll::Ready(ready);
        }
        let waker = cx.waker().clone();
        let replaced = self.waiters.lock().keep_also(key, waker);
        drop(replaced);
        self.ready(direction).map_or(Poll::Pending, Poll::Ready)
    }

    /// The future with this address waits no more.
    pub(crate) fn forget(&self, key: usize) {
        let waiter = self.waiters.lock().forget(key);
        drop(waiter);
    }

    /// An edge came: remembers it and wakes who waits for it.
    pub(crate) fn set(&self, bits: u32) {
        let mut current = self.state.load(Ordering::Acquire);
        while let Err(found) =
            self.state.compare_exchange_weak(current, (current | bits).wrapping_add(EDGE), Ordering::AcqRel, Ordering::Acquire)
        {
            current = found;
        }
        let (reader, writer, more) = {
            let mut waiters = self.waiters.lock();
            let reader = if bits & Direction::Read.mask() != 0 { waiters.reader.take() } else { None };
            let writer = if bits & Direction::Write.mask() != 0 { waiters.writer.take() } else { None };
            (reader, writer, waiters.more.take())
        };
        let mut woken = reader.into_iter().chain(writer).chain(more.into_iter().flat_map(|more| *more).map(|waiter| waiter.waker));
        // No edge comes a second time, so a waker that panics must not cost the others theirs.
        cede_context::persist(|| woken.next().map(Waker::wake).is_some());
    }
}

impl Waiters {
    fn slot(&mut self, direction: Direction) -> &mut Option<Waker> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    /// Whether the waker in the slot of this direction already wakes the same task.
    fn keeps(&mut self, direction: Direction, waker: &Waker) -> bool {
        self.slot(direction).as_ref().is_some_and(|kept| kept.will_wake(waker))
    }

    /// Keeps the waker of one more future; returns the one that it replaces, to be dropped outside the lock.
    fn keep_also(&mut self, key: usize, waker: Waker) -> Option<Waker> {
        let more = self.more.get_or_insert_default();
        if let Some(waiter) = more.iter_mut().find(|waiter| waiter.key == key) {
            return Some(std::mem::replace(&mut waiter.waker, waker));
        }
        more.push(Waiter { key, waker });
        None
    }

    fn forget(&mut self, key: usize) -> Option<Waiter> {
        let more = self.more.as_mut()?;
        let place = more.iter().position(|waiter| waiter.key == key)?;
        Some(more.swap_remove(place))
    }
}

#[cfg(all(test, loom))]
mod model;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn clearing_does_not_lose_a_later_edge() {
        let cell = ReadyCell::new(0);
        cell.set(READABLE);
        let seen = cell.ready(Direction::Read).unwrap();
        cell.set(READABLE);
        cell.clear(seen, Direction::Read);
        let seen = cell.ready(Direction::Read).expect("the second edge is still there");
        cell.clear(seen, Direction::Read);
        assert_eq!(cell.ready(Direction::Read), None);
    }

    #[test]
    fn a_closed_side_stays_ready() {
        let cell = ReadyCell::new(0);
        cell.set(READABLE | READ_CLOSED);
        let seen = cell.ready(Direction::Read).unwrap();
        cell.clear(seen, Direction::Read);
        assert!(cell.ready(Direction::Read).unwrap().is_read_closed());
        assert_eq!(cell.ready(Direction::Write), None);
    }

    #[test]
    fn clearing_one_direction_leaves_the_other() {
        let cell = ReadyCell::new(0);
        cell.set(READABLE | WRITABLE);
        let seen = cell.ready(Direction::Write).unwrap();
        cell.clear(seen, Direction::Write);
        assert!(cell.ready(Direction::Read).is_some());
        assert_eq!(cell.ready(Direction::Write), None);
    }
}
