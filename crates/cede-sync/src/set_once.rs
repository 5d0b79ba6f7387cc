//! `SetOnce`: a value that is set once, and tasks that wait for it.
//!
//! # What
//! An `OnceSlot` and a [`Notify`]. Reading is one load.
//!
//! # Invariants
//! - I1: who sets the value notifies afterwards; who waits has a [`Notified`](crate::futures::Notified) before it looks. So nobody waits for a value that is there.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;
use core::panic::UnwindSafe;

use cede_context::wait::WaitKind;

use crate::Notify;
use crate::once_slot::OnceSlot;

/// A value that can be set once; anybody may wait for it.
///
/// ```
/// use cede_sync::SetOnce;
/// static NAME: SetOnce<&str> = SetOnce::const_new();
/// assert!(NAME.get().is_none());
/// NAME.set("cede").unwrap();
/// assert_eq!(NAME.set("other").unwrap_err().0, "other");
/// assert_eq!(NAME.get(), Some(&"cede"));
/// ```
pub struct SetOnce<T> {
    slot: OnceSlot<T>,
    set: Notify,
}

// Nothing of the user's runs while the slot changes.
impl<T: UnwindSafe> UnwindSafe for SetOnce<T> {}

impl<T> SetOnce<T> {
    /// Without a value.
    #[must_use]
    pub fn new() -> Self {
        Self { slot: OnceSlot::new(), set: Notify::new() }
    }

    /// Like [`SetOnce::new`], for statics.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn const_new() -> Self {
        Self { slot: OnceSlot::new(), set: Notify::const_new() }
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
        Self { slot: OnceSlot::with(value), set: Notify::const_new() }
    }

    /// Whether the value is set.
    pub fn initialized(&self) -> bool {
        self.slot.is_set()
    }

    /// The value, if it is set.
    pub fn get(&self) -> Option<&T> {
        self.slot.get()
    }

    /// Sets the value and wakes all that wait for it.
    ///
    /// # Errors
    /// There is a value already; the new one comes back.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        self.slot.set(value).map_err(SetOnceError)?;
        self.set.notify_waiters();
        Ok(())
    }

    /// Takes the value out.
    pub fn into_inner(self) -> Option<T> {
        self.slot.into_inner()
    }

    /// Waits until the value is set.
    ///
    /// # Cancel safety
    /// It may be dropped and called anew at any time.
    pub async fn wait(&self) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let object = core::ptr::from_ref(self).addr() as u64;
        self.set.until(WaitKind::Once, object, || self.get()).await
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        Self { slot: OnceSlot::with(value), set: Notify::new() }
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce").field("value", &self.get()).finish()
    }
}

/// There is a value already; the new one comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetOnceError")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}
