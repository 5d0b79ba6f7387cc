//! Numbers about a runtime.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.

use std::time::Duration;

use super::{CpuGroupMetrics, Handle};

/// Numbers about a runtime as it is at the moment of each call.
///
/// ```
/// let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
/// assert_eq!(runtime.handle().metrics().num_workers(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuntimeMetrics {
    pub(crate) handle: Handle,
}

impl RuntimeMetrics {
    #[inline]
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// The number of workers.
    #[inline]
    #[must_use]
    pub fn num_workers(&self) -> usize {
        self.handle.worker_count()
    }

    /// The number of tasks that were spawned and have not ended. Blocking closures and the tasks of a [`LocalSet`](crate::task::LocalSet) do not count.
    #[inline]
    #[must_use]
    pub fn num_alive_tasks(&self) -> usize {
        self.handle.alive_tasks()
    }

    /// The number of runnable tasks that were spawned or woken by threads that are no workers, and wait for a worker.
    #[inline]
    #[must_use]
    pub fn global_queue_depth(&self) -> usize {
        self.handle.queue_depth()
    }

    /// For how long a worker has had something to do. It grows when the worker parks.
    ///
    /// # Panics
    /// If there is no such worker.
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        self.handle.stats(worker).busy()
    }

    /// How often a worker ran out of things to do. Looks for work of a worker that is idle while others run do not count.
    ///
    /// # Panics
    /// If there is no such worker.
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.handle.stats(worker).park_count()
    }

    /// How often a worker ran out of things to do or found something again: odd while it is idle.
    ///
    /// # Panics
    /// If there is no such worker.
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.handle.stats(worker).park_unpark_count()
    }

    /// How many tasks were spawned since the runtime began.
    #[inline]
    #[must_use]
    pub fn spawned_tasks_count(&self) -> u64 {
        self.handle.spawned_tasks()
    }

    /// The number of runnable tasks that wait in the queue of a worker. On a one-thread runtime that is not known from outside, and zero.
    ///
    /// # Panics
    /// If there is no such worker.
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.handle.local_queue_depth(worker)
    }

    /// How many tasks a worker took from the queues of others.
    ///
    /// # Panics
    /// If there is no such worker.
    #[inline]
    #[track_caller]
    #[must_use]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.handle.stats(worker).steal_count()
    }

    /// What brings events to the workers: `epoll`, or `sim` in a simulated run.
    #[inline]
    #[must_use]
    pub fn driver_kind(&self) -> &'static str {
        if self.handle.parts().is_simulated() { "sim" } else { "epoll" }
    }

    /// How often a worker was taken from a thread that was stuck in a task; see [`Builder::rescue_after`](super::Builder::rescue_after).
    #[inline]
    #[must_use]
    pub fn rescued_workers_count(&self) -> u64 {
        self.handle.rescued_workers()
    }

    /// How many polls took longer than [`Builder::stall_after`](super::Builder::stall_after), and did or do keep their thread for that time.
    #[inline]
    #[must_use]
    pub fn stalled_polls_count(&self) -> u64 {
        self.handle.parts().reported.stalls()
    }

    /// How many tasks panicked, closures on blocking threads included.
    #[inline]
    #[must_use]
    pub fn panicked_tasks_count(&self) -> u64 {
        self.handle.parts().panics.count()
    }

    /// How many [deadlocks](crate::inspect::Deadlock) were found.
    #[inline]
    #[must_use]
    pub fn deadlocks_count(&self) -> u64 {
        self.handle.parts().reported.deadlocks()
    }

    /// What the tasks of each [`CpuGroup`](crate::task::CpuGroup) did on this runtime, as long as anybody has the group; the runtime may have it for a while after its last task has ended.
    #[inline]
    #[must_use]
    pub fn cpu_groups(&self) -> Vec<CpuGroupMetrics> {
        self.handle.parts().groups.metrics()
    }

    /// The number of threads for blocking closures.
    #[inline]
    #[must_use]
    pub fn num_blocking_threads(&self) -> usize {
        self.handle.parts().blocking.metrics().threads
    }

    /// The number of those that have nothing to do.
    #[inline]
    #[must_use]
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.handle.parts().blocking.metrics().idle
    }

    /// The number of blocking closures that wait for a thread.
    #[inline]
    #[must_use]
    pub fn blocking_queue_depth(&self) -> usize {
        self.handle.parts().blocking.metrics().queued
    }

    /// How often a sleeping worker was interrupted by another thread since the runtime began. Each cost a system call and the wake of a thread.
    #[inline]
    #[must_use]
    pub fn interrupts(&self) -> u64 {
        self.handle.interrupts()
    }
}
