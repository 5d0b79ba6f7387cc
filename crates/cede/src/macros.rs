//! The macros: [`select!`](crate::select), [`join!`](crate::join), [`try_join!`](crate::try_join) and [`pin!`](crate::pin).
//!
//! They expand in the user's crate, so what they need is public in [`support`] and hidden from the documentation. No stability is promised for it.

mod join;
mod pin;
#[cfg(feature = "macros")]
mod select;
#[doc(hidden)]
pub mod support;
mod try_join;
