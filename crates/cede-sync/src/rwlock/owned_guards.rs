//! The guards that keep their lock alive. The invariants are those of the parent module.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::RwLock;
use crate::lease::{OwnedLease, guard_reads, guard_writes};

/// The right to read the value of an [`RwLock`] that it keeps alive, or a part of it; unlocks when dropped.
///
/// ```
/// let lock = std::sync::Arc::new(cede_sync::RwLock::new(1));
/// let reader = lock.try_read_owned().unwrap();
/// assert_eq!(*reader, 1);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    data: NonNull<U>,
    lease: OwnedLease<RwLock<T>>,
    marker: PhantomData<T>,
}

/// The right to change the value of an [`RwLock`] that it keeps alive; unlocks when dropped.
///
/// ```
/// let lock = std::sync::Arc::new(cede_sync::RwLock::new(1));
/// *lock.clone().try_write_owned().unwrap() = 2;
/// assert_eq!(*lock.try_read().unwrap(), 2);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    data: NonNull<T>,
    lease: OwnedLease<RwLock<T>>,
    marker: PhantomData<T>,
}

/// The right to change a part of the value of an [`RwLock`] that it keeps alive; made by [`OwnedRwLockWriteGuard::map`].
///
/// ```
/// use cede_sync::{OwnedRwLockWriteGuard, RwLock};
/// let lock = std::sync::Arc::new(RwLock::new((1, "one")));
/// *OwnedRwLockWriteGuard::map(lock.clone().try_write_owned().unwrap(), |pair| &mut pair.0) = 2;
/// assert_eq!(lock.try_read().unwrap().0, 2);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    data: NonNull<U>,
    lease: OwnedLease<RwLock<T>>,
    marker: PhantomData<T>,
}

// SAFETY: [I1] a read guard is the part's `&`; the lock that it may drop is `Send`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: a shared guard is the part's `&`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockReadGuard<T, U> {}
// SAFETY: [I1] a write guard is the value's `&mut`; the lock that it may drop is `Send`.
unsafe impl<T: ?Sized + Send + Sync> Send for OwnedRwLockWriteGuard<T> {}
// SAFETY: a shared guard is the value's `&`.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedRwLockWriteGuard<T> {}
// SAFETY: [I1] a write guard is the part's `&mut`; the lock that it may drop is `Send`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Send for OwnedRwLockMappedWriteGuard<T, U> {}
// SAFETY: a shared guard is the part's `&`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockMappedWriteGuard<T, U> {}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    pub(super) fn new(data: NonNull<U>, lease: OwnedLease<RwLock<T>>) -> Self {
        Self { data, lease, marker: PhantomData }
    }

    /// The lock that this locks.
    #[must_use]
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.lease.lock()
    }

    /// A guard of a part.
    #[inline]
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let data = NonNull::from(f(&*this));
        OwnedRwLockReadGuard::new(data, this.lease)
    }

    /// A guard of a part, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        match f(&*this).map(NonNull::from) {
            Some(data) => Ok(OwnedRwLockReadGuard::new(data, this.lease)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    pub(super) fn new(data: NonNull<T>, lease: OwnedLease<RwLock<T>>) -> Self {
        Self { data, lease, marker: PhantomData }
    }

    /// The lock that this locks.
    #[must_use]
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.lease.lock()
    }

    /// A guard of a part.
    #[inline]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut *this));
        OwnedRwLockMappedWriteGuard::new(data, this.lease)
    }

    /// A guard of a part, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(NonNull::from) {
            Some(data) => Ok(OwnedRwLockMappedWriteGuard::new(data, this.lease)),
            None => Err(this),
        }
    }

    /// A guard of a part for reading; other readers may come in at once.
    #[inline]
    pub fn downgrade_map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = NonNull::from(f(&*this));
        this.lease.keep_one();
        OwnedRwLockReadGuard::new(data, this.lease)
    }

    /// A guard of a part for reading, if `f` finds it; other readers may come in at once.
    ///
    /// # Errors
    /// Gives the guard back, as it was, if `f` returns none.
    #[inline]
    pub fn try_downgrade_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&*this).map(NonNull::from) {
            Some(data) => {
                this.lease.keep_one();
                Ok(OwnedRwLockReadGuard::new(data, this.lease))
            }
            None => Err(this),
        }
    }

    /// The same right, as a guard that can be mapped further in place.
    #[inline]
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        Self::map(this, |value| value)
    }

    /// From writing to reading, without unlocking in between; other readers may come in at once.
    #[inline]
    pub fn downgrade(mut self) -> OwnedRwLockReadGuard<T> {
        self.lease.keep_one();
        OwnedRwLockReadGuard::new(self.data, self.lease)
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    fn new(data: NonNull<U>, lease: OwnedLease<RwLock<T>>) -> Self {
        Self { data, lease, marker: PhantomData }
    }

    /// The lock that this locks.
    #[must_use]
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        this.lease.lock()
    }

    /// A guard of a part.
    #[inline]
    pub fn map<F, V: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let data = NonNull::from(f(&mut *this));
        OwnedRwLockMappedWriteGuard::new(data, this.lease)
    }

    /// A guard of a part, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<F, V: ?Sized>(mut this: Self, f: F) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        match f(&mut *this).map(NonNull::from) {
            Some(data) => Ok(OwnedRwLockMappedWriteGuard::new(data, this.lease)),
            None => Err(this),
        }
    }
}

guard_reads!([T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U>, U);
guard_reads!([T: ?Sized] OwnedRwLockWriteGuard<T>, T);
guard_writes!([T: ?Sized] OwnedRwLockWriteGuard<T>);
guard_reads!([T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U);
guard_writes!([T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>);
