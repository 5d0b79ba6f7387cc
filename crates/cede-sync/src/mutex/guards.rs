//! The guards of a mutex: whole or mapped to a part, borrowed or owned. The invariants are those of the parent module.

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::Mutex;
use crate::lease::{Lease, OwnedLease, guard_reads, guard_writes};

/// The right to use the value of a [`Mutex`]; unlocks when dropped.
///
/// ```
/// let mutex = cede_sync::Mutex::new((1, "one"));
/// let number = cede_sync::MutexGuard::map(mutex.try_lock().unwrap(), |pair| &mut pair.0);
/// assert_eq!(*number, 1);
/// ```
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    data: NonNull<T>,
    lease: Lease<'a>,
}

/// The right to use the value of a [`Mutex`] that it keeps alive; unlocks when dropped.
///
/// ```
/// let mutex = std::sync::Arc::new(cede_sync::Mutex::new(1));
/// let guard = mutex.clone().try_lock_owned().unwrap();
/// assert_eq!(*guard, 1);
/// assert!(mutex.try_lock().is_err());
/// ```
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMutexGuard<T: ?Sized> {
    data: NonNull<T>,
    lease: OwnedLease<Mutex<T>>,
}

/// The right to use a part of the value of a [`Mutex`]; made by [`MutexGuard::map`].
///
/// ```
/// use cede_sync::{MappedMutexGuard, Mutex, MutexGuard};
/// let mutex = Mutex::new([1, 2]);
/// let last: MappedMutexGuard<'_, i32> = MutexGuard::map(mutex.try_lock().unwrap(), |pair| &mut pair[1]);
/// assert_eq!(*last, 2);
/// ```
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    data: NonNull<T>,
    lease: Lease<'a>,
    marker: PhantomData<&'a mut T>,
}

/// The right to use a part of the value of a [`Mutex`] that it keeps alive; made by [`OwnedMutexGuard::map`].
///
/// ```
/// use cede_sync::{Mutex, OwnedMappedMutexGuard, OwnedMutexGuard};
/// let mutex = std::sync::Arc::new(Mutex::new([1, 2]));
/// let last: OwnedMappedMutexGuard<[i32; 2], i32> =
///     OwnedMutexGuard::map(mutex.try_lock_owned().unwrap(), |pair| &mut pair[1]);
/// assert_eq!(*last, 2);
/// ```
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    data: NonNull<U>,
    lease: OwnedLease<Mutex<T>>,
}

// SAFETY: [I1] a guard is the value's `&mut`, and the mutex may be unlocked from any thread.
unsafe impl<T: ?Sized + Send> Send for MutexGuard<'_, T> {}
// SAFETY: a shared guard is the value's `&`.
unsafe impl<T: ?Sized + Send + Sync> Sync for MutexGuard<'_, T> {}
// SAFETY: [I1] as for the borrowed guard; the mutex that it may drop is `Send`.
unsafe impl<T: ?Sized + Send> Send for OwnedMutexGuard<T> {}
// SAFETY: a shared guard is the value's `&`.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedMutexGuard<T> {}
// SAFETY: [I1] the guard is the part's `&mut`.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: a shared guard is the part's `&`.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}
// SAFETY: [I1] the guard is the part's `&mut`; the mutex that it may drop is `Send`.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}
// SAFETY: a shared guard is the part's `&`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedMappedMutexGuard<T, U> {}

/// The pointer to a mutex's value.
fn data<T: ?Sized>(mutex: &Mutex<T>) -> NonNull<T> {
    // SAFETY: the address of a field is not null.
    unsafe { NonNull::new_unchecked(mutex.value.get()) }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    #[inline]
    pub(super) fn new(mutex: &'a Mutex<T>, lease: Lease<'a>) -> Self {
        Self { mutex, data: data(mutex), lease }
    }

    /// A guard of a part of the value.
    #[inline]
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut *this));
        MappedMutexGuard { data, lease: this.lease, marker: PhantomData }
    }

    /// A guard of a part of the value, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(NonNull::from) {
            Some(data) => Ok(MappedMutexGuard { data, lease: this.lease, marker: PhantomData }),
            None => Err(this),
        }
    }

    /// The mutex that this locks.
    #[inline]
    #[must_use]
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    pub(super) fn new(lease: OwnedLease<Mutex<T>>) -> Self {
        Self { data: data(lease.lock()), lease }
    }

    /// A guard of a part of the value.
    #[inline]
    pub fn map<U, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut *this));
        OwnedMappedMutexGuard { data, lease: this.lease }
    }

    /// A guard of a part of the value, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(NonNull::from) {
            Some(data) => Ok(OwnedMappedMutexGuard { data, lease: this.lease }),
            None => Err(this),
        }
    }

    /// The mutex that this locks.
    #[inline]
    #[must_use]
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        this.lease.lock()
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// A guard of a part of this part.
    #[inline]
    pub fn map<U, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = NonNull::from(f(&mut *this));
        MappedMutexGuard { data, lease: this.lease, marker: PhantomData }
    }

    /// A guard of a part of this part, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<U, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut *this).map(NonNull::from) {
            Some(data) => Ok(MappedMutexGuard { data, lease: this.lease, marker: PhantomData }),
            None => Err(this),
        }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// A guard of a part of this part.
    #[inline]
    pub fn map<S, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        F: FnOnce(&mut U) -> &mut S,
    {
        let data = NonNull::from(f(&mut *this));
        OwnedMappedMutexGuard { data, lease: this.lease }
    }

    /// A guard of a part of this part, if `f` finds it.
    ///
    /// # Errors
    /// Gives the guard back if `f` returns none.
    #[inline]
    pub fn try_map<S, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        match f(&mut *this).map(NonNull::from) {
            Some(data) => Ok(OwnedMappedMutexGuard { data, lease: this.lease }),
            None => Err(this),
        }
    }
}

guard_reads!(['a, T: ?Sized] MutexGuard<'a, T>, T);
guard_writes!(['a, T: ?Sized] MutexGuard<'a, T>);
guard_reads!([T: ?Sized] OwnedMutexGuard<T>, T);
guard_writes!([T: ?Sized] OwnedMutexGuard<T>);
guard_reads!(['a, T: ?Sized] MappedMutexGuard<'a, T>, T);
guard_writes!(['a, T: ?Sized] MappedMutexGuard<'a, T>);
guard_reads!([T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>, U);
guard_writes!([T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>);
