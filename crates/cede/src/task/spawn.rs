//! Starting tasks on the runtime that the thread is in.

use std::future::Future;
use std::panic::Location;

use super::JoinHandle;
use crate::runtime::{Handle, context};

/// Starts a task on the current runtime. It runs concurrently, whether or not the handle is awaited.
///
/// # Panics
/// Outside of a runtime.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let doubled = cede::spawn(async { 21 * 2 });
/// assert_eq!(doubled.await.unwrap(), 42);
/// # });
/// ```
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let site = Location::caller();
    // On the runtime's own thread the future is only moved. Elsewhere it may have to be dropped, which is foreign code, so nothing is borrowed then.
    match context::with_current(Handle::spawns_here) {
        Some(true) => match context::with_current(|handle| handle.spawn_at(future, site)) {
            Some(join) => join,
            None => context::outside(),
        },
        Some(false) => context::current().spawn_at(future, site),
        None => context::outside(),
    }
}

/// Runs a closure that may block on a thread where that disturbs nobody. It cannot be aborted once it runs.
///
/// # Panics
/// Outside of a runtime, and if no thread for it can be created and none exists.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let sum = cede::task::spawn_blocking(|| (1..=1000_u64).sum::<u64>());
/// assert_eq!(sum.await.unwrap(), 500_500);
/// # });
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(job: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let site = Location::caller();
    crate::blocking::spawn(&context::current(), job, site)
}
