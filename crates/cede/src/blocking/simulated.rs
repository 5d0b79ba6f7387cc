//! Closures of a simulated runtime, which has no threads: each runs in a task, at a moment that the schedule chooses.
//!
//! Only simulated runtimes name this, in their `Parts`, so that it is in no other program.

#![forbid(unsafe_code)]

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::BlockingJob;
use super::pool::Job;
use crate::runtime::Handle;

/// Gives a job its turn among the tasks.
pub(crate) type RunsJobs = fn(&Handle, BlockingJob, &'static Location<'static>);

#[inline]
pub(crate) fn run(handle: &Handle, job: BlockingJob, site: &'static Location<'static>) {
    drop(handle.spawn_at(Turn(Some(job)), site));
}

/// A job until its turn. It is cancelled if that does not come.
struct Turn(Option<BlockingJob>);

impl Future for Turn {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if let Some(job) = self.0.take() {
            job.run();
        }
        Poll::Ready(())
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job.cancel();
        }
    }
}
