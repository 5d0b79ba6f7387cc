//! `Semaphore`: limits how many do something at a time.
//!
//! The public face of `permits`: the same counter, with permits as values that give themselves back.
#![forbid(unsafe_code)]

use alloc::sync::Arc;
use core::mem;

use cede_context::wait::WaitKind;

use crate::permits::Permits;
use crate::{AcquireError, TryAcquireError};

/// A counter of permits that tasks take and give back. Who finds too few waits; permits go to those who wait in the order they came.
///
/// ```
/// let semaphore = cede_sync::Semaphore::new(2);
/// let first = semaphore.try_acquire().unwrap();
/// let second = semaphore.try_acquire().unwrap();
/// assert!(semaphore.try_acquire().is_err());
/// drop(first);
/// assert_eq!(semaphore.available_permits(), 1);
/// # drop(second);
/// ```
#[derive(Debug)]
pub struct Semaphore {
    permits: Permits,
}

/// Permits taken from a [`Semaphore`]; they go back when this is dropped.
///
/// ```
/// let semaphore = cede_sync::Semaphore::new(1);
/// semaphore.try_acquire().unwrap().forget();
/// assert_eq!(semaphore.available_permits(), 0);
/// ```
#[must_use = "permits go back when they are dropped"]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

/// Permits that keep their [`Semaphore`] alive; they go back when this is dropped.
///
/// ```
/// use std::sync::Arc;
/// let semaphore = Arc::new(cede_sync::Semaphore::new(1));
/// let permit = semaphore.clone().try_acquire_owned().unwrap();
/// let worker = std::thread::spawn(move || drop(permit));
/// worker.join().unwrap();
/// assert_eq!(semaphore.available_permits(), 1);
/// ```
#[must_use = "permits go back when they are dropped"]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl Semaphore {
    /// The most permits that a semaphore can count.
    pub const MAX_PERMITS: usize = Permits::MAX;

    /// A semaphore with `permits` permits.
    ///
    /// # Panics
    /// With more than [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    #[must_use]
    pub fn new(permits: usize) -> Self {
        Self { permits: Permits::new(permits) }
    }

    cede_core::const_fn_unless_loom! {
        /// Like [`Semaphore::new`], for statics.
        ///
        /// # Panics
        /// With more than [`Semaphore::MAX_PERMITS`].
        #[must_use]
        pub fn const_new(permits: usize) -> Self {
            Self { permits: Permits::new(permits) }
        }
    }

    /// How many permits are free now; none while somebody waits.
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Adds `n` permits.
    ///
    /// # Panics
    /// When there would be more than [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.permits.give(n);
    }

    /// Takes up to `n` free permits out of circulation; returns how many there were.
    pub fn forget_permits(&self, n: usize) -> usize {
        self.permits.forget(n)
    }

    /// Takes one permit; waits until there is one.
    ///
    /// # Errors
    /// The semaphore is closed.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue, and no permit.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.permits.take(1, WaitKind::Semaphore).await?;
        Ok(SemaphorePermit { semaphore: self, permits: 1 })
    }

    /// Takes `n` permits at once; waits until there are so many.
    ///
    /// # Errors
    /// The semaphore is closed.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue, and no permit.
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.permits.take(n as usize, WaitKind::Semaphore).await?;
        Ok(SemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Takes one permit if one is free.
    ///
    /// # Errors
    /// None is free, or the semaphore is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.permits.try_take(1)?;
        Ok(SemaphorePermit { semaphore: self, permits: 1 })
    }

    /// Takes `n` permits if so many are free.
    ///
    /// # Errors
    /// Too few are free, or the semaphore is closed.
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.permits.try_take(n as usize)?;
        Ok(SemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Like [`Semaphore::acquire`]; the permit keeps the semaphore alive.
    ///
    /// # Errors
    /// The semaphore is closed.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue, and no permit.
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.permits.take(1, WaitKind::Semaphore).await?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits: 1 })
    }

    /// Like [`Semaphore::acquire_many`]; the permits keep the semaphore alive.
    ///
    /// # Errors
    /// The semaphore is closed.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the queue, and no permit.
    pub async fn acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.permits.take(n as usize, WaitKind::Semaphore).await?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Like [`Semaphore::try_acquire`]; the permit keeps the semaphore alive.
    ///
    /// # Errors
    /// None is free, or the semaphore is closed.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.permits.try_take(1)?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits: 1 })
    }

    /// Like [`Semaphore::try_acquire_many`]; the permits keep the semaphore alive.
    ///
    /// # Errors
    /// Too few are free, or the semaphore is closed.
    pub fn try_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.permits.try_take(n as usize)?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits: n as usize })
    }

    /// Closes the semaphore: it gives no more permits, and all who wait get an error.
    pub fn close(&self) {
        self.permits.close();
    }

    /// Whether the semaphore was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

impl<'a> SemaphorePermit<'a> {
    /// Takes the permits out of circulation for good.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Joins the permits of `other` to these.
    ///
    /// # Panics
    /// When they are of different semaphores.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(core::ptr::eq(self.semaphore, other.semaphore), "merging permits from different semaphore instances");
        self.permits += mem::take(&mut other.permits);
    }

    /// Splits `n` permits off; none if there are fewer.
    #[must_use = "the permits that are split off go back when they are dropped"]
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(Self { semaphore: self.semaphore, permits: n })
    }

    /// The semaphore that the permits are of.
    #[must_use]
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore
    }

    /// The number of permits.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl OwnedSemaphorePermit {
    /// Takes the permits out of circulation for good.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Joins the permits of `other` to these.
    ///
    /// # Panics
    /// When they are of different semaphores.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(Arc::ptr_eq(&self.semaphore, &other.semaphore), "merging permits from different semaphore instances");
        self.permits += mem::take(&mut other.permits);
    }

    /// Splits `n` permits off; none if there are fewer.
    #[must_use = "the permits that are split off go back when they are dropped"]
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(Self { semaphore: Arc::clone(&self.semaphore), permits: n })
    }

    /// The semaphore that the permits are of.
    #[must_use]
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// The number of permits.
    #[must_use]
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.permits.give(self.permits);
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.permits.give(self.permits);
    }
}
