//! The threads that compute.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;

use cede_sync::{CancellationToken, watch};

use super::{Computation, Progress, Work};
use crate::blocking;
use crate::blocking::pool::Job;
use crate::runtime::Handle;
use crate::sys;

/// A pool of threads for work that keeps processors busy. Clones are the same pool; when the last is dropped, what was spawned still runs, and then its threads end.
///
/// ```
/// # cede::block_on(async {
/// let pool = cede::compute::ComputePool::builder().name("export").threads(2).nice(10).build().unwrap();
/// assert_eq!(pool.spawn(|_| 6 * 7).await.unwrap(), 42);
/// # });
/// ```
#[derive(Clone)]
pub struct ComputePool {
    threads: Arc<rayon::ThreadPool>,
}

impl ComputePool {
    /// Sets up a pool.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs `work` on this pool; see [`cede::compute`](super).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F, R>(&self, work: F) -> Computation<R>
    where
        F: FnOnce(&Work) -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_at(work, Location::caller())
    }

    pub(super) fn spawn_at<F, R>(&self, work: F, site: &'static Location<'static>) -> Computation<R>
    where
        F: FnOnce(&Work) -> R + Send + 'static,
        R: Send + 'static,
    {
        let runtime = Handle::current();
        let (sender, progress) = watch::channel(Progress::default());
        let token = CancellationToken::new();
        let seen = Work { token: token.clone(), progress: sender };
        let job = move || work(&seen);
        let join = if runtime.parts().is_simulated() {
            blocking::spawn(&runtime, job, site)
        } else {
            let (job, join) = blocking::prepare(&runtime, job, site, None);
            self.threads.spawn(move || job.run());
            join
        };
        Computation { join, token, progress, detached: false }
    }

    /// How many threads it has.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }
}

impl fmt::Debug for ComputePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComputePool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

/// Sets up a [`ComputePool`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    name: Arc<str>,
    threads: usize,
    nice: Option<i32>,
    stack_size: Option<usize>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { name: Arc::from("compute"), threads: 0, nice: None, stack_size: None }
    }
}

impl Builder {
    /// The pool's name; its threads are called `name-0`, `name-1` and so on. By default `compute`. Linux shows 15 bytes of it.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// How many threads; by default, or for 0, one for each processor.
    pub fn threads(mut self, count: usize) -> Self {
        self.threads = count;
        self
    }

    /// How far the threads give way to others, from 0 (not at all) to 19. If the system refuses, they work at its usual priority.
    pub fn nice(mut self, level: i32) -> Self {
        self.nice = Some(level);
        self
    }

    /// The stack of each thread in bytes; by default that of `std`.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// A thread cannot be created.
    pub fn build(self) -> io::Result<ComputePool> {
        let Self { name, threads, nice, stack_size } = self;
        let mut builder = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(move |index| format!("{name}-{index}"));
        if let Some(bytes) = stack_size {
            builder = builder.stack_size(bytes);
        }
        if let Some(level) = nice {
            // On Linux this is about the calling thread. A refusal costs the others some speed and is no error.
            builder = builder.start_handler(move |_| {
                let _refused = sys::priority::set_nice(None, level);
            });
        }
        let threads = builder.build().map_err(io::Error::other)?;
        Ok(ComputePool { threads: Arc::new(threads) })
    }
}
