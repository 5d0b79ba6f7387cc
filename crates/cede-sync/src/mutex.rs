//! `Mutex`: one at a time, in the order of arrival, also across `.await`.
//!
//! # What
//! One permit of [`Permits`] and the value that it guards. Locking without contention is one compare-exchange, and so is unlocking.
//!
//! # Who may touch what
//! `value`: who holds the permit. A guard is the permit (its [`Lease`] or [`OwnedLease`]) and a pointer to what it may reach.
//!
//! # Invariants
//! - I1: one permit exists and only a lease holds it, so at most one guard reaches the value at a time. It is never closed.
//! - I2: the pointer of a guard points into the value, which lives at least as long as the guard: borrowed, or kept by the `Arc` of the lease.

use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::fmt;

use cede_context::wait::WaitKind;

use crate::TryLockError;
use crate::lease::{Lease, Leased, OwnedLease};
use crate::permits::{Keeps, Permits};

mod guards;
pub use guards::{MappedMutexGuard, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

/// A lock that may be held across `.await`. Who waits gets it in the order of arrival. A panic of the holder unlocks; nothing is poisoned.
///
/// ```
/// let mutex = cede_sync::Mutex::new(1);
/// *mutex.try_lock().unwrap() += 1;
/// assert_eq!(mutex.into_inner(), 2);
/// ```
pub struct Mutex<T: ?Sized> {
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: [I1] one guard at a time reaches the value, so it need only be `Send`.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: [I1] as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> Leased for Mutex<T> {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T> Mutex<T> {
    /// An unlocked mutex that holds `t`.
    pub fn new(t: T) -> Self {
        Self { permits: Permits::of_lock(1), value: UnsafeCell::new(t) }
    }

    /// Like [`Mutex::new`], for statics.
    #[cfg(not(loom))]
    pub const fn const_new(t: T) -> Self {
        Self { permits: Permits::of_lock(1), value: UnsafeCell::new(t) }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks; waits while another holds the lock or came earlier.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        if self.permits.take_to_keep(1, WaitKind::Mutex, Keeps::Alone).await.is_err() {
            never_closed();
        }
        self.guard()
    }

    /// Like [`Mutex::lock`]; the guard keeps the mutex alive.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue.
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        if self.permits.take_to_keep(1, WaitKind::Mutex, Keeps::Perhaps).await.is_err() {
            never_closed();
        }
        OwnedMutexGuard::new(OwnedLease::new(self, 1))
    }

    /// Locks if nobody holds the lock or waits for it.
    ///
    /// # Errors
    /// Somebody does.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.permits.try_take(1).map_err(|_| TryLockError(()))?;
        self.permits.hold(Keeps::Alone);
        Ok(self.guard())
    }

    /// Like [`Mutex::try_lock`]; the guard keeps the mutex alive.
    ///
    /// # Errors
    /// Somebody holds the lock or waits for it.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        self.permits.try_take(1).map_err(|_| TryLockError(()))?;
        self.permits.hold(Keeps::Perhaps);
        Ok(OwnedMutexGuard::new(OwnedLease::new(self, 1)))
    }

    /// Reaches the value without locking; `&mut` proves that nobody else can.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard::new(self, Lease::new(&self.permits, 1))
    }
}

#[cold]
fn never_closed() -> ! {
    unreachable!("the permits of a mutex are never closed");
}

impl<T> From<T> for Mutex<T> {
    fn from(t: T) -> Self {
        Self::new(t)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}
