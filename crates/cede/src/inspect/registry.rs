//! The runtimes of the process.

#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::record::samples::Samples;
use crate::runtime::Handle;
use crate::runtime::parts::Parts;

/// A runtime, as reports see it: only what all programs may have to say, because they all have what this table leads to.
pub(crate) trait Inspected: Send + Sync {
    fn parts(&self) -> &Parts;

    /// How many workers it has; none: it runs on whatever thread is in `block_on`.
    fn workers(&self) -> usize;

    /// By which everything else is asked.
    #[cfg_attr(not(feature = "record"), expect(dead_code, reason = "pictures and histograms ask for more than reports"))]
    fn handle(self: Arc<Self>) -> Handle;
}

/// What a runtime counts for pictures and histograms.
#[cfg_attr(not(feature = "inspect"), expect(dead_code, reason = "few programs draw any"))]
pub(crate) trait Counted {
    /// How many timers are armed.
    fn armed_timers(&self) -> usize;

    /// Calls `visit` with the samples of each worker.
    fn visit_samples(&self, visit: &mut dyn FnMut(&Samples));
}

static RUNTIMES: Mutex<Vec<Weak<dyn Inspected>>> = Mutex::new(Vec::new());

#[inline(never)]
fn runtimes() -> MutexGuard<'static, Vec<Weak<dyn Inspected>>> {
    RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runtime is listed from now on, as long as it lives.
pub(crate) fn add(runtime: Weak<dyn Inspected>) {
    super::socket::listen_if_asked();
    super::chain::keep_if_asked();
    let mut runtimes = runtimes();
    runtimes.retain(|runtime| runtime.strong_count() > 0);
    runtimes.push(runtime);
}

/// All runtimes that live.
pub(crate) fn all() -> Vec<Arc<dyn Inspected>> {
    let mut all = Vec::new();
    for runtime in &*runtimes() {
        if let Some(runtime) = runtime.upgrade() {
            all.push(runtime);
        }
    }
    all
}

/// The runtime with this number.
pub(crate) fn find(number: u64) -> Option<Arc<dyn Inspected>> {
    all().into_iter().find(|runtime| runtime.parts().id.number() == number)
}
