//! The primitives under the loom model checker.

pub use loom::cell::UnsafeCell;

/// Loom's atomics.
pub mod atomic {
    pub use loom::sync::atomic::*;
}

/// See the real one.
pub fn light_barrier() {
    atomic::fence(atomic::Ordering::SeqCst);
}
