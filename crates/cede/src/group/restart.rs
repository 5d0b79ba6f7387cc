//! Children that are started again when they panic.

#![forbid(unsafe_code)]

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use super::ChildName;
use super::child::tell;
use crate::backoff::Backoff;
use crate::time::{Instant, sleep};

/// Runs what `make` makes until one ends without a panic, or `backoff` has no pause left; then the panic goes on.
pub(super) async fn restarting<F: Future>(who: ChildName, backoff: Backoff, mut make: impl FnMut() -> F) -> F::Output {
    let mut pauses = backoff.clone();
    loop {
        let began = Instant::now();
        let ended = {
            let made = catch_unwind(AssertUnwindSafe(&mut make));
            match made {
                Ok(run) => {
                    let mut run = pin!(run);
                    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))) {
                        Ok(polled) => polled.map(Ok),
                        Err(panic) => Poll::Ready(Err(panic)),
                    })
                    .await
                }
                Err(panic) => Err(panic),
            }
        };
        let panic = match ended {
            Ok(output) => return output,
            Err(panic) => panic,
        };
        if began.elapsed() > backoff.longest() {
            // It went well for long, so this is another trouble.
            pauses = backoff.clone();
        }
        let Some(pause) = pauses.next() else { resume_unwind(panic) };
        tell(&who, &*panic);
        // Its drop may panic, too, which ends the child.
        drop(panic);
        sleep(pause).await;
    }
}
