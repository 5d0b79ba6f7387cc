//! Giving way.

use std::future::poll_fn;
use std::task::Poll;

use cede_context::wait::{WaitKind, waiting_for};

use crate::runtime::context;

/// Gives way to the other tasks of this runtime: the task goes to the back of the queue.
///
/// *Cancel safety*: dropping it has no effect.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// cede::spawn(async { println!("runs first") });
/// cede::task::yield_now().await;
/// println!("runs second");
/// # });
/// ```
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        waiting_for(WaitKind::Yield, 0);
        context::yield_task(cx.waker());
        Poll::Pending
    })
    .await;
}
