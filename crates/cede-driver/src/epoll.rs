//! The driver over epoll.
//!
//! # What
//! One epoll set per worker, edge-triggered, both directions registered once. Any thread may add and remove sources and interrupt the worker; only the worker waits.
//! The event's data word is the address of the source's [`ReadyCell`]. For a descriptor that its owner may close behind our back it is a name instead, which is looked up
//! and may mean nothing any more.
//!
//! # Who may touch what
//! `table` (which cells are registered, which are to be released): under its lock, by anybody. The event buffer: the worker.
//!
//! # Invariants
//! - I1: the address in an event belongs to a cell that `table` holds a reference to, in `live`, `released` or `stranded`. A cell goes from `live` to `released` after its
//!   descriptor was removed from the set, so a wait that begins later does not report it; and `released` is emptied only by the worker between two waits. So the
//!   cells of a batch of events outlive the batch.
//! - I2: the data word 0 is the interrupt; an odd one is a name: the place in `live`, and the number of the registration there. Addresses are even.

mod sys;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cede_core::lock::Lock;

use crate::Turn;
use crate::clock::Clock;
use crate::parking::Parking;
use crate::readiness::{ReadyCell, SHUTDOWN};
use crate::ready::{ERROR, PRIORITY, READ_CLOSED, READABLE, WRITABLE, WRITE_CLOSED};
use crate::shut_down_error;
use crate::{Interest, Trust};

const EVENTS_PER_WAIT: usize = 256;
const INTERRUPT: u64 = 0;

/// The worker's half.
pub(crate) struct Epoll {
    events: Box<[sys::Event]>,
}

/// Everybody's half.
#[derive(Debug)]
pub(crate) struct Shared {
    epoll: OwnedFd,
    interrupt: OwnedFd,
    table: Lock<Table>,
    /// How many cells are live; for a look without the lock.
    sources: AtomicUsize,
}

#[derive(Debug, Default)]
struct Table {
    live: Vec<Option<Arc<ReadyCell>>>,
    free: Vec<u32>,
    released: Vec<Arc<ReadyCell>>,
    /// Cells whose descriptor could not be removed from the set. They stay as long as the set.
    stranded: Vec<Arc<ReadyCell>>,
    shut_down: bool,
    /// How many registrations by name there were.
    names: u32,
}

impl Epoll {
    pub(crate) fn new() -> Self {
        Self { events: vec![sys::Event::EMPTY; EVENTS_PER_WAIT].into_boxed_slice() }
    }

    pub(crate) fn park(&mut self, shared: &Shared, parking: &Parking, clock: &Clock, until: Option<u64>) -> io::Result<Turn> {
        shared.release();
        let asleep = until != Some(0) && parking.prepare();
        let timeout = if asleep { timeout(clock, until) } else { Some(0) };
        let count = sys::wait(&shared.epoll, &mut self.events, timeout);
        let unparked = if asleep || until != Some(0) { parking.finish() } else { false };
        let turn = self.dispatch(shared, count?, unparked);
        if let Some(deadline) = until
            && turn.events == 0
            && !unparked
            && clock.may_jump()
        {
            clock.jump_to(deadline);
        }
        Ok(turn)
    }

    fn dispatch(&self, shared: &Shared, count: usize, unparked: bool) -> Turn {
        let mut turn = Turn { unparked, ..Turn::default() };
        let mut events = self.events[..count].iter().filter(|event| event.data() != INTERRUPT);
        // No edge comes a second time, so a waker that panics must not cost the others theirs.
        cede_context::persist(|| {
            let Some(event) = events.next() else { return false };
            turn.events += 1;
            let bits = ready_bits(event.flags());
            if is_name(event.data()) {
                let named = shared.table.lock().named(event.data());
                if let Some(cell) = named {
                    cell.set(bits);
                }
            } else {
                // The address of a cell that is alive by I1.
                sys::cell(event).set(bits);
            }
            true
        });
        turn
    }
}

impl std::fmt::Debug for Epoll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoll").finish_non_exhaustive()
    }
}

/// How long the kernel is to wait. A paused clock jumps instead, so it only looks, unless somebody holds the clock or there is no deadline to jump to.
fn timeout(clock: &Clock, until: Option<u64>) -> Option<u64> {
    let deadline = until?;
    if clock.is_paused() {
        return if clock.may_jump() { Some(0) } else { None };
    }
    Some(deadline.saturating_sub(clock.now()))
}

/// See I2.
fn name(cell: &ReadyCell) -> u64 {
    u64::from(cell.number) << 33 | u64::from(cell.index) << 1 | 1
}

fn is_name(data: u64) -> bool {
    data & 1 == 1
}

/// What to ask the kernel for. Errors and hang-ups are always reported.
fn flags(interest: Interest) -> i32 {
    let mut flags = libc::EPOLLET;
    if interest.is_readable() || interest.is_error() {
        flags |= libc::EPOLLIN | libc::EPOLLRDHUP;
    }
    if interest.is_writable() {
        flags |= libc::EPOLLOUT;
    }
    if interest.is_priority() {
        flags |= libc::EPOLLPRI;
    }
    flags
}

fn ready_bits(flags: u32) -> u32 {
    let has = |flag: i32| flags & flag.cast_unsigned() != 0;
    let mut bits = 0;
    if has(libc::EPOLLIN) || has(libc::EPOLLPRI) {
        bits |= READABLE;
    }
    if has(libc::EPOLLOUT) {
        bits |= WRITABLE;
    }
    if has(libc::EPOLLPRI) {
        bits |= PRIORITY;
    }
    if has(libc::EPOLLHUP) || (has(libc::EPOLLIN) && has(libc::EPOLLRDHUP)) {
        bits |= READ_CLOSED;
    }
    if has(libc::EPOLLHUP) || (has(libc::EPOLLOUT) && has(libc::EPOLLERR)) || flags == libc::EPOLLERR.cast_unsigned() {
        bits |= WRITE_CLOSED;
    }
    if has(libc::EPOLLERR) {
        bits |= ERROR;
    }
    bits
}

impl Shared {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = sys::create()?;
        let interrupt = sys::event_fd()?;
        // Edge-triggered, so that the counter need not be read back: each write is a new edge.
        sys::add(&epoll, interrupt.as_raw_fd(), libc::EPOLLIN | libc::EPOLLET, INTERRUPT)?;
        Ok(Self { epoll, interrupt, table: Lock::new(Table::default()), sources: AtomicUsize::new(0) })
    }

    pub(crate) fn interrupt(&self) {
        sys::write_event_fd(&self.interrupt);
    }

    pub(crate) fn register(&self, fd: RawFd, interest: Interest, trust: Trust) -> io::Result<Arc<ReadyCell>> {
        let cell = self.table.lock().insert(trust)?;
        let data = match trust {
            Trust::Owner => sys::address(&cell),
            Trust::Nobody => name(&cell),
        };
        if let Err(error) = sys::add(&self.epoll, fd, flags(interest), data) {
            drop(self.table.lock().remove(&cell));
            return Err(error);
        }
        self.sources.fetch_add(1, Ordering::Relaxed);
        Ok(cell)
    }

    pub(crate) fn deregister(&self, fd: RawFd, cell: &ReadyCell) {
        let removed = sys::remove(&self.epoll, fd);
        self.sources.fetch_sub(1, Ordering::Relaxed);
        let mut table = self.table.lock();
        if let Some(cell) = table.remove(cell) {
            // Somebody closed the descriptor under us. If there is a duplicate of it, it is still in the set.
            if removed.is_ok() { table.released.push(cell) } else { table.stranded.push(cell) }
        }
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.table.lock().shut_down
    }

    pub(crate) fn has_sources(&self) -> bool {
        self.sources.load(Ordering::Relaxed) != 0
    }

    /// Drops the cells that no event of an earlier wait can name any more. For the worker, between two waits.
    fn release(&self) {
        let released = {
            let mut table = self.table.lock();
            if table.released.is_empty() {
                return;
            }
            std::mem::take(&mut table.released)
        };
        drop(released);
    }

    /// The worker is gone for good: whoever waits is woken and sees that nothing will come.
    pub(crate) fn shut_down(&self) {
        let (live, released) = {
            let mut table = self.table.lock();
            table.shut_down = true;
            (std::mem::take(&mut table.live), std::mem::take(&mut table.released))
        };
        let mut cells = live.iter().flatten();
        cede_context::persist(|| cells.next().map(|cell| cell.set(SHUTDOWN)).is_some());
        drop(released);
    }
}

impl Table {
    fn insert(&mut self, trust: Trust) -> io::Result<Arc<ReadyCell>> {
        if self.shut_down {
            return Err(shut_down_error());
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.live.push(None);
            u32::try_from(self.live.len() - 1).expect("there are fewer descriptors than that")
        });
        if trust == Trust::Nobody {
            self.names = self.names.wrapping_add(1) & (u32::MAX >> 1);
        }
        let cell = Arc::new(ReadyCell::new(index, self.names));
        self.live[index as usize] = Some(cell.clone());
        Ok(cell)
    }

    /// The cell that a data word names, if it is still registered.
    fn named(&self, data: u64) -> Option<Arc<ReadyCell>> {
        let place = usize::try_from(data >> 1 & u64::from(u32::MAX)).ok()?;
        self.live.get(place)?.as_ref().filter(|cell| name(cell) == data).cloned()
    }

    fn remove(&mut self, cell: &ReadyCell) -> Option<Arc<ReadyCell>> {
        let removed = self.live.get_mut(cell.index as usize)?.take()?;
        self.free.push(cell.index);
        Some(removed)
    }
}
