//! A task that belongs to somebody: it is aborted with its handle.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::task::JoinHandle;

/// The output of a task; dropping it aborts the task.
#[derive(Debug)]
pub(super) struct Spawned<T>(pub(super) JoinHandle<T>);

impl<T> Future for Spawned<T> {
    type Output = T;

    /// # Panics
    /// With the panic of the task; and if its runtime has ended before it.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(output) => Poll::Ready(output),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => panic!("the runtime of a stream's tasks was shut down before they ended"),
            },
        }
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
