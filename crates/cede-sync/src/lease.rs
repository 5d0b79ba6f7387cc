//! Permits as values, for lock guards: what a guard gives back when it is dropped.
//!
//! A guard is a pointer and a lease. The lease has the destructor, not the guard, so that mapping a guard is moving its lease.
#![forbid(unsafe_code)]

use alloc::sync::Arc;

use crate::permits::Permits;

/// A lock that is made of permits.
pub(crate) trait Leased {
    fn permits(&self) -> &Permits;
}

/// `count` permits of a borrowed lock.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    permits: &'a Permits,
    count: u32,
}

impl<'a> Lease<'a> {
    #[inline]
    pub(crate) fn new(permits: &'a Permits, count: u32) -> Self {
        Self { permits, count }
    }

    /// Gives all but one permit back.
    pub(crate) fn keep_one(&mut self) {
        let rest = core::mem::replace(&mut self.count, 1) - 1;
        self.permits.give(rest as usize);
    }
}

impl Drop for Lease<'_> {
    #[inline]
    fn drop(&mut self) {
        self.permits.give(self.count as usize);
    }
}

/// `count` permits of a lock that this keeps alive.
#[derive(Debug)]
pub(crate) struct OwnedLease<L: Leased + ?Sized> {
    lock: Arc<L>,
    count: u32,
}

impl<L: Leased + ?Sized> OwnedLease<L> {
    pub(crate) fn new(lock: Arc<L>, count: u32) -> Self {
        Self { lock, count }
    }

    pub(crate) fn lock(&self) -> &Arc<L> {
        &self.lock
    }

    /// Gives all but one permit back.
    pub(crate) fn keep_one(&mut self) {
        let rest = core::mem::replace(&mut self.count, 1) - 1;
        self.lock.permits().give(rest as usize);
    }
}

impl<L: Leased + ?Sized> Drop for OwnedLease<L> {
    fn drop(&mut self) {
        self.lock.permits().give(self.count as usize);
    }
}

/// `Deref`, `Debug` and `Display` of a guard that has a field `data`: a pointer to what it may read.
macro_rules! guard_reads {
    ([$($generics:tt)*] $guard:ty, $target:ty) => {
        impl<$($generics)*> core::ops::Deref for $guard {
            type Target = $target;
            #[inline]
            fn deref(&self) -> &$target {
                // SAFETY: [I1] [I2] the guard is the right to read, and what it points to lives as long.
                unsafe { self.data.as_ref() }
            }
        }

        impl<$($generics)*> core::fmt::Debug for $guard
        where
            $target: core::fmt::Debug,
        {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($generics)*> core::fmt::Display for $guard
        where
            $target: core::fmt::Display,
        {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&**self, f)
            }
        }
    };
}
pub(crate) use guard_reads;

/// `DerefMut` of a guard that has a field `data`: a pointer to what it alone may reach.
macro_rules! guard_writes {
    ([$($generics:tt)*] $guard:ty) => {
        impl<$($generics)*> core::ops::DerefMut for $guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut Self::Target {
                // SAFETY: [I1] [I2] the guard is the only one, and what it points to lives as long.
                unsafe { self.data.as_mut() }
            }
        }
    };
}
pub(crate) use guard_writes;
