//! Closures that may block, on threads of their own.
//!
//! A closure is a task like any other, so that its handle is a [`JoinHandle`]; its cell comes from the allocator because no worker
//! owns it. The threads are those of [`pool`]: each runtime has some for [`spawn_blocking`](crate::task::spawn_blocking), and a [`BlockingPool`] has its own. In a
//! simulated run there are no threads: the closure runs as a task, at a moment that the schedule chooses.
//!
//! # Threads of your own
//! A thread that lives as long as the program, or that a library started, is better spoken to by channels. Each end of a channel can be with a task or with a plain thread: the
//! thread calls the methods that begin with `blocking_`, which park it and need no runtime. (On a thread that runs tasks they panic.)
//!
//! ```
//! use cede::sync::{mpsc, oneshot};
//!
//! // To the thread: lines, each with a place for the answer. At most eight wait; then `send` waits.
//! let (lines, mut inbox) = mpsc::channel::<(String, oneshot::Sender<usize>)>(8);
//! // From the thread: what it has to say without being asked.
//! let (tell, mut told) = mpsc::channel(8);
//! let thread = std::thread::spawn(move || {
//!     while let Some((line, answer)) = inbox.blocking_recv() {
//!         let _ = answer.send(line.len()); // the asker may have gone
//!         if tell.blocking_send(format!("measured {line:?}")).is_err() {
//!             break; // nobody listens any more
//!         }
//!     }
//! });
//! cede::block_on(async {
//!     let (answer, answered) = oneshot::channel();
//!     lines.send(("seven!!".to_owned(), answer)).await.unwrap();
//!     assert_eq!(answered.await, Ok(7));
//!     assert_eq!(told.recv().await.as_deref(), Some("measured \"seven!!\""));
//! });
//! drop(lines); // the thread's loop ends
//! thread.join().unwrap();
//! ```

#[cfg(any(feature = "fs", feature = "io-std"))]
pub(crate) mod mandatory;
mod named;
pub(crate) mod pool;
pub(crate) mod simulated;

pub use named::{BlockingPool, Builder, SpawnError};

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::time::Duration;

use cede_context::{budget, inside};
use cede_core::lock::Lock;
use cede_core::task::{Cell, Header, Home, TaskRef};
use cede_driver::clock::Hold;

use crate::order;
use crate::runtime::{Handle, context, run};
use crate::task::spans::{self, Made};
use crate::task::{Id, JoinError, JoinHandle};

/// The blocking threads of a runtime.
#[derive(Debug)]
pub(crate) struct Blocking {
    pool: pool::Pool<BlockingJob>,
    /// The closures that run at the moment, by id, and where they were spawned.
    running: Lock<Vec<(u64, &'static Location<'static>)>>,
}

impl Blocking {
    pub(crate) fn new(config: pool::Config) -> Self {
        Self { pool: pool::Pool::new(config), running: Lock::new(Vec::new()) }
    }

    /// The closures that run at the moment.
    pub(crate) fn running(&self) -> Vec<(u64, &'static Location<'static>)> {
        let running = self.running.lock().clone();
        order::by_number(running, |&(id, _)| id)
    }

    pub(crate) fn shut_down(&self, timeout: Option<Duration>) {
        self.pool.shutdown(timeout);
    }

    pub(crate) fn metrics(&self) -> pool::Metrics {
        self.pool.metrics()
    }
}

/// Runs `job` where it may block.
///
/// # Panics
/// If no thread for it can be created and none exists.
#[track_caller]
pub(crate) fn spawn<F, R>(handle: &Handle, job: F, site: &'static Location<'static>) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    match try_spawn(handle, job, site) {
        Ok(handle) => handle,
        Err(error) => panic!("OS can't spawn worker thread: {error}; there is no blocking thread, so nothing could ever run the closure"),
    }
}

/// Runs `job` where it may block.
///
/// # Errors
/// If no thread for it can be created and none exists.
pub(crate) fn try_spawn<F, R>(handle: &Handle, job: F, site: &'static Location<'static>) -> io::Result<JoinHandle<R>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (job, join) = prepare(handle, job, site, None);
    start(handle, job, site)?;
    Ok(join)
}

fn start(handle: &Handle, job: BlockingJob, site: &'static Location<'static>) -> io::Result<()> {
    if let Some(run) = handle.parts().simulated {
        run(handle, job, site);
        return Ok(());
    }
    // If the runtime has ended, the job's handle gives a cancelled error.
    hand_in(&handle.parts().blocking.pool, job).map(drop)
}

/// Gives a job to a pool; says whether it was accepted, which it is not by a pool that is shut down.
fn submit<F, R>(
    pool: &pool::Pool<BlockingJob>,
    handle: &Handle,
    job: F,
    site: &'static Location<'static>,
    promised: Option<Promised>,
) -> io::Result<(JoinHandle<R>, bool)>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (job, join) = prepare(handle, job, site, promised);
    Ok((join, hand_in(pool, job)?))
}

/// Whether the pool has accepted it.
fn hand_in(pool: &pool::Pool<BlockingJob>, job: BlockingJob) -> io::Result<bool> {
    let Err(refused) = pool.submit(job) else { return Ok(true) };
    let (job, no_thread) = refused.into_parts();
    job.abandon();
    no_thread.map_or(Ok(false), Err)
}

/// A closure as a job that some thread shall run, and the handle on it.
pub(crate) fn prepare<F, R>(
    handle: &Handle,
    job: F,
    site: &'static Location<'static>,
    promised: Option<Promised>,
) -> (BlockingJob, JoinHandle<R>)
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let id = Id::next();
    spans::spawns::<F>(id, site, size_of::<F>(), Made::Blocking);
    let (task, join) = emplace(Once(Some(job)), id, site);
    (BlockingJob::new(task, handle, promised), JoinHandle::new(join))
}

/// Ends a task before it began, because its runtime is being shut down.
#[cold]
#[inline]
pub(crate) fn spawn_cancelled<F>(future: F, id: Id, site: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (task, join) = emplace(future, id, site);
    // SAFETY: a new task's right to poll is its spawner's; `AllocatedHome` fails with `JoinError`.
    unsafe {
        if task.claim_for_shutdown() {
            run::cancel(task);
        }
    }
    JoinHandle::new(join)
}

fn emplace<F>(future: F, id: Id, site: &'static Location<'static>) -> (TaskRef, cede_core::task::Join<F::Output, JoinError>)
where
    F: Future + 'static,
    F::Output: 'static,
{
    let layout = Cell::<F, AllocatedHome>::LAYOUT;
    // SAFETY: a cell is not of size zero.
    let memory = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
    // SAFETY: the memory is new. What is not `Send` is ended on this thread at once.
    unsafe {
        Header::vacant(memory.cast());
        Cell::<F, AllocatedHome>::emplace(memory, future, id.number(), site, 0)
    }
}

/// The home of tasks that no scheduler owns: they have one turn, and are never asleep.
struct AllocatedHome;

impl Home for AllocatedHome {
    type Failure = JoinError;

    fn schedule(_task: TaskRef) {
        unreachable!("a blocking closure does not wait to be woken");
    }

    unsafe fn free(task: TaskRef, layout: Layout) {
        // SAFETY: the last reference is gone, and the memory came from `alloc` with this layout.
        unsafe { dealloc(task.as_ptr().as_ptr().cast(), layout) };
    }
}

/// A closure as a future that is ready at its first poll.
struct Once<F>(Option<F>);

// The closure is moved out, never pinned.
impl<F> Unpin for Once<F> {}

impl<F: FnOnce() -> R, R> Future for Once<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let job = self.0.take().expect("a closure runs once");
        // In a simulated run the thread is that of the tasks.
        let _outside = inside::leave();
        // No other task waits behind this one, so there is nobody to give way to.
        Poll::Ready(budget::unconstrained(job))
    }
}

type Promised = pool::RunPromised<BlockingJob>;

/// What the pool runs.
#[derive(Debug)]
pub(crate) struct BlockingJob {
    task: TaskRef,
    handle: Handle,
    /// Set if shutting the runtime down runs it, instead of cancelling it.
    promised: Option<Promised>,
    /// Dropped after the closure's result has been published.
    _hold: Option<Box<dyn Held>>,
}

/// While a closure is under way, a paused clock does not run away from it. Then the runtime, which sleeps for as long as that takes, is woken to look at the clock again.
struct PausedClock {
    hold: Option<Hold>,
    driver: cede_driver::Handle,
}

/// What a job keeps only to drop it. Without its type: few jobs have one, and all drop it.
trait Held: Send {}

// Not by the type's own `Debug`, which would be in every program with the rest of it.
impl fmt::Debug for dyn Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PausedClock")
    }
}

impl Held for PausedClock {}

impl PausedClock {
    #[cold]
    fn held(handle: &Handle) -> Box<dyn Held> {
        Box::new(Self { hold: Some(handle.parts().clock.hold()), driver: handle.driver() })
    }
}

impl Drop for PausedClock {
    fn drop(&mut self) {
        drop(self.hold.take());
        self.driver.unpark();
    }
}

impl pool::Job for BlockingJob {
    fn run(self) {
        let _inside = context::enter(self.handle.clone());
        let running = &self.handle.parts().blocking.running;
        let id = self.task.id();
        running.lock().push((id, self.task.site()));
        // SAFETY: the pool gives each job one turn; its home's failure is `JoinError`.
        let outcome = unsafe { run::run(self.task, |panicked| self.handle.parts().tell_panic(panicked)) };
        {
            // As many entries as threads that run something, so looking through them is short.
            let mut running = running.lock();
            let place = running.iter().rposition(|&(other, _)| other == id).expect("was put there above");
            running.swap_remove(place);
        }
        debug_assert_eq!(outcome, run::Outcome::Completed);
    }

    fn cancel(self) {
        if self.promised.is_some() { pool::Job::run(self) } else { self.abandon() }
    }

    fn promised(&self) -> Option<Promised> {
        self.promised
    }
}

impl BlockingJob {
    fn new(task: TaskRef, handle: &Handle, promised: Option<Promised>) -> Self {
        let clock = &handle.parts().clock;
        // That of a simulated run moves only when no task can run.
        let hold = (clock.is_paused() && !clock.is_simulated()).then(|| PausedClock::held(handle));
        Self { task, handle: handle.clone(), promised, _hold: hold }
    }

    /// It will never run.
    fn abandon(self) {
        // SAFETY: as in `run`: this is the job's one turn.
        unsafe {
            if self.task.claim_for_shutdown() {
                run::cancel(self.task);
            }
        }
    }
}
