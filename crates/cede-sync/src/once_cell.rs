//! `OnceCell`: a value that the first task to need it makes, asynchronously.
//!
//! # What
//! An `OnceSlot` and one permit: who has it is the initializer. The others wait for the permit; the next gets it when the initializer fails, panics or is dropped,
//! and when it succeeds the permits are closed, which wakes them all. Reading is one load.
//!
//! # Invariants
//! - I1: the slot is set only by the holder of the permit, which closes the permits afterwards. So who gets the permit finds the slot empty, and who is refused
//!   finds it set.
#![forbid(unsafe_code)]

use core::convert::Infallible;
use core::error::Error;
use core::fmt;
use core::future::Future;

use cede_context::wait::WaitKind;

use crate::lease::Lease;
use crate::once_slot::OnceSlot;
use crate::permits::{Keeps, Permits};

/// A value that is made once, by an async function if need be.
///
/// ```
/// use cede_sync::{OnceCell, SetError};
/// static ANSWER: OnceCell<u32> = OnceCell::const_new();
/// assert!(!ANSWER.initialized());
/// ANSWER.set(42).unwrap();
/// assert_eq!(ANSWER.set(43), Err(SetError::AlreadyInitializedError(43)));
/// assert_eq!(ANSWER.get(), Some(&42));
/// ```
pub struct OnceCell<T> {
    slot: OnceSlot<T>,
    permits: Permits,
}

impl<T> OnceCell<T> {
    /// Without a value.
    #[must_use]
    pub fn new() -> Self {
        Self { slot: OnceSlot::new(), permits: Permits::of_lock(1) }
    }

    /// Like [`OnceCell::new`], for statics.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn const_new() -> Self {
        Self { slot: OnceSlot::new(), permits: Permits::of_lock(1) }
    }

    /// With a value, if there is one.
    #[must_use]
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(Self::new, Self::from)
    }

    /// With a value, for statics.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn const_new_with(value: T) -> Self {
        Self { slot: OnceSlot::with(value), permits: Permits::of_lock(0) }
    }

    /// Whether there is a value.
    pub fn initialized(&self) -> bool {
        self.slot.is_set()
    }

    /// The value, if there is one.
    pub fn get(&self) -> Option<&T> {
        self.slot.get()
    }

    /// The value, if there is one, exclusively.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.slot.get_mut()
    }

    /// Sets the value if there is none and nobody is making one.
    ///
    /// # Errors
    /// There is one, or somebody is making one; the new one comes back.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if !self.initialized() && self.permits.try_take(1).is_ok() {
            return self.fill(value, Lease::new(&self.permits, 1)).map(|_| ()).map_err(SetError::AlreadyInitializedError);
        }
        // Looks again: the permit may have been refused because the value came meanwhile.
        if self.initialized() { Err(SetError::AlreadyInitializedError(value)) } else { Err(SetError::InitializingError(value)) }
    }

    /// The value; if there is none, makes it with `f`. If others came before, waits for them, and makes it only if they all fail.
    ///
    /// # Panics
    /// With the panic of `f`; the next that waits goes on then.
    ///
    /// # Cancel safety
    /// Dropping the future drops that of `f`, and the next that waits makes the value.
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let made = self.get_or_try_init(async || Ok::<T, Infallible>(f().await)).await;
        made.unwrap_or_else(|never| match never {})
    }

    /// The value; if there is none, makes it with `f`. If others came before, waits for them, and makes it only if they all fail.
    ///
    /// # Errors
    /// Those of `f`; the next that waits goes on then.
    ///
    /// # Panics
    /// With the panic of `f`; the next that waits goes on then.
    ///
    /// # Cancel safety
    /// Dropping the future drops that of `f`, and the next that waits makes the value.
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        if self.permits.take_to_keep(1, WaitKind::Once, Keeps::Alone).await.is_ok() {
            let lease = Lease::new(&self.permits, 1);
            let value = f().await?;
            if let Ok(value) = self.fill(value, lease) {
                return Ok(value);
            }
        }
        match self.get() {
            Some(value) => Ok(value),
            None => unreachable!("the permits are closed only when there is a value"),
        }
    }

    /// Sets the value, as the holder of the permit.
    fn fill(&self, value: T, _lease: Lease<'_>) -> Result<&T, T> {
        self.slot.set(value)?;
        self.permits.close();
        Ok(self.get().expect("it was just set"))
    }

    /// Takes the value out.
    pub fn into_inner(self) -> Option<T> {
        self.slot.into_inner()
    }

    /// Takes the value out; the cell is as new then.
    pub fn take(&mut self) -> Option<T> {
        core::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        Self { slot: OnceSlot::with(value), permits: Permits::of_lock(0) }
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// The value of an [`OnceCell`] could not be set; it comes back.
///
/// ```
/// let cell = cede_sync::OnceCell::from(1);
/// assert!(cell.set(2).unwrap_err().is_already_init_err());
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// There is a value already.
    AlreadyInitializedError(T),
    /// Somebody is making the value.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether there was a value already.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, Self::AlreadyInitializedError(_))
    }

    /// Whether somebody was making the value.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, Self::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyInitializedError(_) => "AlreadyInitializedError",
            Self::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}
