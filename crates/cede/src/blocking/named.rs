//! Named, bounded pools for closures that block.
//!
//! # What
//! [`spawn_blocking`](crate::task::spawn_blocking) has one pool for everything: when a file server hangs, what waits for it takes all threads, and then a lookup of a host
//! name has none. So whatever may get stuck together gets a [`BlockingPool`] of its own, with threads of its own (a bulkhead): no job of one pool can delay a job of another, because they
//! share nothing but the processors.
//!
//! # Why not the obvious way
//! An unbounded queue turns a slow dependency into memory that grows without an end and answers that nobody waits for any more. So at most `max_threads + queue_limit` jobs are
//! accepted at a time, and the caller chooses what happens to the next: [`try_spawn`](BlockingPool::try_spawn) refuses it, [`spawn`](BlockingPool::spawn) waits for room, in order of arrival.
//! The room is a semaphore around the pool and not a limit inside, because waiting fairly and giving up cleanly is what a semaphore is.
//!
//! # Invariants
//! - I1: a job owns a permit from its acceptance until it has run, or was dropped without having run. So `jobs()` is at most `max_threads + queue_limit`.
//! - I2: after the shutdown the semaphore is closed: nobody waits for room that will never come.
//!
//! Few programs use this, so its functions are `#[inline]`: compiled by whoever calls them, and in no other program.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use cede_sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::{BlockingJob, pool};
use crate::runtime::Handle;
use crate::task::JoinHandle;

mod builder;
#[cfg(test)]
mod tests;

pub use builder::Builder;

/// A pool of threads for closures that block, with a name and bounds. Clones are the same pool.
///
/// Dropping it ends nothing: what was accepted runs, even if the runtime that spawned it has ended, and its threads end when they were idle for the keep-alive. To end
/// it at once, call [`shutdown`](Self::shutdown).
///
/// ```
/// # cede::block_on(async {
/// use cede::blocking::BlockingPool;
///
/// let disks = BlockingPool::builder().name("disks").max_threads(4)?.queue_limit(100).build();
/// let read = disks.spawn(|| std::fs::read_to_string("/proc/self/comm")).await.unwrap();
/// assert!(read.await.unwrap().is_ok());
/// # Ok::<(), cede::ZeroLimit>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct BlockingPool {
    name: Arc<str>,
    pool: pool::Pool<BlockingJob>,
    room: Arc<Semaphore>,
    capacity: usize,
}

impl BlockingPool {
    /// Sets up a pool.
    #[inline]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its name, which its threads begin with.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `job` on a thread of the pool, if there is room.
    ///
    /// # Errors
    /// [`SpawnError::Saturated`] if all threads are busy and the queue is full; [`SpawnError::Closed`] after [`shutdown`](Self::shutdown);
    /// [`SpawnError::NoThread`] if the pool has no thread and none can be created.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn try_spawn<F, R>(&self, job: F) -> Result<JoinHandle<R>, SpawnError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let permit = self.room.clone().try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => SpawnError::Saturated,
            TryAcquireError::Closed => SpawnError::Closed,
        })?;
        self.submit(job, permit, Location::caller())
    }

    /// Runs `job` on a thread of the pool, as soon as there is room. Gives the handle, not the output.
    ///
    /// # Errors
    /// As [`try_spawn`](Self::try_spawn), but never [`SpawnError::Saturated`].
    ///
    /// # Cancel safety
    /// A future that is dropped before it is ready has spawned nothing, and loses its place among those that wait.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    #[track_caller]
    pub fn spawn<F, R>(&self, job: F) -> impl Future<Output = Result<JoinHandle<R>, SpawnError>> + Send + use<F, R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (pool, site) = (self.clone(), Location::caller());
        async move {
            let permit = pool.room.clone().acquire_owned().await.map_err(|_| SpawnError::Closed)?;
            pool.submit(job, permit, site)
        }
    }

    #[inline]
    fn submit<F, R>(&self, job: F, permit: OwnedSemaphorePermit, site: &'static Location<'static>) -> Result<JoinHandle<R>, SpawnError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let handle = Handle::current();
        let job = move || {
            let _room = permit;
            job()
        };
        if handle.parts().is_simulated() {
            return super::try_spawn(&handle, job, site).map_err(SpawnError::NoThread);
        }
        match super::submit(&self.pool, &handle, job, site, None) {
            Ok((join, true)) => Ok(join),
            Ok((_, false)) => Err(SpawnError::Closed),
            Err(error) => Err(SpawnError::NoThread(error)),
        }
    }

    /// The jobs that were accepted and have not ended.
    #[inline]
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.capacity - self.room.available_permits()
    }

    /// The threads that exist now.
    #[inline]
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.metrics().threads
    }

    /// Ends the pool: accepts nothing more, cancels the jobs that no thread has begun (their handles give a cancelled
    /// [`JoinError`](crate::task::JoinError)), and blocks this thread until the others have ended, at most for `timeout`. With `Some(Duration::ZERO)` it does not
    /// wait. Returns whether all threads have ended.
    #[inline]
    pub fn shutdown(&self, timeout: Option<Duration>) -> bool {
        self.room.close();
        self.pool.shutdown(timeout)
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingPool")
            .field("name", &self.name)
            .field("threads", &self.threads())
            .field("jobs", &self.jobs())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// Why a [`BlockingPool`] did not accept a job.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// All its threads are busy and its queue is full.
    Saturated,
    /// It was shut down.
    Closed,
    /// It has no thread, and the operating system gave none, for this reason.
    NoThread(io::Error),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saturated => f.write_str("all threads of the blocking pool are busy and its queue is full"),
            Self::Closed => f.write_str("the blocking pool was shut down"),
            Self::NoThread(error) => write!(f, "the blocking pool has no thread and could create none: {error}"),
        }
    }
}

impl Error for SpawnError {
    #[inline]
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoThread(error) => Some(error),
            Self::Saturated | Self::Closed => None,
        }
    }
}
