//! What the macros' expansions name.

use std::task::Context;

mod maybe_done;
mod random;
mod rotor;

#[cfg(feature = "macros")]
pub use cede_macros::{select_priv_clean_pattern, select_priv_declare_output_enum, select_priv_variant};
pub use maybe_done::{MaybeDone, maybe_done};
pub use random::{set_seed, thread_rng_n};
pub use rotor::{Biased, Fair, Rotation, Rotor};

pub use std::future::{Future, IntoFuture, poll_fn};
pub use std::pin::Pin;
pub use std::result::Result;
pub use std::task::{Poll, ready};

/// Waits until the task has budget. It takes none.
#[inline]
pub fn poll_budget_available(cx: &mut Context<'_>) -> Poll<()> {
    // A unit that is not spent costs nothing.
    drop(ready!(cede_context::budget::poll_proceed(cx)));
    Poll::Ready(())
}

/// The branch that `select!` polls first, if it is `biased`.
#[inline]
#[must_use]
pub fn first_branch(_branches: u32) -> u32 {
    0
}
