//! Spawning on the client's side, counted: the demo tells how many tasks the downloads took, and a number that is computed could be wrong without anybody
//! noticing. The demo's server spawns past this count, because its tasks are not the client's.

use std::sync::atomic::{AtomicUsize, Ordering};

use cede::task::JoinHandle;

/// A mere count: nothing is read because of it, so no ordering is needed.
static SPAWNED: AtomicUsize = AtomicUsize::new(0);

/// [`cede::spawn`], counted.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    SPAWNED.fetch_add(1, Ordering::Relaxed);
    cede::spawn(future)
}

/// How many tasks this process has spawned so far.
pub fn spawned() -> usize {
    SPAWNED.load(Ordering::Relaxed)
}
