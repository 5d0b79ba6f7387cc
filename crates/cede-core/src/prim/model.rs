//! The primitives under the loom model checker.

pub use loom::cell::UnsafeCell;

/// Loom's atomics.
pub mod atomic {
    pub use loom::sync::atomic::*;
}
