//! How a blocking pool is set up.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cede_sync::Semaphore;

use super::super::pool;
use super::BlockingPool;
use crate::ZeroLimit;

/// Sets up a [`BlockingPool`].
///
/// ```
/// use std::time::Duration;
/// let pool = cede::blocking::BlockingPool::builder().name("mail").max_threads(2)?.queue_limit(50).keep_alive(Duration::from_secs(1)).build();
/// assert_eq!((pool.name(), pool.threads()), ("mail", 0));
/// # Ok::<(), cede::ZeroLimit>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Builder {
    name: Arc<str>,
    queue_limit: usize,
    pub(super) config: pool::Config,
}

impl Default for Builder {
    #[inline]
    fn default() -> Self {
        Self { name: Arc::from("blocking"), queue_limit: 1024, config: pool::Config { max_threads: 16, ..pool::Config::default() } }
    }
}

impl Builder {
    /// The pool's name; its threads are called `name-0`, `name-1` and so on. By default `blocking`. Linux shows 15 bytes of it.
    #[inline]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The most threads at one time; by default 16. None exists before the first job.
    ///
    /// # Errors
    /// If it is 0: no job would ever run.
    #[inline]
    pub fn max_threads(mut self, count: usize) -> Result<Self, ZeroLimit> {
        ZeroLimit::check("number of threads", count)?;
        self.config.max_threads = count;
        Ok(self)
    }

    /// So many jobs may wait while all threads are busy; by default 1024.
    #[inline]
    pub fn queue_limit(mut self, count: usize) -> Self {
        self.queue_limit = count;
        self
    }

    /// How long an idle thread waits for a job before it ends; by default 10 s.
    #[inline]
    pub fn keep_alive(mut self, time: Duration) -> Self {
        self.config.keep_alive = time;
        self
    }

    /// The stack of each thread in bytes; by default that of `std`.
    #[inline]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// The pool, without threads yet.
    #[inline]
    #[must_use]
    pub fn build(self) -> BlockingPool {
        let Self { name, queue_limit, mut config } = self;
        let capacity = config.max_threads.saturating_add(queue_limit).min(Semaphore::MAX_PERMITS);
        let (prefix, started) = (name.clone(), AtomicUsize::new(0));
        config.name = Arc::new(move || format!("{prefix}-{}", started.fetch_add(1, Ordering::Relaxed)));
        BlockingPool { name, pool: pool::Pool::new(config), room: Arc::new(Semaphore::new(capacity)), capacity }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).field("queue_limit", &self.queue_limit).field("config", &self.config).finish()
    }
}
