//! Operations on files, which the kernel has no way to wait for.
//!
//! # Where does a file operation run?
//! Here is the one place that decides: [`start`] and its siblings, which hand a closure to the blocking pool and give an [`Operation`] back. A kernel interface that
//! completes file operations by itself would be another way to make an `Operation`; nothing above would notice.
#![cfg_attr(not(feature = "fs"), expect(dead_code, reason = "the standard streams use a part"))]

pub(crate) mod buffer;

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_context::wait::{WaitKind, waiting_for};

use crate::runtime::{Handle, context};
use crate::task::JoinHandle;

/// An operation that is under way. Dropping it does not end the operation.
#[derive(Debug)]
pub(crate) struct Operation<R>(JoinHandle<R>);

impl<R> Future for Operation<R> {
    type Output = io::Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let polled = Pin::new(&mut self.0).poll(cx).map_err(|_| background_task_failed());
        if polled.is_pending() {
            waiting_for(WaitKind::Blocking, self.0.id().number());
        }
        polled
    }
}

fn background_task_failed() -> io::Error {
    io::Error::other("background task failed")
}

/// The runtime whose pool does the work.
///
/// # Errors
/// In a simulated run.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
fn runtime() -> io::Result<Handle> {
    let handle = context::current();
    if handle.parts().is_simulated() {
        let message = "files of the operating system cannot be used in a simulated run, because the kernel decides their timing";
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    Ok(handle)
}

/// Whether the thread is in a runtime where files of the operating system can be used.
pub(crate) fn has_files() -> bool {
    context::with_current(|handle| !handle.parts().is_simulated()).unwrap_or(false)
}

/// Starts an operation. If the runtime is shut down before its turn, it is never done.
#[track_caller]
pub(crate) fn start<R: Send + 'static>(operation: impl FnOnce() -> R + Send + 'static) -> io::Result<Operation<R>> {
    crate::blocking::try_spawn(&runtime()?, operation, Location::caller()).map(Operation)
}

/// Starts an operation of which somebody was told that it succeeded, such as a write from a buffer: it is done even if the runtime is shut down meanwhile.
///
/// # Errors
/// If the runtime has been shut down already: `background task failed`, as callers of file operations know it.
#[track_caller]
pub(crate) fn start_mandatory<R: Send + 'static>(operation: impl FnOnce() -> R + Send + 'static) -> io::Result<Operation<R>> {
    let join = crate::blocking::mandatory::spawn(&runtime()?, operation, Location::caller())?;
    join.map(Operation).ok_or_else(background_task_failed)
}

/// Does an operation.
pub(crate) async fn run<R: Send + 'static>(operation: impl FnOnce() -> io::Result<R> + Send + 'static) -> io::Result<R> {
    start(operation)?.await?
}
