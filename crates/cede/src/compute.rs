//! Work that keeps a processor busy, awaited from tasks. (Feature `compute`.)
//!
//! # What
//! [`spawn`] runs a closure on a pool with one thread per processor and gives a [`Computation`]: a future of the output, with [progress](Computation::progress) and
//! [cancellation](Computation::cancel). The threads are rayon's, so that inside of the closure `par_iter`, `join` and `scope` spread the work over the same pool.
//!
//! ```
//! # cede::block_on(async {
//! let sum = cede::compute::spawn(|work| {
//!     work.set_total(100);
//!     let mut sum = 0_u64;
//!     for piece in 0..100_u64 {
//!         work.check()?; // gives up when nobody wants the output any more
//!         sum += piece;
//!         work.advance(1);
//!     }
//!     Ok::<_, cede::compute::Cancelled>(sum)
//! });
//! let mut progress = sum.progress();
//! while progress.changed().await.is_ok() {
//!     let now = *progress.borrow_and_update();
//!     println!("{} of {:?}", now.done, now.total);
//! }
//! assert_eq!(sum.await.unwrap(), Ok(4950));
//! # });
//! ```
//!
//! # Why not the obvious way
//! `spawn_blocking` has hundreds of threads, because its jobs mostly sleep; as many threads that compute only take the processors from each other and from the workers. Awaiting is worth
//! nothing to such work (see "The models compared" in the benchmark), so it leaves the workers alone. A pool of our own would be another work-stealing scheduler for closures; rayon is that.
//! The progress is a watch channel and not a queue, since only the last value matters and a slow reader must not hold the work up.
//!
//! The queue before the pool has no bound. Who accepts work from outside bounds it there, with a [`Semaphore`](cede_sync::Semaphore) or a bounded channel.
//!
//! # Cancellation
//! Work that has not begun when its [`Computation`] is dropped never begins. Work that has begun is asked to stop: [`Work::check`] fails from then on, and the closure decides where to look.
//! Nothing can stop a closure that does not look. To let it run on, [`detach`](Computation::detach) it.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use cede_sync::{CancellationToken, watch};

use crate::task::{JoinError, JoinHandle};

mod pool;

pub use pool::{Builder, ComputePool};

/// How far work has got, in units that the work chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// So much is done.
    pub done: u64,
    /// Of so much, if the work has said it.
    pub total: Option<u64>,
}

/// What work sees of those who wait for it. Shared by all threads that take part.
///
/// ```
/// # cede::block_on(async {
/// use cede::compute::{Cancelled, Work};
/// let endless = cede::compute::spawn(|work: &Work| -> Cancelled {
///     loop {
///         if let Err(cancelled) = work.check() {
///             return cancelled;
///         }
///     }
/// });
/// let mut progress = endless.progress();
/// drop(endless);
/// assert!(progress.changed().await.is_err(), "it has ended");
/// # });
/// ```
#[derive(Debug)]
pub struct Work {
    token: CancellationToken,
    progress: watch::Sender<Progress>,
}

impl Work {
    /// Fails when nobody wants the output any more. Costs a read of an atomic, or little more: cheap enough for once in a microsecond.
    ///
    /// # Errors
    /// The computation was cancelled or dropped.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.token.is_cancelled() { Err(Cancelled(())) } else { Ok(()) }
    }

    /// The token behind [`check`](Self::check), to be handed on.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Says how much there is to do.
    pub fn set_total(&self, total: u64) {
        self.progress.send_modify(|progress| progress.total = Some(total));
    }

    /// Says that so much more is done. Takes a lock, so call it for pieces and not for bytes.
    pub fn advance(&self, count: u64) {
        self.progress.send_modify(|progress| progress.done = progress.done.saturating_add(count));
    }
}

/// Nobody wants the output of the work any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled(());

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the computation was cancelled")
    }
}

impl Error for Cancelled {}

/// Runs `work` on the pool that all runtimes of the process share: a thread for each processor. See the [module](self).
///
/// # Panics
/// Outside of a runtime, and if the threads of the pool cannot be created. To have that as an error, [build](ComputePool::builder) a pool.
#[track_caller]
pub fn spawn<F, R>(work: F) -> Computation<R>
where
    F: FnOnce(&Work) -> R + Send + 'static,
    R: Send + 'static,
{
    static SHARED: OnceLock<ComputePool> = OnceLock::new();
    let pool = SHARED.get_or_init(|| match ComputePool::builder().build() {
        Ok(pool) => pool,
        Err(error) => panic!("the threads of the compute pool cannot be created: {error}; `ComputePool::builder` returns that as an error"),
    });
    pool.spawn_at(work, Location::caller())
}

/// Work on a compute pool, awaited. Dropping it cancels the work.
///
/// The output is a [`JoinError`] if the work panicked or was cancelled before it had begun.
///
/// *Cancel safety*: awaiting `&mut computation` and dropping that loses nothing; the output waits.
#[must_use = "dropping it cancels the work; `detach` it to let it run"]
pub struct Computation<R> {
    join: JoinHandle<R>,
    token: CancellationToken,
    progress: watch::Receiver<Progress>,
    detached: bool,
}

impl<R> Computation<R> {
    /// How far the work has got. The channel is closed when the work has ended, after its last value; as a stream, see
    /// [`WatchStream`](crate::stream::wrappers::WatchStream).
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Asks the work to stop: if it has not begun, it never does; else its [`check`](Work::check) fails from now on. What the work then returns can still be awaited.
    pub fn cancel(&self) {
        self.token.cancel();
        self.join.abort();
    }

    /// Lets the work run to its end though nobody waits for it.
    pub fn detach(mut self) {
        self.detached = true;
    }

    /// Whether the work has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.join.is_finished()
    }
}

impl<R> Future for Computation<R> {
    type Output = Result<R, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.join).poll(cx)
    }
}

impl<R> Drop for Computation<R> {
    fn drop(&mut self) {
        if !self.detached {
            self.cancel();
        }
    }
}

impl<R> fmt::Debug for Computation<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Computation").field("id", &self.join.id()).field("progress", &*self.progress.borrow()).finish_non_exhaustive()
    }
}
