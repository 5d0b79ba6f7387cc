//! The one place that chooses between the real primitives and those of the loom model checker.
//!
//! Code that is modelled names atomics and cells through this module only. Under `--cfg loom` every access becomes a step that loom can
//! reorder; otherwise everything here is a re-export or an `#[inline]` shell.

#[cfg(not(loom))]
mod real;
#[cfg(not(loom))]
pub use real::*;

#[cfg(loom)]
mod model;
#[cfg(loom)]
pub use model::*;

/// A `const fn` in real builds; loom's constructors are not const.
#[macro_export]
macro_rules! const_fn_unless_loom {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $name($($arg: $ty),*) -> $ret $body
        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}
