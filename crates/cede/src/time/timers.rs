//! The timers of one scheduler: a wheel behind a lock, and the wake of a worker that sleeps too long.
//!
//! # Who may touch what
//! The wheel, `parked_until` and the spare: under the lock, by anybody. Wakers leave the wheel in batches and are called after the lock.
//!
//! # Why they are never freed
//! A sleep may outlive its runtime, and has to find the wheel that it is armed in when it is dropped. A counted reference in each sleep costs as much as arming it.
//! So timers are recycled instead (I3): a [`Lease`] takes them from a list of free ones and returns them empty. A sleep of a runtime that is gone finds valid memory, a lock, and
//! its own entry dead. There are as many as there ever were workers at a time.
//!
//! # Why timers are collected
//! See [`gap`].
//!
//! # Why a waker is kept
//! A timeout that does not happen clones its task's waker and drops it: two read-modify-writes on the state of the task. Mostly the task that drops a timer is the next one to arm one. So the waker of
//! a disarmed entry is kept as a *spare* for that, if it is the task's own that is running. A spare keeps the memory of its task, though the task may be over, and who counts the wakers of a task
//! takes it for one that somebody may call. So it goes soon: at the worker's next look, before it sleeps or rests, at the end, and before wakers are counted for a dump or a span. (The search for deadlocks does not ask for
//! that: it finds a circle when the spare has gone.)
//!
//! # Invariants
//! - I1: while its worker is parked, `parked_until` is the deadline that it parks for, and `collects_until` the end of the gap that it found; whoever inserts one for which it would wake earlier unparks it. While the worker is awake,
//!   `parked_until` is 0, or 1 while nobody drives it, so nobody does: the worker looks at the wheel before it parks, under the same lock.
//! - I2: an entry is inserted and removed by its one owner, which is pinned and removes it before it goes.
//! - I3: timers are on the free list only while nothing is armed in them; what was armed there under an earlier lease is fired, dead or idle, and its owner sees that.
//! - I4: a spare is of a task of cede, which was running when it came: nobody sees when its waker is cloned, which may be under the lock. A foreign waker may do anything when it is cloned or dropped, or count how often.
//! - I5: there is no spare while the worker is parked or nobody drives it, nor in timers on the free list: it goes before, and none comes. As the last reference to a task it may take a foreign waker along, that of
//!   who joined, so it is dropped after the lock, and while the worker counts as awake.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use cede_core::lock::{Guard, Lock};
use cede_core::task::task_of;
use cede_core::wake_batch::WakeBatch;
use cede_core::wheel::{Entry, Wheel};
use cede_driver::Handle as DriverHandle;
use cede_driver::moment::Moment;

use crate::runtime::context;
use crate::runtime::run::shielded;

mod gap;
#[cfg(test)]
mod tests;

pub(crate) use gap::Gap;

const AWAKE: u64 = 0;
/// Nobody drives the worker; there is nobody to unpark either.
const AT_REST: u64 = 1;

/// Timers that no worker has.
static FREE: Lock<Vec<&'static Timers>> = Lock::new(Vec::new());
/// All that were ever made.
static ALL: Lock<Vec<&'static Timers>> = Lock::new(Vec::new());

pub(crate) struct Timers {
    state: Lock<State>,
}

/// The timers of one worker, for as long as its runtime lives, and the driver that it parks in.
pub(crate) struct Lease {
    timers: &'static Timers,
    driver: DriverHandle,
    /// The runtime's.
    gap: Arc<Gap>,
}

impl Lease {
    pub(crate) fn new(driver: DriverHandle, gap: Arc<Gap>) -> Self {
        let free = FREE.lock().pop();
        let timers = free.unwrap_or_else(Timers::leak);
        let before = std::mem::replace(&mut *timers.state.lock(), State { driver: Some(driver.clone()), ..State::new() });
        drop(before);
        Self { timers, driver, gap }
    }

    pub(crate) fn driver(&self) -> &DriverHandle {
        &self.driver
    }

    /// The timers themselves, which sleeps may remember for ever (I3).
    pub(crate) fn timers(&self) -> &'static Timers {
        self.timers
    }

    /// Wakes everything that is due; returns how many.
    pub(crate) fn fire(&self, now: u64) -> usize {
        self.timers.drop_spare();
        let (fired, due) = self.timers.fire(now);
        self.gap.begin(due, fired);
        fired
    }

    /// When the worker must look again; exactly the next deadline if a clock is to jump there, else perhaps a little before, or a gap later. The worker is about to park:
    /// from now on an earlier timer unparks it, until [`Timers::awake`].
    pub(crate) fn before_park(&self, exact: bool) -> Option<u64> {
        let mut state = self.timers.lock_without_spare();
        let next = if exact { state.wheel.next_deadline() } else { state.wheel.next_wake().map(|next| self.gap.wake_for(next)) };
        state.parked_until = next.unwrap_or(u64::MAX);
        state.collects_until = if exact { 0 } else { self.gap.wake_for(0) };
        next
    }

    /// Arms an idle entry.
    ///
    /// # Safety
    /// The entry's owner calls [`Timers::disarm`] before the entry goes (I2), and uses no other `Timers` for it meanwhile.
    pub(crate) unsafe fn arm(&self, entry: Pin<&Entry>, deadline: u64, waker: ArmedFor<'_>) -> Result<(), Gone> {
        // SAFETY: [I2] the caller's contract.
        if unsafe { self.timers.insert(entry, deadline, waker) }? {
            self.driver.unpark();
        }
        Ok(())
    }
}

impl Deref for Lease {
    type Target = Timers;

    fn deref(&self) -> &Timers {
        self.timers
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Of a runtime that ended as it should, this finds nothing. (I3)
        while shielded(|| self.timers.shut_down()).is_none() {}
        let driver = self.timers.lock_without_spare().driver.take();
        drop(driver);
        FREE.lock().push(self.timers);
    }
}

struct State {
    wheel: Wheel,
    parked_until: u64,
    /// While the worker is parked: it does not wake before this for timers, so one that is due before is no reason to wake it now.
    collects_until: u64,
    /// What the worker parks in, for the time of a lease.
    driver: Option<DriverHandle>,
    /// The waker of the entry that was disarmed last. (I4, I5)
    spare: Option<Waker>,
}

/// Who is woken by an entry that is to be armed.
pub(crate) enum ArmedFor<'a> {
    /// A task of cede: its waker is cloned only if the spare is another one's. (I4)
    Task(&'a Waker),
    /// Anybody else. The waker was cloned before the lock.
    Foreign(Waker),
}

impl<'a> ArmedFor<'a> {
    /// Clones a foreign waker. Foreign code may run here, so nothing is borrowed that it may need.
    #[inline]
    pub(crate) fn new(waker: &'a Waker) -> Self {
        if task_of(waker).is_some() { Self::Task(waker) } else { Self::Foreign(waker.clone()) }
    }
}

/// What became of an entry that was to be moved to another deadline.
pub(crate) enum Moved {
    /// It is armed for that.
    Armed,
    /// That has come: it is not armed any more, and this is to be woken.
    Due(Waker),
    /// It was not armed.
    Over,
}

/// The runtime is being shut down and its timers are gone.
#[derive(Debug)]
pub(crate) struct Gone;

impl Timers {
    #[cold]
    fn leak() -> &'static Self {
        let timers = Box::leak(Box::new(Self { state: Lock::new(State::new()) }));
        ALL.lock().push(timers);
        timers
    }

    /// Inserts an idle entry; returns whether the worker sleeps too long for it.
    ///
    /// # Safety
    /// As of [`Lease::arm`].
    #[inline]
    unsafe fn insert(&self, entry: Pin<&Entry>, deadline: u64, waker: ArmedFor<'_>) -> Result<bool, Gone> {
        let (result, too_late) = {
            let mut state = self.state.lock();
            let waker = match waker {
                ArmedFor::Task(waker) => state.spare.take_if(|spare| spare.will_wake(waker)).unwrap_or_else(|| waker.clone()),
                ArmedFor::Foreign(waker) => waker,
            };
            // SAFETY: [I2] the caller's contract.
            let result = unsafe { state.wheel.insert(entry, deadline, waker) };
            (result, state.sleeps_too_long_for(deadline))
        };
        // The waker of a refused entry is dropped here, after the lock.
        result.map(|()| too_late).map_err(|_waker| Gone)
    }

    /// Disarms an entry if it is armed.
    ///
    /// # Safety
    /// The entry was armed here or not at all.
    #[inline]
    pub(crate) unsafe fn disarm(&self, entry: Pin<&Entry>) {
        let mut state = self.state.lock();
        // SAFETY: [I2] the caller's contract.
        let mut unused = unsafe { state.wheel.remove(entry) };
        if unused.as_ref().is_some_and(|waker| state.keeps(waker)) {
            std::mem::swap(&mut state.spare, &mut unused);
            drop(state);
            if let Some(unused) = unused {
                drop_shielded(unused);
            }
        } else {
            drop(state);
            drop(unused);
        }
    }

    /// Drops the waker that was kept for the next timer. It may be of any task, which is no concern of the caller's: a panic stays here.
    pub(crate) fn drop_spare(&self) {
        drop(self.lock_without_spare());
    }

    /// The state, without a spare. (I5)
    fn lock_without_spare(&self) -> Guard<'_, State> {
        loop {
            let mut state = self.state.lock();
            let Some(spare) = state.spare.take() else { return state };
            drop(state);
            drop_shielded(spare);
        }
    }

    /// Moves an armed entry to another deadline; its task stays the one that is woken. If the deadline has come, the entry is disarmed.
    ///
    /// # Safety
    /// The entry was armed here.
    pub(crate) unsafe fn reset(&self, entry: Pin<&Entry>, deadline: Moment) -> Moved {
        let late = {
            let mut state = self.state.lock();
            let Some(clock) = state.driver.as_ref().map(DriverHandle::clock) else { return Moved::Over };
            let at = clock.at_moment(deadline);
            if clock.now() >= at {
                // SAFETY: [I2] the caller's contract.
                let waker = unsafe { state.wheel.remove(entry) };
                drop(state);
                return waker.map_or(Moved::Over, Moved::Due);
            }
            let at = if clock.is_paused() && !clock.is_simulated() { clock.round_up(at) } else { at };
            // SAFETY: [I2] the caller's contract.
            if !unsafe { state.wheel.reset(entry, at) } {
                return Moved::Over;
            }
            if state.sleeps_too_long_for(at) { state.driver.clone() } else { None }
        };
        if let Some(driver) = late {
            driver.unpark();
        }
        Moved::Armed
    }

    /// Sees to it that `waker` is woken when the entry fires. Returns false if it is not armed any more.
    ///
    /// # Safety
    /// The entry was armed here.
    pub(crate) unsafe fn update(&self, entry: Pin<&Entry>, waker: &Waker) -> bool {
        // SAFETY: [I2] the caller's contract.
        if unsafe { self.state.lock().wheel.will_wake(entry, waker) } {
            return true;
        }
        let waker = waker.clone();
        // SAFETY: as above.
        let replaced = unsafe { self.state.lock().wheel.set_waker(entry, waker) };
        // Either the waker before, or the one that found nothing to be put in; dropped after the lock.
        replaced.is_ok()
    }

    /// Also returns when the last of them was due.
    fn fire(&self, now: u64) -> (usize, u64) {
        let (mut fired, mut due) = (0, 0);
        loop {
            let mut batch = WakeBatch::new();
            let before = fired;
            {
                let mut state = self.state.lock();
                if state.wheel.is_empty() {
                    return (fired, due);
                }
                state.wheel.advance(now);
                fired += state.move_fired(&mut batch);
                due = state.wheel.popped_deadline();
            }
            let more = !batch.has_room();
            batch.wake_all();
            if !more || before == fired {
                return (fired, due);
            }
        }
    }

    /// How many timers are armed.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().wheel.len()
    }

    /// Whether a look at them would find nothing to do: no timer is armed and no waker kept.
    pub(crate) fn are_at_rest(&self) -> bool {
        let state = self.state.lock();
        state.wheel.is_empty() && state.spare.is_none()
    }

    /// Nobody drives the worker from now on, until it is [`awake`](Self::awake).
    pub(crate) fn rest(&self) {
        self.lock_without_spare().parked_until = AT_REST;
    }

    /// The worker goes on.
    pub(crate) fn awake(&self) {
        self.state.lock().parked_until = AWAKE;
    }

    /// All entries end as dead, and nothing is armed any more.
    pub(crate) fn shut_down(&self) {
        loop {
            let mut batch = WakeBatch::new();
            {
                let mut state = self.state.lock();
                state.wheel.shutdown();
                state.move_fired(&mut batch);
            }
            if batch.is_empty() {
                break;
            }
            batch.wake_all();
        }
        // Nothing is armed any more, so none comes after this.
        self.drop_spare();
    }
}

/// A spare may be of any task, whose end is no concern of who drops a timer: a panic stays here.
#[inline(never)]
fn drop_shielded(waker: Waker) {
    shielded(|| drop(waker));
}

/// No waker is kept by any timers that are not in use at this moment: for those who count the wakers of tasks. In a child made by `fork(2)` some may be in use for ever.
pub(crate) fn drop_spares() {
    let all = ALL.lock().clone();
    for timers in all {
        let spare = timers.state.try_lock().and_then(|mut state| state.spare.take());
        if let Some(spare) = spare {
            drop_shielded(spare);
        }
    }
}

impl State {
    fn new() -> Self {
        Self { wheel: Wheel::new(), parked_until: AT_REST, collects_until: 0, driver: None, spare: None }
    }

    /// Whether the waker of a disarmed entry becomes the spare. (I4, I5)
    #[inline]
    fn keeps(&self, waker: &Waker) -> bool {
        // One is enough.
        let has_it = self.spare.as_ref().is_some_and(|spare| spare.will_wake(waker));
        !has_it && self.parked_until == AWAKE && context::is_of_current_task(waker)
    }

    fn sleeps_too_long_for(&self, deadline: u64) -> bool {
        deadline.max(self.collects_until) < self.parked_until
    }

    /// Moves wakers of fired entries into the batch while there is room; returns how many.
    fn move_fired(&mut self, batch: &mut WakeBatch) -> usize {
        let mut moved = 0;
        while batch.has_room()
            && let Some(waker) = self.wheel.pop_fired()
        {
            batch.push(waker);
            moved += 1;
        }
        moved
    }
}

impl std::fmt::Debug for Timers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timers").finish_non_exhaustive()
    }
}
