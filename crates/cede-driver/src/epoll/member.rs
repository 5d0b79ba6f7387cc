//! A source in the set of a worker, and how it gets into the set of another.
//!
//! # What
//! A source joins the set of the worker that polls it first. If that worker is seldom there in time, others look in its place, and whoever serves a source should be told of it at once: so after some events in a row that
//! others got, the source moves to the set of the one that looks, if that has as many sources at least. So sources gather at a worker that is awake anyway, until it has so much to do that it does not come to look elsewhere:
//! what one worker can serve wakes one worker, and not a second one for a part of it. The other way, to a worker with fewer, a source moves when its own worker is behind by more than a look can take: this shares out again
//! what one worker cannot serve. A source whose own worker comes in time stays.
//!
//! # Why not the obvious way
//! Moving at each event would cost two system calls for each. Moving in both directions alike lets sources wander, and workers that share a processor with somebody wake each other up. Sharing sources out by their number
//! moves those that nobody hears of, and does not know which worker gets processor time. One set for all workers wakes one of them for everything, and what it cannot serve the others must steal.
//!
//! # States
//! In a set · in two, while it moves · in none, before and after. A descriptor whose owner may close it behind our back stays where it is, because it might be another one already.
//!
//! # Invariants
//! - I1: the place that the cell keeps says in which set, from when the source has joined until it leaves. Whoever moves it holds the cell's lock meanwhile, so the descriptor stays open: its owner deregisters before it closes it.
//!   The lock is held over two system calls, some microseconds; a task that waits for the source meanwhile, or a worker that has an event of it, spins and then yields. That happens once in a source's life, as a rule.
//! - I2: it joins the second set before it leaves the first one. Joining reports what is ready, so no edge is lost; one that is reported twice says nothing wrong.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use cede_core::prim::atomic::Ordering;

use super::{EVENTS_PER_LOOK, Shared, is_name, is_of_source, sys};
use crate::readiness::ReadyCell;
use crate::{Handle, Interest};

/// After so many events in a row that others got, the source moves: often enough that it is no accident, and that moving, which costs about as much as serving an event, is rare.
const MOVES_AFTER: u32 = 4;

/// What is registered with a driver.
///
/// The cell's note is the number of the registration by name with [`NAMED`], or how many events in a row others than the worker got, and above that the interest. Only that count changes; it is relaxed, and who looks at the same time
/// may lose a step of it, which matters to nobody.
#[derive(Debug)]
pub(crate) struct Member {
    /// With the place. [I1]
    pub(crate) cell: ReadyCell<Option<Place>>,
}

/// Where a source is registered.
#[derive(Debug)]
pub(crate) struct Place {
    driver: Handle,
    /// In the table of that driver.
    index: u32,
    fd: RawFd,
}

const NAMED: u32 = 1 << 31;
const MISSED_MASK: u32 = 0xff;
const INTEREST_SHIFT: u32 = 8;

impl Member {
    /// Its events carry its address.
    pub(super) fn new(interest: Interest) -> Self {
        Self { cell: ReadyCell::new(u32::from(interest.bits()) << INTEREST_SHIFT, None) }
    }

    /// Its events carry a name. The number has 31 bits.
    pub(super) fn named(number: u32) -> Self {
        Self { cell: ReadyCell::new(NAMED | number, None) }
    }

    /// The number in its name, if it has one.
    pub(super) fn number(&self) -> Option<u32> {
        let note = self.cell.note.load(Ordering::Relaxed);
        (note & NAMED != 0).then_some(note & !NAMED)
    }

    /// It is in that set.
    pub(super) fn joined(&self, driver: &Handle, index: u32, fd: RawFd) {
        self.cell.with_kept(|place| *place = Some(Place { driver: driver.clone(), index, fd }));
    }

    /// Its worker got an event of it, which has no name.
    #[inline]
    pub(super) fn served_at_home(&self) {
        let note = self.cell.note.load(Ordering::Relaxed);
        if note & MISSED_MASK != 0 {
            self.cell.note.store(note & !MISSED_MASK, Ordering::Relaxed);
        }
    }

    /// Another one did.
    pub(super) fn served_elsewhere(&self) {
        let note = self.cell.note.load(Ordering::Relaxed);
        if note & MISSED_MASK < MOVES_AFTER {
            self.cell.note.store(note + 1, Ordering::Relaxed);
        }
    }

    fn should_move(&self) -> bool {
        self.cell.note.load(Ordering::Relaxed) & MISSED_MASK == MOVES_AFTER
    }

    fn interest(&self) -> Interest {
        Interest::from_bits((self.cell.note.load(Ordering::Relaxed) >> INTEREST_SHIFT) as u8)
    }

    /// Leaves the set that it is in.
    pub(crate) fn leave(&self) {
        let Some(place) = self.cell.with_kept(Option::take) else { return };
        place.driver.epoll().expect("it was registered there").remove(place.fd, place.index);
    }
}

impl Shared {
    /// Another worker, which parks in `by`, has got these events: what it serves again and again moves there.
    pub(super) fn give_what_others_serve(&self, events: &[sys::Event], by: &Handle) {
        let Some(taker) = by.epoll() else { return };
        let is_behind = events.len() == EVENTS_PER_LOOK;
        if !is_behind && taker.sources.load(Ordering::Relaxed) < self.sources.load(Ordering::Relaxed) {
            return;
        }
        let members = events.iter().filter(|event| is_of_source(event.data()) && !is_name(event.data())).map(sys::member);
        for member in members.filter(|member| member.should_move()) {
            // Where it is, it is served, too.
            let _refused = member.cell.with_kept(|place| self.give(member, place, taker, by));
        }
    }

    /// Moves a source from this set to another one. If that refuses it, it stays.
    fn give(&self, member: &Member, place: &mut Option<Place>, taker: &Shared, driver: &Handle) -> io::Result<()> {
        let Some(place) = place else { return Ok(()) };
        let owned = {
            let table = self.table.lock();
            // Somebody else has moved it, or the worker is gone.
            let Some(owned) = table.live.get(place.index as usize).and_then(Option::as_ref) else { return Ok(()) };
            if !std::ptr::eq(Arc::as_ptr(owned), member) {
                return Ok(());
            }
            owned.clone()
        };
        let index = {
            let mut table = taker.table.lock();
            let index = table.free_place()?;
            table.live[index as usize] = Some(owned);
            index
        };
        if let Err(error) = taker.add(place.fd, member.interest(), sys::address_of(member)) {
            drop(taker.table.lock().remove(index));
            return Err(error);
        }
        self.remove(place.fd, place.index);
        place.index = index;
        // Not the last reference: it is being looked at.
        place.driver = driver.clone();
        member.served_at_home();
        Ok(())
    }
}
