//! The primitives of real builds.

pub use core::sync::atomic;

/// A cell that is reached through closures, so that each access is a visible scope, as loom's is.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct UnsafeCell<T: ?Sized>(core::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    pub const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Calls `access` with a pointer for reading. The caller sees to it that nobody writes meanwhile.
    #[inline(always)]
    pub fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
        access(self.0.get())
    }

    /// Calls `access` with a pointer for writing. The caller sees to it that nobody else accesses the cell meanwhile.
    #[inline(always)]
    pub fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// The frequent side of two barriers whose rare side is a process-wide one: only the compiler has to keep the order. In models it is a full fence.
#[inline(always)]
pub fn light_barrier() {
    atomic::compiler_fence(atomic::Ordering::SeqCst);
}
