//! What does not leave its thread, made to look as if it could.
//!
//! All workloads have one type, which can be sent to another thread. The peers whose tasks stay where they are have types that cannot.
//!
//! # Invariants
//! - I1: a `Local` is made and used on one thread: the contender has one, or pins its tasks to a worker and makes their parts when they are first polled there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// See the module. Only for contenders that keep I1.
pub struct Local<F>(pub F);

// SAFETY: [I1] it is never sent.
unsafe impl<F> Send for Local<F> {}

impl<F: Future> Future for Local<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: [I1] and the only field is pinned with the whole.
        unsafe { self.map_unchecked_mut(|local| &mut local.0) }.poll(context)
    }
}
