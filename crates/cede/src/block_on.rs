//! Running one future without making a runtime first.

use std::future::Future;

use crate::runtime::Builder;

/// Runs a future to its end on this thread, on a one-thread runtime of its own. Timers, sockets and tasks work in it; tasks that are still running when the future ends are dropped.
///
/// # Panics
/// If the future panics, and if descriptors for the runtime cannot be had.
///
/// ```
/// assert_eq!(cede::block_on(async { 1 + 1 }), 2);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("failed to make a runtime: {error}; close descriptors or raise their limit"),
    }
}
