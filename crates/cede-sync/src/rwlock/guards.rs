//! The guards that borrow their lock. The invariants are those of the parent module.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::lease::{Lease, guard_reads, guard_writes};

/// The right to read the value of an [`RwLock`](super::RwLock), or a part of it; unlocks when dropped.
///
/// ```
/// use cede_sync::{RwLock, RwLockReadGuard};
/// let lock = RwLock::new((1, "one"));
/// let number = RwLockReadGuard::map(lock.try_read().unwrap(), |pair| &pair.0);
/// assert_eq!(*number, 1);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    data: NonNull<T>,
    lease: Lease<'a>,
    marker: PhantomData<&'a T>,
}

/// The right to change the value of an [`RwLock`](super::RwLock); unlocks when dropped.
///
/// ```
/// let lock = cede_sync::RwLock::new(1);
/// let mut writer = lock.try_write().unwrap();
/// *writer = 2;
/// let reader = writer.downgrade();
/// assert_eq!(*reader + *lock.try_read().unwrap(), 4);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    data: NonNull<T>,
    lease: Lease<'a>,
    marker: PhantomData<&'a mut T>,
}

/// The right to change a part of the value of an [`RwLock`](super::RwLock); made by [`RwLockWriteGuard::map`].
///
/// ```
/// use cede_sync::{RwLock, RwLockWriteGuard};
/// let lock = RwLock::new((1, "one"));
/// *RwLockWriteGuard::map(lock.try_write().unwrap(), |pair| &mut pair.0) = 2;
/// assert_eq!(lock.into_inner().0, 2);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    data: NonNull<T>,
    lease: Lease<'a>,
    marker: PhantomData<&'a mut T>,
}

// SAFETY: [I1] a read guard is the value's `&`, and the lock may be unlocked from any thread.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: a shared guard is the value's `&`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: [I1] a write guard is the value's `&mut`.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: a shared guard is the value's `&`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockWriteGuard<'_, T> {}
// SAFETY: [I1] a write guard is the part's `&mut`.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: a shared guard is the part's `&`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    pub(super) fn new(data: NonNull<T>, lease: Lease<'a>) -> Self {
        Self { data, lease, marker: PhantomData }
    }

    /// A guard of a part.
    #[inline]
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = NonNull::from(f(&*this));
        RwLockReadGuard::new(data, this.lease)
    }

    /// A guard of a part, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&*this).map(NonNull::from) {
            Some(data) => Ok(RwLockReadGuard::new(data, this.lease)),
            None => Err(this),
        }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    pub(super) fn new(data: NonNull<T>, lease: Lease<'a>) -> Self {
        Self { data, lease, marker: PhantomData }
    }

    /// A guard of a part.
    #[inline]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut *this));
        RwLockMappedWriteGuard::new(data, this.lease)
    }

    /// A guard of a part, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(NonNull::from) {
            Some(data) => Ok(RwLockMappedWriteGuard::new(data, this.lease)),
            None => Err(this),
        }
    }

    /// A guard of a part for reading; other readers may come in at once.
    #[inline]
    pub fn downgrade_map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = NonNull::from(f(&*this));
        this.lease.keep_one();
        RwLockReadGuard::new(data, this.lease)
    }

    /// A guard of a part for reading, if `f` finds it; other readers may come in at once.
    ///
    /// # Errors
    /// Gives the guard back, as it was, if `f` returns none.
    #[inline]
    pub fn try_downgrade_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&*this).map(NonNull::from) {
            Some(data) => {
                this.lease.keep_one();
                Ok(RwLockReadGuard::new(data, this.lease))
            }
            None => Err(this),
        }
    }

    /// The same right, as a guard that can be mapped further in place.
    #[inline]
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        Self::map(this, |value| value)
    }

    /// From writing to reading, without unlocking in between; other readers may come in at once.
    #[inline]
    pub fn downgrade(mut self) -> RwLockReadGuard<'a, T> {
        self.lease.keep_one();
        RwLockReadGuard::new(self.data, self.lease)
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    fn new(data: NonNull<T>, lease: Lease<'a>) -> Self {
        Self { data, lease, marker: PhantomData }
    }

    /// A guard of a part.
    #[inline]
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut *this));
        RwLockMappedWriteGuard::new(data, this.lease)
    }

    /// A guard of a part, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<F, U: ?Sized>(mut this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(NonNull::from) {
            Some(data) => Ok(RwLockMappedWriteGuard::new(data, this.lease)),
            None => Err(this),
        }
    }
}

guard_reads!(['a, T: ?Sized] RwLockReadGuard<'a, T>, T);
guard_reads!(['a, T: ?Sized] RwLockWriteGuard<'a, T>, T);
guard_writes!(['a, T: ?Sized] RwLockWriteGuard<'a, T>);
guard_reads!(['a, T: ?Sized] RwLockMappedWriteGuard<'a, T>, T);
guard_writes!(['a, T: ?Sized] RwLockMappedWriteGuard<'a, T>);
