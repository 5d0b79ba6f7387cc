//! What a source is ready for, and who waits for that.
//!
//! # What
//! The kernel reports edges: that a socket *became* readable. The cell keeps the edge until an operation says "would block" or read less than it asked for.
//! Because an edge may arrive between the operation and its clearing, each edge raises a counter, and clearing names the counter it has seen.
//!
//! # States
//! `state` is a word: the low 8 bits say what is ready ([`Ready`], [`SHUTDOWN`]), the others count edges. That a side is closed is cleared only by an operation of ours
//! that would block, which disproves it (a datagram socket reports an error like a closed side); what a user's closure says is not enough, because no further
//! edge would come. `SHUTDOWN` is never cleared.
//!
//! # Who may touch what
//! `state`: anybody, by compare-exchange. `locked`: under its lock; wakers are called after it. There is one cell for each connection that waits, so what a driver keeps with it (`K`) is under the same lock, and
//! `note`, which is the driver's alone, is where padding would be.
//!
//! # Invariants
//! - I1: a waker is put in place under the lock *before* `state` is read again; an edge sets `state` *before* it takes the lock to look for wakers. So either
//!   the waiter sees the edge or the edge finds the waker.

use std::task::{Context, Poll, Waker};

use cede_core::lock::Lock;
use cede_core::prim::atomic::{AtomicU32, Ordering};

use crate::Interest;
use crate::ready::{ERROR, READ_CLOSED, READABLE, Ready, WRITABLE, WRITE_CLOSED};

/// The driver has gone. Not a part of [`Ready`]: it satisfies every interest.
pub(crate) const SHUTDOWN: u32 = 1 << 7;
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
    /// The bits with which an operation of ours is worth a try. An error is: a datagram socket that was refused is neither readable nor closed.
    fn mask(self) -> u32 {
        match self {
            Direction::Read => READABLE | READ_CLOSED | ERROR | SHUTDOWN,
            Direction::Write => WRITABLE | WRITE_CLOSED | ERROR | SHUTDOWN,
        }
    }

    /// What a user means by this direction.
    pub(crate) fn interest(self) -> Interest {
        match self {
            Direction::Read => Interest::READABLE,
            Direction::Write => Interest::WRITABLE,
        }
    }
}

/// The bits that satisfy an interest.
fn mask(interest: Interest) -> u32 {
    Ready::for_interest(interest).bits() | SHUTDOWN
}

/// What a source was ready for at a moment, and which edges had been seen by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event(u32);

impl Event {
    /// What the source was ready for.
    #[must_use]
    pub fn ready(self) -> Ready {
        Ready::from_bits(self.0)
    }

    /// The same moment, with a part of the readiness.
    #[must_use]
    pub fn with_ready(self, ready: Ready) -> Self {
        Self((self.0 & !READY_MASK) | ready.bits())
    }

    /// The same moment, with what is of interest.
    #[must_use]
    pub fn of_interest(self, interest: Interest) -> Self {
        self.with_ready(self.ready() & Ready::for_interest(interest))
    }

    /// Whether the driver has gone; nothing will ever become ready.
    #[must_use]
    pub fn is_shut_down(self) -> bool {
        self.0 & SHUTDOWN != 0
    }
}

#[derive(Debug)]
pub(crate) struct ReadyCell<K = ()> {
    state: AtomicU32,
    /// Means nothing here.
    pub(crate) note: AtomicU32,
    locked: Lock<Locked<K>>,
}

#[derive(Debug)]
struct Locked<K> {
    waiters: Waiters,
    kept: K,
}

/// One task usually reads and one writes; further ones (several tasks in `readable().await`) go to the list.
#[derive(Debug, Default)]
struct Waiters {
    reader: Option<Waker>,
    writer: Option<Waker>,
    #[expect(clippy::box_collection, reason = "almost never used; the box keeps idle cells small")]
    more: Option<Box<Vec<Waiter>>>,
}

/// One of several tasks that wait. Its future takes it out when it is dropped.
#[derive(Debug)]
struct Waiter {
    /// The bits that it waits for.
    mask: u32,
    /// The address of the pinned future.
    key: usize,
    waker: Waker,
}

impl<K> ReadyCell<K> {
    pub(crate) fn new(note: u32, kept: K) -> Self {
        let locked = Locked { waiters: Waiters::default(), kept };
        Self { state: AtomicU32::new(0), note: AtomicU32::new(note), locked: Lock::new(locked) }
    }

    /// What the driver keeps here. Meanwhile nobody begins to wait, and nobody is woken.
    pub(crate) fn with_kept<R>(&self, access: impl FnOnce(&mut K) -> R) -> R {
        access(&mut self.locked.lock().kept)
    }

    /// What the source is ready for in this direction, if anything is known.
    #[inline]
    pub(crate) fn ready(&self, direction: Direction) -> Option<Event> {
        self.satisfying(direction.mask())
    }

    /// What of an interest the source is ready for, if anything is known.
    pub(crate) fn ready_for(&self, interest: Interest) -> Option<Event> {
        self.satisfying(mask(interest))
    }

    #[inline]
    fn satisfying(&self, mask: u32) -> Option<Event> {
        let state = self.state.load(Ordering::Acquire);
        (state & mask != 0).then_some(Event(state))
    }

    /// An operation in this direction would block, so none of its readiness that was `seen` is true. An edge that came later stays.
    #[inline]
    pub(crate) fn disprove(&self, seen: Event, direction: Direction) {
        self.clear_bits(seen, direction.mask() & !SHUTDOWN);
    }

    /// Somebody says that the readiness `seen` is used up. An edge that came later stays, and so does what no further edge would tell: that a side is closed.
    #[inline]
    pub(crate) fn clear(&self, seen: Event) {
        self.clear_bits(seen, seen.ready().bits() & !(READ_CLOSED | WRITE_CLOSED));
    }

    #[inline]
    fn clear_bits(&self, seen: Event, bits: u32) {
        let mut current = self.state.load(Ordering::Acquire);
        while current & !READY_MASK == seen.0 & !READY_MASK {
            match self.state.compare_exchange_weak(current, current & !bits, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(found) => current = found,
            }
        }
    }

    /// Returns what the source is ready for in this direction, or keeps the waker.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<Event> {
        self.poll_satisfying(cx, direction, direction.mask())
    }

    /// As [`ReadyCell::poll_ready`], for an operation that is the user's.
    pub(crate) fn poll_ready_for_user(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<Event> {
        self.poll_satisfying(cx, direction, mask(direction.interest()))
    }

    fn poll_satisfying(&self, cx: &mut Context<'_>, direction: Direction, mask: u32) -> Poll<Event> {
        if let Some(ready) = self.satisfying(mask) {
            return Poll::Ready(ready);
        }
        if !self.locked.lock().waiters.keeps(direction, cx.waker()) {
            let waker = cx.waker().clone();
            let replaced = self.locked.lock().waiters.slot(direction).replace(waker);
            drop(replaced);
        }
        self.satisfying(mask).map_or(Poll::Pending, Poll::Ready)
    }

    /// Like [`ReadyCell::poll_ready`], for one of any number of futures, and for any interest. `key` is the address of the future, which calls
    /// [`ReadyCell::forget`] when it is dropped.
    pub(crate) fn poll_ready_shared(&self, cx: &mut Context<'_>, interest: Interest, key: usize) -> Poll<Event> {
        if let Some(ready) = self.ready_for(interest) {
            return Poll::Ready(ready);
        }
        let waker = cx.waker().clone();
        let replaced = self.locked.lock().waiters.keep_also(Waiter { mask: mask(interest), key, waker });
        drop(replaced);
        self.ready_for(interest).map_or(Poll::Pending, Poll::Ready)
    }

    /// The future with this address waits no more.
    pub(crate) fn forget(&self, key: usize) {
        let waiter = self.locked.lock().waiters.forget(key);
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
            let mut locked = self.locked.lock();
            let waiters = &mut locked.waiters;
            let reader = if bits & Direction::Read.mask() != 0 { waiters.reader.take() } else { None };
            let writer = if bits & Direction::Write.mask() != 0 { waiters.writer.take() } else { None };
            (reader, writer, waiters.take_satisfied(bits))
        };
        let mut woken = reader.into_iter().chain(writer).chain(more.into_iter().map(|waiter| waiter.waker));
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
    fn keep_also(&mut self, new: Waiter) -> Option<Waiter> {
        let more = self.more.get_or_insert_default();
        if let Some(waiter) = more.iter_mut().find(|waiter| waiter.key == new.key) {
            return Some(std::mem::replace(waiter, new));
        }
        more.push(new);
        None
    }

    /// Takes out those that wait for any of these bits.
    fn take_satisfied(&mut self, bits: u32) -> Vec<Waiter> {
        let mut satisfied = Vec::new();
        let Some(more) = &mut self.more else { return satisfied };
        for waiter in std::mem::take(&mut **more) {
            if waiter.mask & bits != 0 {
                satisfied.push(waiter);
            } else {
                more.push(waiter);
            }
        }
        if more.is_empty() {
            self.more = None;
        }
        satisfied
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
        let cell = ReadyCell::new(0, ());
        cell.set(READABLE);
        let seen = cell.ready(Direction::Read).unwrap();
        cell.set(READABLE);
        cell.disprove(seen, Direction::Read);
        let seen = cell.ready(Direction::Read).expect("the second edge is still there");
        cell.disprove(seen, Direction::Read);
        assert_eq!(cell.ready(Direction::Read), None);
    }

    #[test]
    fn a_closed_side_stays_ready_unless_it_is_disproved() {
        let cell = ReadyCell::new(0, ());
        cell.set(READABLE | READ_CLOSED);
        let seen = cell.ready(Direction::Read).unwrap();
        cell.clear(seen);
        assert!(cell.ready(Direction::Read).unwrap().ready().is_read_closed());
        assert_eq!(cell.ready(Direction::Write), None);
        cell.disprove(seen, Direction::Read);
        assert_eq!(cell.ready(Direction::Read), None);
    }

    #[test]
    fn waiters_that_give_up_leave_nothing_behind() {
        let cell = ReadyCell::new(0, ());
        let mut cx = Context::from_waker(Waker::noop());
        for key in 0..100 {
            assert!(cell.poll_ready_shared(&mut cx, Interest::READABLE, key).is_pending());
            // Once more is no second one.
            assert!(cell.poll_ready_shared(&mut cx, Interest::WRITABLE, key).is_pending());
        }
        let count = |cell: &ReadyCell| cell.locked.lock().waiters.more.as_ref().map_or(0, |more| more.len());
        assert_eq!(count(&cell), 100);
        (50..100).for_each(|key| cell.forget(key));
        assert_eq!(count(&cell), 50);
        // Those that are left are woken, and stay no longer either.
        cell.set(WRITABLE);
        assert_eq!(count(&cell), 0);
    }

    #[test]
    fn an_error_is_worth_one_try() {
        let cell = ReadyCell::new(0, ());
        cell.set(ERROR);
        assert_eq!(cell.ready_for(Interest::READABLE), None);
        let seen = cell.ready(Direction::Read).unwrap();
        cell.disprove(seen, Direction::Read);
        assert_eq!(cell.ready(Direction::Read), None);
    }

    #[test]
    fn a_gone_driver_satisfies_everybody_for_ever() {
        let cell = ReadyCell::new(0, ());
        cell.set(SHUTDOWN);
        let seen = cell.ready(Direction::Write).unwrap();
        cell.disprove(seen, Direction::Write);
        cell.clear(seen);
        assert!(cell.ready_for(Interest::ERROR).unwrap().is_shut_down());
    }

    #[test]
    fn only_who_is_satisfied_is_woken() {
        let cell = ReadyCell::new(0, ());
        let (reader, writer) = (std::sync::Arc::new(Flag::default()), std::sync::Arc::new(Flag::default()));
        let (reading, writing) = (Waker::from(reader.clone()), Waker::from(writer.clone()));
        assert!(cell.poll_ready_shared(&mut Context::from_waker(&reading), Interest::READABLE, 1).is_pending());
        assert!(cell.poll_ready_shared(&mut Context::from_waker(&writing), Interest::WRITABLE, 2).is_pending());
        cell.set(WRITABLE);
        assert!(writer.0.load(std::sync::atomic::Ordering::SeqCst) && !reader.0.load(std::sync::atomic::Ordering::SeqCst));
        cell.set(READABLE);
        assert!(reader.0.load(std::sync::atomic::Ordering::SeqCst));
    }

    #[derive(Default)]
    struct Flag(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Flag {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }

    #[test]
    fn clearing_one_direction_leaves_the_other() {
        let cell = ReadyCell::new(0, ());
        cell.set(READABLE | WRITABLE);
        let seen = cell.ready(Direction::Write).unwrap();
        cell.disprove(seen, Direction::Write);
        assert!(cell.ready(Direction::Read).is_some());
        assert_eq!(cell.ready(Direction::Write), None);
    }
}
