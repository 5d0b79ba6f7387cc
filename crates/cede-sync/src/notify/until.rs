//! Waiting for a condition, with a [`Notify`] that tells when to look again.
#![forbid(unsafe_code)]

use core::future::{Future, poll_fn};
use core::pin::pin;

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};

use super::Notify;

impl Notify {
    /// Waits until `look` has an answer. Whoever changes what it looks at calls [`Notify::notify_waiters`] afterwards; no change is missed, because the
    /// future exists before the look. The task is recorded as waiting for `kind` of `object`.
    pub(crate) async fn until<R>(&self, kind: WaitKind, object: u64, mut look: impl FnMut() -> Option<R>) -> R {
        loop {
            let mut notified = pin!(self.notified());
            if let Some(answer) = look() {
                return answer;
            }
            poll_fn(|cx| {
                let poll = notified.as_mut().poll(cx);
                if poll.is_pending() && budget::has_remaining() {
                    waiting_for(kind, object);
                }
                poll
            })
            .await;
        }
    }
}
