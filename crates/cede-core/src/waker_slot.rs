//! The waker of a single waiter, kept in its slot from one wait to the next.
//!
//! # What
//! The receiver of a channel waits again and again with the same waker. Cloning and dropping it for every message would cost two
//! read-modify-writes on its task. Here it is cloned once; each wake is a `wake_by_ref` between two plain stores, and parking again is a
//! comparison and a plain store.
//!
//! # Why not the obvious way
//! `Option<Waker>` under the owner's lock must be taken out to be woken after unlocking. An atomic waker (register ‖ wake, both lock-free) needs
//! two read-modify-writes on each side, though its owner holds a lock at that moment anyway.
//!
//! # States
//! `parked` (under the owner's lock): the waiter wants a wake. `lone`: a caller uses the waker, after unlocking. If the waiter parks anew and is to be
//! woken again meanwhile, that goes by `calls`: *idle*; *calling*: one more caller uses the waker; *again*: it is to repeat, for a third.
//!
//! # Who may touch what
//! - `parked`: the holder of the owner's lock.
//! - `waker`: read by the waiter and by the callers; written only by the waiter under the lock while nobody calls.
//! - `lone`: set under the lock while it is not; reset by the caller that it stands for, without.
//! - `calls`: idle → calling and calling → again under the lock; back to idle by the caller, without it.
//!
//! # Invariants
//! - I1: a [`Call`] exists only while `lone` is set or `calls` is not idle, one for each.
//! - I2: `waker` is written only under the lock, by the one waiter, while nobody calls; so it never changes while it is read.
//! - I3: a wake that was claimed is delivered after the claim: by the claimer, or by the second caller that it found, which repeats.
//!
//! # Orderings
//! The end of a call is a Release; the waiter reads `lone` and `calls` with Acquire before it writes the waker. So does the next claimer, whose
//! own Release would otherwise hide the earlier one. `lone` needs no more than a store, because nobody leaves its caller a message. *calling* is stored before the wake and therefore seen by whatever the wake causes: a
//! claim that finds *again* is older than the repeated wake. The rest is under the lock.

use core::task::Waker;

use crate::prim::UnsafeCell;
use crate::prim::atomic::{AtomicBool, AtomicU8, Ordering};

const IDLE: u8 = 0;
const CALLING: u8 = 1;
const AGAIN: u8 = 2;

/// A place for the waker of one waiter; see the module's description.
pub struct WakerSlot {
    parked: AtomicBool,
    lone: AtomicBool,
    calls: AtomicU8,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: [I2] accesses to the waker exclude each other where one writes.
unsafe impl Send for WakerSlot {}
// SAFETY: [I2] as above.
unsafe impl Sync for WakerSlot {}

impl WakerSlot {
    crate::const_fn_unless_loom! {
        /// An empty slot.
        #[must_use]
        pub fn new() -> Self {
            Self {
                parked: AtomicBool::new(false),
                lone: AtomicBool::new(false),
                calls: AtomicU8::new(IDLE),
                waker: UnsafeCell::new(None),
            }
        }
    }

    /// The waiter is about to return `Pending`: parks it if the waker in the slot wakes the task of `waker`. False: clone it and [`WakerSlot::replace`].
    ///
    /// # Safety
    /// The caller holds the owner's lock and is the only waiter.
    #[inline]
    pub unsafe fn park(&self, waker: &Waker) -> bool {
        // SAFETY: [I2] only the waiter writes, and this is it.
        let same = self.waker.with(|old| unsafe { (*old).as_ref().is_some_and(|old| old.will_wake(waker)) });
        if same {
            self.parked.store(true, Ordering::Relaxed);
        }
        same
    }

    /// Puts `waker` into the slot and parks; returns the old one, to be dropped after unlocking.
    ///
    /// # Errors
    /// The slot is in use: somebody is calling the old waker. The waiter unlocks, wakes itself, and returns `Pending`.
    ///
    /// # Safety
    /// The caller holds the owner's lock and is the only waiter.
    pub unsafe fn replace(&self, waker: Waker) -> Result<Option<Waker>, Waker> {
        if self.is_called() {
            return Err(waker);
        }
        self.parked.store(true, Ordering::Relaxed);
        // SAFETY: [I2] nobody calls, and nobody can begin to while the lock is held.
        Ok(self.waker.with_mut(|slot| unsafe { (*slot).replace(waker) }))
    }

    /// Claims the wake that the waiter wants. With a result, call [`Call::wake`] after unlocking.
    ///
    /// # Safety
    /// The caller holds the owner's lock.
    #[inline]
    #[must_use = "wake after unlocking"]
    pub unsafe fn claim(&self) -> Option<Call<'_>> {
        if !self.parked.load(Ordering::Relaxed) {
            return None;
        }
        self.parked.store(false, Ordering::Relaxed);
        if self.lone.load(Ordering::Acquire) {
            return self.claim_beside();
        }
        self.lone.store(true, Ordering::Relaxed);
        Some(Call { slot: self, lone: true })
    }

    /// The claim beside a call; the lock is held.
    #[cold]
    fn claim_beside(&self) -> Option<Call<'_>> {
        let busy = self.calls.load(Ordering::Acquire) != IDLE
            && self.calls.compare_exchange(CALLING, AGAIN, Ordering::Relaxed, Ordering::Acquire) != Err(IDLE);
        if busy {
            return None;
        }
        self.calls.store(CALLING, Ordering::Relaxed);
        Some(Call { slot: self, lone: false })
    }

    /// Whether somebody uses the waker. Under the lock, a no stays true until the lock is released.
    fn is_called(&self) -> bool {
        self.lone.load(Ordering::Acquire) || self.calls.load(Ordering::Acquire) != IDLE
    }

    /// Takes the waker out, if it is not in use.
    ///
    /// # Safety
    /// The caller holds the owner's lock and is the only waiter, which waits no more.
    pub unsafe fn clear(&self) -> Option<Waker> {
        self.parked.store(false, Ordering::Relaxed);
        if self.is_called() {
            return None;
        }
        // SAFETY: [I2] nobody calls, and nobody can begin to while the lock is held.
        self.waker.with_mut(|slot| unsafe { (*slot).take() })
    }
}

impl Default for WakerSlot {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for WakerSlot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WakerSlot").field("parked", &self.parked.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

/// A claimed wake: a duty to call [`Call::wake`] once the lock is released. Dropping it does the same.
#[derive(Debug)]
#[must_use = "wake after unlocking"]
pub struct Call<'a> {
    slot: &'a WakerSlot,
    /// It is the one that `lone` stands for.
    lone: bool,
}

impl Call<'_> {
    /// Wakes the waiter.
    #[inline]
    pub fn wake(self) {
        drop(self);
    }
}

impl Drop for Call<'_> {
    #[inline]
    fn drop(&mut self) {
        let (_lone, _beside);
        if self.lone {
            _lone = LoneDone(self.slot);
        } else {
            _beside = Done(self.slot);
        }
        call(self.slot);
    }
}

#[inline]
fn call(slot: &WakerSlot) {
    slot.waker.with(|waker| {
        // SAFETY: [I1] [I2] a call is on, so nobody writes.
        if let Some(waker) = unsafe { &*waker } {
            waker.wake_by_ref();
        }
    });
}

/// Ends the lone call, also when the waker panicked.
struct LoneDone<'a>(&'a WakerSlot);

impl Drop for LoneDone<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.lone.store(false, Ordering::Release);
    }
}

/// Ends the call beside it, also when the waker panicked.
struct Done<'a>(&'a WakerSlot);

impl Drop for Done<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.0.calls.compare_exchange(CALLING, IDLE, Ordering::Release, Ordering::Relaxed).is_err() {
            self.again();
        }
    }
}

impl Done<'_> {
    #[cold]
    fn again(&self) {
        let mut owed = true;
        cede_context::persist(|| {
            // After a panic of the waker this comes back with nothing owed, and goes on to the transition.
            if core::mem::take(&mut owed) {
                self.0.calls.store(CALLING, Ordering::Relaxed);
                call(self.0);
            }
            owed = self.0.calls.compare_exchange(CALLING, IDLE, Ordering::Release, Ordering::Relaxed).is_err();
            owed
        });
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
