//! The lock around the value of a watch channel: many readers or one writer, waiting in place.
//!
//! # What
//! `watch` lends its value by reference and calls closures of the user on it, so this lock is held as long as the user likes. Who finds it taken
//! relaxes: spins, then yields, then sleeps for short times.
//!
//! # States of the word
//! The number of readers; `WRITER` while a writer has it. `WANTED` is set by a writer that waits, and holds new readers back, so that readers that
//! overlap do not keep it out for ever. After some patience a reader goes ahead, so that one that holds a guard already does not wait for itself.
//!
//! # Invariants
//! - I1: a write guard exists only while the word has WRITER, and then no other guard exists.
//!
//! # Orderings
//! Taking is an Acquire and giving a Release on the word.

use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::panic::{RefUnwindSafe, UnwindSafe};

use cede_core::prim::UnsafeCell;
use cede_core::prim::atomic::{AtomicUsize, Ordering};

const WRITER: usize = 1;
const WANTED: usize = 2;
const READER: usize = 4;

/// Rounds that a reader lets a waiting writer go first.
const PATIENCE: u32 = 32;

pub(crate) struct ValueLock<T> {
    word: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: [I1] a writer excludes all others.
unsafe impl<T: Send> Send for ValueLock<T> {}
// SAFETY: [I1] readers share the value, and a writer may take it to another thread.
unsafe impl<T: Send + Sync> Sync for ValueLock<T> {}

// A closure that panics may leave the value half changed; that is for its users to mend, as with any lock without poison.
impl<T> UnwindSafe for ValueLock<T> {}
impl<T> RefUnwindSafe for ValueLock<T> {}

impl<T> ValueLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { word: AtomicUsize::new(0), value: UnsafeCell::new(value) }
    }

    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        let mut round = 0;
        let mut barrier = WRITER | WANTED;
        while self.change(|word| (word & barrier == 0).then_some(word + READER)).is_err() {
            wait(&mut round);
            if round == PATIENCE {
                barrier = WRITER;
            }
        }
        ReadGuard { lock: self, not_send: PhantomData }
    }

    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let mut round = 0;
        while self.change(|word| (word & !WANTED == 0).then_some(WRITER)).is_err() {
            self.word.fetch_or(WANTED, Ordering::Relaxed);
            wait(&mut round);
        }
        WriteGuard { lock: self }
    }

    fn change(&self, next: impl FnMut(usize) -> Option<usize>) -> Result<usize, usize> {
        self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, next)
    }
}

/// Waits a moment.
fn wait(round: &mut u32) {
    #[cfg(loom)]
    loom::thread::yield_now();
    cede_context::relax(*round);
    *round = round.saturating_add(1);
}

/// Shared access; as long as it lives no value is sent.
pub(crate) struct ReadGuard<'a, T> {
    lock: &'a ValueLock<T>,
    not_send: PhantomData<(*const (), &'a T)>,
}

// SAFETY: a shared guard is the value's `&`. (It is not `Send`: by contract it is released where it was taken.)
unsafe impl<T: Sync> Sync for ReadGuard<'_, T> {}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: [I1] no writer exists beside this guard.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.word.fetch_sub(READER, Ordering::Release);
    }
}

/// Exclusive access.
pub(crate) struct WriteGuard<'a, T> {
    lock: &'a ValueLock<T>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: [I1] this guard is the only one.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: [I1] this guard is the only one, and borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // Leaves the mark of other writers that wait.
        self.lock.word.fetch_and(!WRITER, Ordering::Release);
    }
}
