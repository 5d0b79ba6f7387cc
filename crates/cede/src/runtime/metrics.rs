//! Numbers about a runtime.

use super::Handle;

/// Numbers about a runtime as it is at the moment of each call.
///
/// ```
/// let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// assert_eq!(runtime.handle().metrics().num_workers(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuntimeMetrics {
    handle: Handle,
}

impl RuntimeMetrics {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// The number of workers.
    #[must_use]
    pub fn num_workers(&self) -> usize {
        self.handle.worker_count()
    }

    /// The number of threads for blocking closures.
    #[must_use]
    pub fn num_blocking_threads(&self) -> usize {
        self.handle.parts().blocking.metrics().threads
    }

    /// The number of those that have nothing to do.
    #[must_use]
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.handle.parts().blocking.metrics().idle
    }

    /// The number of blocking closures that wait for a thread.
    #[must_use]
    pub fn blocking_queue_depth(&self) -> usize {
        self.handle.parts().blocking.metrics().queued
    }

    /// How often a sleeping worker was interrupted by another thread since the runtime began. Each cost a system call and the wake of a thread.
    #[must_use]
    pub fn interrupts(&self) -> u64 {
        self.handle.interrupts()
    }
}
