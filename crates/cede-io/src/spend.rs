//! What the resources in memory spend.

use std::task::{Context, Poll, ready};

/// Takes one unit from the budget; `Pending` when there is none.
#[inline]
pub(crate) fn poll_spend(cx: &mut Context<'_>) -> Poll<()> {
    ready!(cede_context::budget::poll_proceed(cx)).spend();
    Poll::Ready(())
}
