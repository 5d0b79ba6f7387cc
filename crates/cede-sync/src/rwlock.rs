//! `RwLock`: many readers or one writer, in the order of arrival, also across `.await`.
//!
//! # What
//! [`Permits`] as many as there may be readers. A reader takes one, a writer all. The queue is that of the permits: a writer that waits holds back
//! the readers that come after it, so neither side starves.
//!
//! # Who may touch what
//! `value`: who holds a permit may read, who holds all may write. A guard is a pointer and its lease of the permits.
//!
//! # Invariants
//! - I1: only leases hold permits, so a write guard, with all of them, excludes every other guard. The permits are never closed.
//! - I2: the pointer of a guard points into the value, which lives at least as long as the guard: borrowed, or kept by the `Arc` of the lease.

use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;

use cede_context::wait::WaitKind;

use crate::TryLockError;
use crate::lease::{Lease, Leased, OwnedLease};
use crate::permits::{Keeps, Permits};

mod guards;
mod owned_guards;
pub use guards::{RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
pub use owned_guards::{OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

const MAX_READS: u32 = u32::MAX >> 3;

/// A lock for many readers or one writer. Who waits gets it in the order of arrival. A panic of a holder unlocks; nothing is poisoned.
///
/// ```
/// let lock = cede_sync::RwLock::new(1);
/// {
///     let (first, second) = (lock.try_read().unwrap(), lock.try_read().unwrap());
///     assert_eq!(*first + *second, 2);
///     assert!(lock.try_write().is_err());
/// }
/// *lock.try_write().unwrap() += 1;
/// assert_eq!(lock.into_inner(), 2);
/// ```
pub struct RwLock<T: ?Sized> {
    permits: Permits,
    readers: u32,
    value: UnsafeCell<T>,
}

// SAFETY: [I1] a writer excludes all others; sending the lock sends the value.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: [I1] readers share the value among threads, and a writer may take it to another.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> Leased for RwLock<T> {
    fn permits(&self) -> &Permits {
        &self.permits
    }
}

impl<T> RwLock<T> {
    /// An unlocked lock that holds `value`.
    pub fn new(value: T) -> Self {
        Self::with_max_readers(value, MAX_READS)
    }

    /// Like [`RwLock::new`], with at most `max_reads` readers at a time.
    ///
    /// # Panics
    /// When `max_reads` is 0 or more than `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> Self {
        assert!(max_reads > 0, "a RwLock may not be created with 0 readers");
        assert!(max_reads <= MAX_READS, "a RwLock may not be created with more than {MAX_READS} readers");
        Self { permits: Permits::of_lock(max_reads as usize), readers: max_reads, value: UnsafeCell::new(value) }
    }

    /// Like [`RwLock::new`], for statics.
    #[cfg(not(loom))]
    pub const fn const_new(value: T) -> Self {
        Self::const_with_max_readers(value, MAX_READS)
    }

    /// Like [`RwLock::with_max_readers`], for statics.
    ///
    /// # Panics
    /// When `max_reads` is 0 or more than `u32::MAX >> 3`.
    #[cfg(not(loom))]
    #[track_caller]
    pub const fn const_with_max_readers(value: T, max_reads: u32) -> Self {
        assert!(max_reads > 0, "a RwLock may not be created with 0 readers");
        assert!(max_reads <= MAX_READS);
        Self { permits: Permits::of_lock(max_reads as usize), readers: max_reads, value: UnsafeCell::new(value) }
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading; waits while a writer holds the lock or came earlier.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        self.take(1).await;
        RwLockReadGuard::new(self.data(), Lease::new(&self.permits, 1))
    }

    /// Like [`RwLock::read`]; the guard keeps the lock alive.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue.
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        self.take(1).await;
        OwnedRwLockReadGuard::new(self.data(), OwnedLease::new(self, 1))
    }

    /// Locks for reading if no writer holds the lock or waits for it.
    ///
    /// # Errors
    /// One does, or there are as many readers as there may be.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.try_take(1)?;
        Ok(RwLockReadGuard::new(self.data(), Lease::new(&self.permits, 1)))
    }

    /// Like [`RwLock::try_read`]; the guard keeps the lock alive.
    ///
    /// # Errors
    /// As for [`RwLock::try_read`].
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.try_take(1)?;
        Ok(OwnedRwLockReadGuard::new(self.data(), OwnedLease::new(self, 1)))
    }

    /// Locks for writing; waits while others hold the lock or came earlier.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.take_all(Keeps::Alone).await;
        RwLockWriteGuard::new(self.data(), Lease::new(&self.permits, self.readers))
    }

    /// Like [`RwLock::write`]; the guard keeps the lock alive.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue.
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        self.take_all(Keeps::Perhaps).await;
        let readers = self.readers;
        OwnedRwLockWriteGuard::new(self.data(), OwnedLease::new(self, readers))
    }

    /// Locks for writing if nobody holds the lock or waits for it.
    ///
    /// # Errors
    /// Somebody does.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.try_take(self.readers)?;
        self.permits.hold(Keeps::Alone);
        Ok(RwLockWriteGuard::new(self.data(), Lease::new(&self.permits, self.readers)))
    }

    /// Like [`RwLock::try_write`]; the guard keeps the lock alive.
    ///
    /// # Errors
    /// Somebody holds the lock or waits for it.
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.try_take(self.readers)?;
        self.permits.hold(Keeps::Perhaps);
        let readers = self.readers;
        Ok(OwnedRwLockWriteGuard::new(self.data(), OwnedLease::new(self, readers)))
    }

    /// Reaches the value without locking; `&mut` proves that nobody else can.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    async fn take(&self, permits: u32) {
        if self.permits.take(permits as usize, WaitKind::RwLock).await.is_err() {
            unreachable!("the permits of a lock are never closed");
        }
    }

    async fn take_all(&self, keeps: Keeps) {
        if self.permits.take_to_keep(self.readers as usize, WaitKind::RwLock, keeps).await.is_err() {
            unreachable!("the permits of a lock are never closed");
        }
    }

    fn try_take(&self, permits: u32) -> Result<(), TryLockError> {
        self.permits.try_take(permits as usize).map_err(|_| TryLockError(()))
    }

    fn data(&self) -> NonNull<T> {
        // SAFETY: the address of a field is not null.
        unsafe { NonNull::new_unchecked(self.value.get()) }
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}
