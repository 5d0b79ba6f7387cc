//! Operations that charge the budget of the task.
#![forbid(unsafe_code)]

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, ready};

use cede_context::budget;

/// Charges `future` to the task's budget as one operation.
pub(crate) async fn cooperative<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let unit = ready!(budget::poll_proceed(cx));
        let output = ready!(future.as_mut().poll(cx));
        unit.spend();
        Poll::Ready(output)
    })
    .await
}
