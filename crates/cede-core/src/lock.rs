//! A lock of one byte for critical sections of a few dozen instructions.
//!
//! # What
//! Wait lists, channels and wheels guard their links with it. Uncontended it costs one read-modify-write and one plain store, half of a mutex
//! that can park threads, because nobody ever sleeps on it: whoever finds it taken calls [`cede_context::relax`], which spins, then yields the
//! processor, then sleeps for short times, so a descheduled holder always gets to run.
//!
//! # Why not the obvious way
//! `std::sync::Mutex` is not available in `no_std`, is four bytes and must swap on unlock. A ticket lock is fair, but a descheduled
//! ticket holder stalls everybody behind it.
//!
//! # Who may touch what
//! `value`: the holder of the lock only. User code (wakers, drops, closures) never runs while it is held; that is the caller's duty.
//!
//! # Invariants
//! - I1: `locked` is true from a successful compare-exchange in [`Lock::lock`] until the [`Guard`] is dropped, and only one guard exists then.
//!
//! # Orderings
//! One variable: the Acquire of the lock synchronizes with the Release of the unlock before it.

use core::ops::{Deref, DerefMut};

#[cfg(not(loom))]
use crate::prim::{
    UnsafeCell,
    atomic::{AtomicBool, Ordering},
};

/// A short spinning lock around a `T`; see the module's description for what it is for.
#[cfg(not(loom))]
pub struct Lock<T: ?Sized> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: [I1] at most one thread reaches the value at a time, so sending it suffices.
#[cfg(not(loom))]
unsafe impl<T: ?Sized + Send> Send for Lock<T> {}
// SAFETY: [I1] as above.
#[cfg(not(loom))]
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}

#[cfg(not(loom))]
impl<T> Lock<T> {
    /// An unlocked lock that holds `value`.
    pub const fn new(value: T) -> Self {
        Self { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

#[cfg(not(loom))]
impl<T: ?Sized> Lock<T> {
    /// Takes the lock; waits while another thread holds it.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        if self.locked.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            lock_contended(&self.locked);
        }
        Guard { lock: self }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let free = self.locked.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        // Made only if the lock was free: a guard that is made and dropped unlocks.
        if free { Some(Guard { lock: self }) } else { None }
    }

    /// Reaches the value without locking; `&mut` proves that nobody else can.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: [I1] the exclusive borrow excludes any guard.
        self.value.with_mut(|value| unsafe { &mut *value })
    }
}

/// Not of the lock's type, and not inlined: one copy, not one wherever something is locked.
#[cfg(not(loom))]
#[cold]
#[inline(never)]
fn lock_contended(locked: &AtomicBool) {
    let mut round = 0;
    loop {
        while locked.load(Ordering::Relaxed) {
            cede_context::relax(round);
            round += 1;
        }
        if locked.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return;
        }
    }
}

#[cfg(not(loom))]
impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The right to use a locked value; unlocks when dropped.
#[cfg(not(loom))]
#[must_use = "the lock is released when the guard is dropped"]
pub struct Guard<'a, T: ?Sized> {
    lock: &'a Lock<T>,
}

// SAFETY: [I1] a shared guard gives shared access to the value only. (A guard is not Send-restricted: the lock has no owner thread.)
#[cfg(not(loom))]
unsafe impl<T: ?Sized + Sync> Sync for Guard<'_, T> {}

#[cfg(not(loom))]
impl<T: ?Sized> Deref for Guard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: [I1] this guard is the only one.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

#[cfg(not(loom))]
impl<T: ?Sized> DerefMut for Guard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: [I1] this guard is the only one, and it is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

#[cfg(not(loom))]
impl<T: ?Sized> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.locked.store(false, Ordering::Release);
    }
}

#[cfg(not(loom))]
impl<T: ?Sized> core::fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lock").field("locked", &self.locked.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

#[cfg(not(loom))]
impl<T: ?Sized> core::fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

#[cfg(loom)]
pub use self::model::{Guard, Lock};

/// Under the model checker the lock is loom's mutex: a spin loop would only multiply the interleavings.
#[cfg(all(test, not(loom)))]
mod tests {
    use super::Lock;

    #[test]
    fn who_is_refused_leaves_the_lock_locked() {
        let lock = Lock::new(1);
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        assert!(lock.try_lock().is_none(), "the first refusal must not have unlocked it");
        drop(guard);
        assert!(lock.try_lock().is_some_and(|guard| *guard == 1));
        assert!(lock.try_lock().is_some(), "a guard that is dropped unlocks");
    }
}

#[cfg(loom)]
mod model {
    use super::{Deref, DerefMut};

    /// See the real `Lock`.
    #[derive(Debug)]
    pub struct Lock<T>(loom::sync::Mutex<T>);

    /// See the real `Guard`.
    #[derive(Debug)]
    pub struct Guard<'a, T>(loom::sync::MutexGuard<'a, T>);

    impl<T> Lock<T> {
        /// See the real `Lock`.
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        /// See the real `Lock`.
        pub fn into_inner(self) -> T {
            self.0.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
        }

        /// See the real `Lock`.
        pub fn lock(&self) -> Guard<'_, T> {
            Guard(self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
        }

        /// See the real `Lock`.
        pub fn try_lock(&self) -> Option<Guard<'_, T>> {
            self.0.try_lock().ok().map(Guard)
        }

        /// See the real `Lock`.
        pub fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
    }

    impl<T> Deref for Guard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }
}
