//! The timer wheel: which deadline comes next, and who waits for it. It has no clock.
//!
//! # What
//! [`Wheel::advance`] is told the time, as nanoseconds since any origin; [`Wheel::pop_fired`] then hands out the wakers of all entries that
//! came due, in order of (deadline, insertion). Entries are intrusive and pinned (they live in a `Sleep`), so nothing here allocates.
//! The owner puts the wheel behind a lock: unlock before waking or dropping any waker that comes out of it.
//!
//! Eight levels of 64 slots. A slot of level `L` is 2^(16+6L) ns wide: 65.5 µs at level 0, 9.1 years at level 7, whose 64 slots reach the end of
//! `u64`, so there is no overflow list. An entry is filed at the level of the highest 6-bit digit in which its deadline differs from the time
//! last told, in the slot of that digit. When time enters a slot, its entries are filed again, finer; each moves down at most seven times, and
//! one that is removed before (as most timeouts are) never moves. Deadlines are exact: slots decide where to look, never when to fire.
//!
//! A slot whose entries are in order already, as those of timeouts of one length are, is not filed again. It becomes a *run*: what is due is taken from its
//! front, so that such an entry is touched when it is armed and when it fires, and not between, when it is in nobody's cache. The slot of each level in which time
//! stands may be a run.
//!
//! # Why not the obvious way
//! A binary heap or tree costs O(log n) with cache misses for each of the inserts and removes that most timeouts consist of. Ticks of a
//! millisecond, the usual wheel, make a sleep of 50 µs last two. Asking the slots themselves for the earliest deadline means a scan of 100 000
//! entries before each park when that many connections share a timeout: hence each slot keeps a lower bound, see [`Wheel::next_wake`].
//!
//! # States of an entry
//! ```text
//! Idle ──insert──▶ Armed ──advance, pop_fired──▶ Fired ──insert──▶ Armed
//!   ◀───remove──────┘  └────shutdown, pop_fired──▶ Dead
//! ```
//! Between `advance` and `pop_fired` an entry is still Armed, on the due list: it can be removed, reset, or given another waker.
//!
//! # Who may touch what
//! Everything but an entry's state: the holder of `&mut Wheel` only (readers: `&Wheel`). The state: read by anybody, written under the wheel.
//!
//! # Invariants
//! - I1: an entry is Armed exactly while it is on one list of one wheel, and `place` says on which; it is then pinned and alive, and has a waker.
//! - I2: lists are circular; every `next` and `prev` of a linked entry points to an entry of the same list.
//! - I3: setting a state other than Armed is the last access to an entry when the wheel lets go of it; its memory may vanish at once.
//! - I4: an entry in a slot is there no later than its deadline asks: the slot's range starts at or before `max(deadline, elapsed)`.
//! - I5: `occupied` has a bit for each list that is not empty, and for no other.
//! - I6: `earliest` of a slot is at most the deadline of each entry in it.
//! - I7: every slot before `elapsed` is empty. The slot of a level of 1 or more that contains `elapsed` is empty too, or it is a run and `open` has a bit for the level.
//!   A bit may be left of a run that is empty by now, and a run may have lost its order since time was told last: then it is filed again when time is told next.
//!   Nothing is inserted into a run, because what is due within the slot of `elapsed` differs from `elapsed` in a lower digit only.
//! - I8: where `in_order` has a bit, the entries of the slot are in order of (deadline, insertion), and none is due after the slot's end.
//!
//! # Orderings
//! The state is stored with Release and loaded with Acquire: who sees Fired may free or reuse the entry without the lock. All else is under it.

use core::{pin::Pin, ptr::NonNull, task::Waker};

mod ahead;
mod due;
mod entry;
mod list;
mod order;

use ahead::Ahead;
use due::Due;
pub use entry::{Entry, EntryState};
use list::List;

#[cfg(test)]
mod tests;

/// The deadline that never comes.
pub const NEVER: u64 = u64::MAX;

const LEVELS: usize = 8;
const SLOTS: usize = 64;
/// The width of a slot at level 0 is 2^16 ns.
const BASE_BITS: u32 = 16;
const DIGIT_BITS: u32 = 6;

/// Two lists are not slots. Entries with the deadline [`NEVER`]:
const PLACE_NEVER: usize = LEVELS * SLOTS;
/// Entries that came due and were not popped yet:
const PLACE_DUE: usize = PLACE_NEVER + 1;
const PLACES: usize = PLACE_DUE + 1;

/// The lowest bit of the digit that `level` looks at.
const fn shift(level: usize) -> u32 {
    BASE_BITS + DIGIT_BITS * level as u32
}

/// Where an entry with this deadline belongs when the time is `elapsed`.
#[inline]
const fn place_of(elapsed: u64, deadline: u64) -> usize {
    if deadline == NEVER {
        return PLACE_NEVER;
    }
    let at = if deadline > elapsed { deadline } else { elapsed };
    let level = (((at ^ elapsed) | 1 << BASE_BITS).ilog2() - BASE_BITS) / DIGIT_BITS;
    level as usize * SLOTS + digit(level as usize, at)
}

const fn is_due(deadline: u64, now: u64) -> bool {
    deadline <= now && deadline != NEVER
}

/// The slot of `level` that contains `time`.
const fn digit(level: usize, time: u64) -> usize {
    (time >> shift(level)) as usize % SLOTS
}

/// The slots of `level` that time enters or passes on its way from `before` to `now`, and the one that it stays in. (Which is empty above level 0 unless it is a run.)
const fn passed_slots(level: usize, before: u64, now: u64) -> u64 {
    let changed = before ^ now;
    if level + 1 < LEVELS && changed >> shift(level + 1) != 0 {
        // A higher digit moved on, so all that was filed at this level is over.
        return u64::MAX;
    }
    u64::MAX >> (SLOTS - 1 - digit(level, now))
}

/// A list and a lower bound of the deadlines on it (which means nothing while the list is empty).
struct Slot {
    list: List,
    earliest: u64,
}

/// A hierarchical timer wheel; see the module's description.
///
/// ```
/// use core::{pin::pin, task::Waker};
/// use cede_core::wheel::{Entry, Wheel};
///
/// let entry = pin!(Entry::new());
/// let entry = entry.as_ref();
/// let mut wheel = Wheel::new();
/// // SAFETY: the entry is in no other wheel and outlives its stay in this one.
/// unsafe { wheel.insert(entry, 1_000, Waker::noop().clone()) }.unwrap();
/// assert_eq!(wheel.next_deadline(), Some(1_000));
/// wheel.advance(999);
/// assert!(wheel.pop_fired().is_none());
/// wheel.advance(1_000);
/// wheel.pop_fired().unwrap().wake();
/// assert!(entry.is_fired() && wheel.is_empty());
/// ```
pub struct Wheel {
    /// The latest time that `advance` was told.
    elapsed: u64,
    /// The deadline of the entry that was popped last.
    popped: u64,
    /// Counts insertions, to order entries of one deadline.
    sequence: u64,
    len: usize,
    closed: bool,
    /// One word per level, and one for the two lists that are no slots. (I5)
    occupied: [u64; LEVELS + 1],
    /// Which of the occupied are in order. (I8)
    in_order: [u64; LEVELS + 1],
    /// One bit per level. (I7)
    open: u8,
    slots: [Slot; PLACES],
}

// SAFETY: [I1] the entries that the wheel points to may be touched from any thread that has the wheel, and their wakers are Send.
unsafe impl Send for Wheel {}
// SAFETY: [I1] a shared wheel only reads its entries, and nobody writes to them without an exclusive one.
unsafe impl Sync for Wheel {}

impl Wheel {
    /// An empty wheel at time 0. A clock that starts elsewhere costs nothing: the first `advance` gets there in one step.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            elapsed: 0,
            popped: 0,
            sequence: 0,
            len: 0,
            closed: false,
            occupied: [0; LEVELS + 1],
            in_order: [0; LEVELS + 1],
            open: 0,
            slots: [const { Slot { list: List::new(), earliest: 0 } }; PLACES],
        }
    }

    /// The number of entries that are armed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no entry is armed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The latest time told to [`advance`](Self::advance).
    #[must_use]
    pub const fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// Arms `entry` to fire at the first `advance` to `deadline` or later. [`NEVER`] is only ended by removal or shutdown.
    ///
    /// # Errors
    /// After [`shutdown`](Self::shutdown) the entry becomes dead, and the waker comes back (drop it outside the lock).
    ///
    /// # Panics
    /// When the entry is armed already.
    ///
    /// # Safety
    /// Until it fired, died, or was removed, the entry must not be dropped, and every call with it must be to this wheel.
    #[inline]
    pub unsafe fn insert(&mut self, entry: Pin<&Entry>, deadline: u64, waker: Waker) -> Result<(), Waker> {
        assert!(entry.state() != EntryState::Armed, "a timer entry was inserted twice; remove or reset it");
        let entry = NonNull::from(entry.get_ref());
        if self.closed {
            // SAFETY: [I1] the entry is on no list; the caller keeps it alive during this call.
            unsafe { Entry::set_state(entry, EntryState::Dead) };
            return Err(waker);
        }
        self.sequence += 1;
        // SAFETY: [I1] not armed, so nobody else uses it; the caller keeps it alive and pinned while it is armed.
        unsafe {
            Entry::prepare(entry, deadline, self.sequence, waker);
            Entry::set_state(entry, EntryState::Armed);
            self.link(entry, place_of(self.elapsed, deadline), deadline);
        }
        self.len += 1;
        Ok(())
    }

    /// Disarms `entry` and gives its waker back (drop it outside the lock). `None` if it was not armed; its state stays as it is then.
    ///
    /// # Safety
    /// An armed entry must be in this wheel.
    #[inline]
    pub unsafe fn remove(&mut self, entry: Pin<&Entry>) -> Option<Waker> {
        if entry.state() != EntryState::Armed {
            return None;
        }
        let entry = NonNull::from(entry.get_ref());
        // SAFETY: [I1] armed, so it is alive and on a list of this wheel (the caller says which wheel).
        unsafe {
            self.unlink(entry);
            Some(self.let_go(entry, EntryState::Idle))
        }
    }

    /// Moves an armed entry to another deadline, which counts as a new insertion; `false` if it is not armed.
    ///
    /// To a later one is a store: the entry is filed again when time comes to where it is. After a shutdown the entry stays as dead as it is.
    ///
    /// # Safety
    /// An armed entry must be in this wheel.
    #[inline]
    pub unsafe fn reset(&mut self, entry: Pin<&Entry>, deadline: u64) -> bool {
        if entry.state() != EntryState::Armed {
            return false;
        }
        if self.closed {
            return true;
        }
        let entry = NonNull::from(entry.get_ref());
        self.sequence += 1;
        // SAFETY: [I1] armed, so it is alive and on a list of this wheel.
        unsafe {
            let place = Entry::place(entry);
            let later = place < PLACE_NEVER && deadline >= Entry::key(entry).0;
            if later {
                // [I4] and [I6] hold for a later deadline when they held for the one before. [I8] may not.
                self.in_order[place / SLOTS] &= !(1 << (place % SLOTS));
                Entry::set_key(entry, deadline, self.sequence);
            } else {
                self.unlink(entry);
                Entry::set_key(entry, deadline, self.sequence);
                self.link(entry, place_of(self.elapsed, deadline), deadline);
            }
        }
        true
    }

    /// Whether waking this entry's waker wakes the same task as `waker` does; `false` if it is not armed.
    ///
    /// # Safety
    /// An armed entry must be in this wheel.
    #[must_use]
    pub unsafe fn will_wake(&self, entry: Pin<&Entry>, waker: &Waker) -> bool {
        // SAFETY: [I1] armed, so its waker is there, and the shared wheel excludes writers.
        entry.state() == EntryState::Armed && unsafe { Entry::will_wake(NonNull::from(entry.get_ref()), waker) }
    }

    /// Replaces the waker of an armed entry; the old one comes back (drop it outside the lock).
    ///
    /// # Errors
    /// If the entry is not armed, the new waker comes back.
    ///
    /// # Safety
    /// An armed entry must be in this wheel.
    pub unsafe fn set_waker(&mut self, entry: Pin<&Entry>, waker: Waker) -> Result<Waker, Waker> {
        if entry.state() != EntryState::Armed {
            return Err(waker);
        }
        // SAFETY: [I1] armed, so it is alive and has a waker.
        Ok(unsafe { Entry::replace_waker(NonNull::from(entry.get_ref()), waker) })
    }

    /// Tells the time. What is due by then can be [popped](Self::pop_fired) in order of (deadline, insertion), after what was due before.
    ///
    /// Time does not go back: an earlier `now` counts as the latest one told. The cost depends on the entries that come due or closer and not
    /// on how far time jumps.
    pub fn advance(&mut self, now: u64) {
        let now = now.max(self.elapsed);
        let before = core::mem::replace(&mut self.elapsed, now);
        let mut due = Due::new();
        // Upwards, so that what is filed again lands on a level that is done.
        for level in 0..LEVELS {
            let entered = level == 0 || (before ^ now) >> shift(level) != 0;
            // Where time has not moved, only runs can have something that is due; there may be one on a higher level.
            if !entered && self.open >> level == 0 {
                break;
            }
            let mut passed = self.occupied[level] & passed_slots(level, before, now);
            while passed != 0 {
                let place = level * SLOTS + passed.trailing_zeros() as usize;
                passed &= passed - 1;
                if self.in_order[level] >> (place % SLOTS) & 1 == 1 {
                    self.take_due(place, now, &mut due);
                } else {
                    self.file_again(place, now, &mut due);
                }
            }
            if level > 0 {
                let is_run = self.occupied[level] >> digit(level, now) & 1;
                self.open = self.open & !(1 << level) | (is_run as u8) << level;
            }
        }
        self.append(due);
    }

    /// Takes what is due by `now` from the front of a slot that is in order.
    fn take_due(&mut self, place: usize, now: u64, due: &mut Due) {
        let slot = &mut self.slots[place];
        let mut ahead = Ahead::new();
        // SAFETY: [I1] [I2] listed entries are alive; each is on exactly one list at the end of each round.
        unsafe {
            while let Some(entry) = slot.list.front() {
                ahead.at(entry);
                let (deadline, _) = Entry::key(entry);
                if !is_due(deadline, now) {
                    slot.earliest = deadline;
                    return;
                }
                slot.list.remove(entry);
                due.push(entry);
            }
        }
        self.occupied[place / SLOTS] &= !(1 << (place % SLOTS));
    }

    /// Splits the entries of a slot into those that are due by `now`, and the others, which are filed again.
    fn file_again(&mut self, place: usize, now: u64, due: &mut Due) {
        // Nothing in here is due [I6]. At level 0 the entries are also as finely filed as can be.
        if place < SLOTS && self.slots[place].earliest > now {
            return;
        }
        let mut entries = self.take_list(place);
        // SAFETY: [I1] [I2] listed entries are alive; each is on exactly one list at the end of each round.
        unsafe {
            while let Some(entry) = entries.pop_front() {
                let (deadline, _) = Entry::key(entry);
                if is_due(deadline, now) {
                    due.push(entry);
                } else {
                    self.link(entry, place_of(now, deadline), deadline);
                }
            }
        }
    }

    /// Takes the waker of the next entry that is due, which becomes fired (after a shutdown: dead, if its time had not come).
    ///
    /// Unlock before using the waker. To wake many, pop some into a fixed array, unlock, wake them, and lock again.
    #[inline]
    pub fn pop_fired(&mut self) -> Option<Waker> {
        let entry = self.slots[PLACE_DUE].list.front()?;
        // SAFETY: [I1] [I2] a listed entry is alive, and this wheel's.
        unsafe {
            self.unlink(entry);
            self.popped = Entry::key(entry).0;
            let fired = is_due(self.popped, self.elapsed);
            Some(self.let_go(entry, if fired { EntryState::Fired } else { EntryState::Dead }))
        }
    }

    /// The deadline of the entry that was [popped](Self::pop_fired) last; zero before the first.
    #[must_use]
    pub fn popped_deadline(&self) -> u64 {
        self.popped
    }

    /// The earliest deadline, exactly; `None` if nothing will come due. One that is past means that `advance` or `pop_fired` has work to do.
    ///
    /// Looks at all entries of the first occupied slot, if it is not in order. For a virtual clock; threads that park use [`next_wake`](Self::next_wake).
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        if let Some(entry) = self.slots[PLACE_DUE].list.front() {
            // SAFETY: [I1] a listed entry is alive.
            return Some(unsafe { Entry::key(entry).0 });
        }
        let mut earliest = NEVER;
        for place in self.runs() {
            earliest = earliest.min(self.earliest_in(place));
        }
        for (level, &occupied) in self.occupied[..LEVELS].iter().enumerate() {
            let mut rest = occupied;
            while rest != 0 {
                let place = level * SLOTS + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                // Slots that are not runs come in order of time, so the first would do, were there not entries in it that were reset to later.
                if self.slots[place].earliest > earliest {
                    return Some(earliest);
                }
                earliest = earliest.min(self.earliest_in(place));
            }
        }
        (earliest != NEVER).then_some(earliest)
    }

    /// The earliest deadline in a slot: of the first entry if they are in order, as a run is, which would be walked again and again otherwise.
    fn earliest_in(&self, place: usize) -> u64 {
        let list = &self.slots[place].list;
        let mut earliest = NEVER;
        // SAFETY: [I1] [I2] listed entries are alive.
        unsafe {
            if self.in_order[place / SLOTS] >> (place % SLOTS) & 1 == 1 {
                return list.front().map_or(NEVER, |first| Entry::key(first).0);
            }
            list.for_each(|entry| earliest = earliest.min(Entry::key(entry).0));
        }
        earliest
    }

    /// A time no later than the earliest deadline, in O(1): when to call `advance` at the latest. `None` if nothing will come due.
    ///
    /// It is the earliest deadline itself unless the entry that had it was removed or reset meanwhile. Each call of `advance` at the time that this
    /// function returned makes progress, so a loop over both ends.
    #[inline]
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        if !self.slots[PLACE_DUE].list.is_empty() {
            return Some(self.elapsed);
        }
        // The first slot is before all others but runs.
        let level = self.occupied[..LEVELS].iter().position(|&occupied| occupied != 0)?;
        let first = self.slots[level * SLOTS + self.occupied[level].trailing_zeros() as usize].earliest;
        if self.open == 0 {
            return Some(first);
        }
        Some(self.runs().fold(first, |earliest, run| earliest.min(self.slots[run].earliest)))
    }

    /// The slots of level 1 and more in which time stands, if they are not empty.
    fn runs(&self) -> impl Iterator<Item = usize> {
        let open = (1..LEVELS).filter(|level| self.open >> level & 1 == 1);
        open.map(|level| level * SLOTS + digit(level, self.elapsed)).filter(|&place| !self.slots[place].list.is_empty())
    }

    /// Ends the wheel: all entries come due now, as dead ones, and none can be inserted any more. Then pop them all.
    pub fn shutdown(&mut self) {
        self.closed = true;
        self.open = 0;
        let mut due = Due::new();
        for place in 0..PLACE_DUE {
            let mut list = self.take_list(place);
            // SAFETY: [I1] [I2] listed entries are alive; each moves from one list to another.
            unsafe {
                while let Some(entry) = list.pop_front() {
                    due.push(entry);
                }
            }
        }
        self.append(due);
    }

    /// Puts entries behind those that are due already.
    fn append(&mut self, due: Due) {
        // SAFETY: [I1] [I2] listed entries are alive, and no list has them but this one.
        let entries = unsafe { due.sorted() };
        if !entries.is_empty() {
            // SAFETY: [I2] they are alive, and on no other list.
            unsafe { self.slots[PLACE_DUE].list.append(entries) };
            self.occupied[PLACE_DUE / SLOTS] |= 1 << (PLACE_DUE % SLOTS);
        }
    }

    /// # Safety
    /// The entry is alive, armed, and on no list.
    #[inline]
    unsafe fn link(&mut self, entry: NonNull<Entry>, place: usize, deadline: u64) {
        let slot = &mut self.slots[place];
        let bit = 1 << (place % SLOTS);
        // SAFETY: [I1] [I2] the caller's promise; the last entry of the list is alive.
        unsafe {
            match slot.list.back() {
                None => {
                    slot.earliest = deadline;
                    self.occupied[place / SLOTS] |= bit;
                    self.in_order[place / SLOTS] |= bit;
                }
                Some(last) => {
                    slot.earliest = slot.earliest.min(deadline);
                    let in_order = &mut self.in_order[place / SLOTS];
                    if *in_order & bit != 0 && Entry::key(last) > Entry::key(entry) {
                        *in_order &= !bit;
                    }
                }
            }
            Entry::set_place(entry, place);
            slot.list.push_back(entry);
        }
    }

    /// # Safety
    /// The entry is armed and in this wheel.
    #[inline]
    unsafe fn unlink(&mut self, entry: NonNull<Entry>) {
        // SAFETY: [I1] alive, and on the list that its place names.
        let place = unsafe { Entry::place(entry) };
        let list = &mut self.slots[place].list;
        // SAFETY: [I2] as above.
        unsafe { list.remove(entry) };
        if list.is_empty() {
            self.occupied[place / SLOTS] &= !(1 << (place % SLOTS));
        }
    }

    /// # Safety
    /// The entry is armed and was just unlinked. It must not be touched afterwards.
    #[inline]
    unsafe fn let_go(&mut self, entry: NonNull<Entry>, state: EntryState) -> Waker {
        self.len -= 1;
        // SAFETY: [I1] still alive; [I3] the state comes last.
        unsafe {
            let waker = Entry::take_waker(entry);
            Entry::set_state(entry, state);
            waker
        }
    }

    fn take_list(&mut self, place: usize) -> List {
        self.occupied[place / SLOTS] &= !(1 << (place % SLOTS));
        core::mem::replace(&mut self.slots[place].list, List::new())
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Wheel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Wheel")
            .field("elapsed", &self.elapsed)
            .field("len", &self.len)
            .field("next_wake", &self.next_wake())
            .field("closed", &self.closed)
            .finish()
    }
}
