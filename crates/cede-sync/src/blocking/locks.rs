//! Parking on a semaphore or lock.
#![forbid(unsafe_code)]

use alloc::sync::Arc;

use super::block_on;
use crate::{
    AcquireError, Mutex, MutexGuard, OwnedMutexGuard, OwnedSemaphorePermit, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore,
    SemaphorePermit,
};

impl Semaphore {
    /// Like [`Semaphore::acquire`], but parks the thread.
    ///
    /// # Errors
    /// The semaphore is closed.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire())
    }

    /// Like [`Semaphore::acquire_many`], but parks the thread.
    ///
    /// # Errors
    /// The semaphore is closed.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_many(n))
    }

    /// Like [`Semaphore::acquire_owned`], but parks the thread.
    ///
    /// # Errors
    /// The semaphore is closed.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_owned())
    }

    /// Like [`Semaphore::acquire_many_owned`], but parks the thread.
    ///
    /// # Errors
    /// The semaphore is closed.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_many_owned(n))
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Like [`Mutex::lock`], but parks the thread.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        block_on(self.lock())
    }

    /// Like [`Mutex::lock_owned`], but parks the thread.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        block_on(self.lock_owned())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Like [`RwLock::read`], but parks the thread.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        block_on(self.read())
    }

    /// Like [`RwLock::write`], but parks the thread.
    ///
    /// # Panics
    /// On a thread that runs async tasks.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        block_on(self.write())
    }
}
