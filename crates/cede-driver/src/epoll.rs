//! The driver over epoll.
//!
//! # What
//! One epoll set per worker, edge-triggered, both directions registered once. Any thread may add and remove sources and interrupt the worker; only the worker sleeps. Another worker that has run dry looks, so that
//! sockets do not wait for a worker that is busy or has been woken but got no processor yet.
//! The event's data word is the address of the source's [`Member`]. For a descriptor that its owner may close behind our back it is a name instead, which is looked up
//! and may mean nothing any more.
//!
//! # Who may touch what
//! `table` (which cells are registered, which are to be released): under its lock, by anybody. The event buffer: the worker; who looks has its own.
//!
//! # Invariants
//! - I1: the address in an event belongs to a cell that `table` holds a reference to, in `live`, `released` or `stranded`. A cell goes from `live` to `released` after its
//!   descriptor was removed from the set, so a wait that begins later does not report it; and `released` is emptied only by the worker, between two waits or at its end, while nobody else looks (see [`lookers`]). So the
//!   cells of a batch of events outlive the batch.
//! - I2: the data words 0 and 2 are the interrupt and the alarm; an odd one is a name: the place in `live`, and the number of the registration there. Addresses are even, and greater.
//! - I3: who looks may get the edge of an interrupt, and passes it on unless the worker has taken its token meanwhile.
//! - I4: what a system call is given lives during the call, and is as large as the call is told; what it returns is -1, or what it is documented to: a descriptor that nobody else has, or a count.

mod lookers;
mod member;
mod sys;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cede_core::lock::Lock;

use crate::Turn;
use crate::clock::Clock;
use crate::parking::Parking;
use crate::readiness::SHUTDOWN;
use crate::ready::{ERROR, PRIORITY, READ_CLOSED, READABLE, WRITABLE, WRITE_CLOSED};
use crate::shut_down_error;
use crate::{Handle, Interest, Trust};
use lookers::Lookers;

pub(crate) use member::Member;

const EVENTS_PER_WAIT: usize = 256;
/// Fewer: a buffer of that size is on the stack, and what is left is the worker's.
const EVENTS_PER_LOOK: usize = 64;
const INTERRUPT: u64 = 0;
const ALARM: u64 = 2;
/// What the kernel may add to a shorter wait is about what it takes to wake a thread.
const LONG_WAIT_NS: u64 = 50_000_000;
const SLACK_NS_MAX: u64 = 100_000_000;
/// A name has 31 bits for the number.
const NAMES_MAX: u32 = u32::MAX >> 1;

/// The worker's half.
pub(crate) struct Epoll {
    events: Box<[sys::Event]>,
    /// In the set until it is closed, when it has rung.
    alarm: Option<OwnedFd>,
    /// It has rung, and nobody was told yet.
    rang: bool,
}

/// Everybody's half.
#[derive(Debug)]
pub(crate) struct Shared {
    epoll: OwnedFd,
    interrupt: OwnedFd,
    table: Lock<Table>,
    /// How many members are live; for a look without the lock.
    sources: AtomicUsize,
    lookers: Lookers,
}

#[derive(Debug, Default)]
struct Table {
    live: Vec<Option<Arc<Member>>>,
    free: Vec<u32>,
    released: Vec<Arc<Member>>,
    /// Members whose descriptor could not be removed from the set. They stay as long as the set.
    stranded: Vec<Arc<Member>>,
    shut_down: bool,
    /// The number of the last registration by name.
    names: u32,
}

impl Epoll {
    pub(crate) fn new() -> Self {
        Self { events: vec![sys::Event::EMPTY; EVENTS_PER_WAIT].into_boxed_slice(), alarm: None, rang: false }
    }

    /// See [`Driver::set_alarm`](crate::Driver::set_alarm).
    pub(crate) fn set_alarm(&mut self, shared: &Shared, clock: &Clock, at: u64) -> io::Result<()> {
        let timer = sys::timer_fd(at.saturating_sub(clock.now()))?;
        sys::add(&shared.epoll, timer.as_raw_fd(), libc::EPOLLIN | libc::EPOLLET, ALARM)?;
        self.alarm = Some(timer);
        Ok(())
    }

    pub(crate) fn park(&mut self, shared: &Shared, parking: &Parking, clock: &Clock, until: Option<u64>) -> io::Result<Turn> {
        shared.release();
        if std::mem::take(&mut self.rang) {
            return Ok(Turn { alarm: true, ..Turn::default() });
        }
        let asleep = until != Some(0) && parking.prepare();
        let timeout = if asleep { timeout(clock, until) } else { Some(0) };
        let count = sys::wait(&shared.epoll, &mut self.events, timeout);
        let unparked = if asleep || until != Some(0) { parking.finish() } else { false };
        let events = &self.events[..count?];
        if self.alarm.is_some() && events.iter().any(|event| event.data() == ALARM) {
            self.alarm = None;
            // A waker that panics keeps it until the next turn.
            self.rang = true;
        }
        let events = shared.dispatch(events, Member::served_at_home);
        let turn = Turn { unparked, alarm: std::mem::take(&mut self.rang), events, ..Turn::default() };
        if let Some(deadline) = until
            && turn.events == 0
            && !unparked
            && clock.may_jump()
        {
            clock.jump_to(deadline);
        }
        Ok(turn)
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
    Some(before_slack(deadline.saturating_sub(clock.now())))
}

/// How long to ask the kernel to wait for something in `nanos`, so that it is not late. It allows itself a thousandth of a wait to end it together with other timers, a two-hundredth where a process is nice, and a tenth of
/// a second at most: that is ten milliseconds of ten seconds. So a long wait ends before, and who waits sees that it was too short, and waits again.
fn before_slack(nanos: u64) -> u64 {
    if nanos > LONG_WAIT_NS { nanos - (nanos / 200).min(SLACK_NS_MAX) } else { nanos }
}

/// See I2.
fn name(index: u32, number: u32) -> u64 {
    u64::from(number) << 33 | u64::from(index) << 1 | 1
}

fn is_of_source(data: u64) -> bool {
    data != INTERRUPT && data != ALARM
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
        Ok(Self { epoll, interrupt, table: Lock::new(Table::default()), sources: AtomicUsize::new(0), lookers: Lookers::new() })
    }

    /// What another thread than the worker does: a worker that parks in `by`. Calls `found` if there is anything, before any waker.
    pub(crate) fn look(&self, parking: &Parking, by: &Handle, found: impl FnOnce()) -> io::Result<usize> {
        let Some(_looking) = self.lookers.enter() else { return Ok(0) };
        let mut events = [sys::Event::EMPTY; EVENTS_PER_LOOK];
        let count = sys::wait(&self.epoll, &mut events, Some(0))?;
        let events = &events[..count];
        if events.iter().any(|event| event.data() == INTERRUPT) && parking.is_notified() {
            self.interrupt();
        }
        if !events.is_empty() {
            found();
        }
        let count = self.dispatch(events, Member::served_elsewhere);
        self.give_what_others_serve(events, by);
        Ok(count)
    }

    /// Wakes whoever waits for these events; returns how many they are.
    fn dispatch(&self, events: &[sys::Event], served: impl Fn(&Member)) -> usize {
        let mut events = events.iter().filter(|event| is_of_source(event.data()));
        let mut count = 0;
        // No edge comes a second time, so a waker that panics must not cost the others theirs.
        cede_context::persist(|| {
            let Some(event) = events.next() else { return false };
            count += 1;
            let bits = ready_bits(event.flags());
            if is_name(event.data()) {
                let named = self.table.lock().named(event.data());
                if let Some(member) = named {
                    member.cell.set(bits);
                }
            } else {
                // The address of a member that is alive by I1.
                let member = sys::member(event);
                served(member);
                member.cell.set(bits);
            }
            true
        });
        count
    }

    pub(crate) fn interrupt(&self) {
        sys::write_event_fd(&self.interrupt);
    }

    /// Takes a descriptor into the set, which is that of `driver`.
    pub(crate) fn register(&self, driver: &Handle, fd: RawFd, interest: Interest, trust: Trust) -> io::Result<Arc<Member>> {
        let (member, index) = self.table.lock().insert(interest, trust)?;
        let data = member.number().map_or_else(|| sys::address(&member), |number| name(index, number));
        if let Err(error) = self.add(fd, interest, data) {
            drop(self.table.lock().remove(index));
            return Err(error);
        }
        member.joined(driver, index, fd);
        Ok(member)
    }

    fn add(&self, fd: RawFd, interest: Interest, data: u64) -> io::Result<()> {
        sys::add(&self.epoll, fd, flags(interest), data)?;
        self.sources.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn remove(&self, fd: RawFd, index: u32) {
        let removed = sys::remove(&self.epoll, fd);
        self.sources.fetch_sub(1, Ordering::Relaxed);
        let mut table = self.table.lock();
        if let Some(member) = table.remove(index) {
            // Somebody closed the descriptor under us. If there is a duplicate of it, it is still in the set.
            if removed.is_ok() { table.released.push(member) } else { table.stranded.push(member) }
        }
    }

    pub(crate) fn is_shut_down(&self) -> bool {
        self.table.lock().shut_down
    }

    pub(crate) fn has_sources(&self) -> bool {
        self.sources.load(Ordering::Relaxed) != 0
    }

    /// Drops the members that no event of an earlier wait can name any more. For the worker, between two waits.
    fn release(&self) {
        let released = {
            let mut table = self.table.lock();
            if table.released.is_empty() || !self.lookers.are_none() {
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
            let (live, released) = (std::mem::take(&mut table.live), std::mem::take(&mut table.released));
            if self.lookers.close() {
                // They may have events of these.
                table.stranded.extend(live.iter().flatten().chain(&released).cloned());
            }
            (live, released)
        };
        let mut members = live.iter().flatten();
        cede_context::persist(|| members.next().map(|member| member.cell.set(SHUTDOWN)).is_some());
        drop(released);
    }
}

impl Table {
    fn insert(&mut self, interest: Interest, trust: Trust) -> io::Result<(Arc<Member>, u32)> {
        let index = self.free_place()?;
        let member = Arc::new(match trust {
            Trust::Owner => Member::new(interest),
            Trust::Nobody => {
                self.names = self.names.wrapping_add(1) & NAMES_MAX;
                Member::named(self.names)
            }
        });
        self.live[index as usize] = Some(member.clone());
        Ok((member, index))
    }

    /// A place for one more, to be used at once.
    fn free_place(&mut self) -> io::Result<u32> {
        if self.shut_down {
            return Err(shut_down_error());
        }
        Ok(self.free.pop().unwrap_or_else(|| {
            self.live.push(None);
            u32::try_from(self.live.len() - 1).expect("there are fewer descriptors than that")
        }))
    }

    /// The member that a data word names, if it is still registered.
    fn named(&self, data: u64) -> Option<Arc<Member>> {
        let place = usize::try_from(data >> 1 & u64::from(u32::MAX)).ok()?;
        self.live.get(place)?.as_ref().filter(|member| member.number().is_some_and(|number| u64::from(number) == data >> 33)).cloned()
    }

    fn remove(&mut self, index: u32) -> Option<Arc<Member>> {
        let removed = self.live.get_mut(index as usize)?.take()?;
        self.free.push(index);
        Some(removed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
