//! The bounded pool of threads on which blocking code runs.
//!
//! # What
//! [`Pool::submit`] takes a [`Job`]; some thread runs it. Idle threads form a stack (the warm ones are used, the cold ones time out), each with
//! a slot of its own, into which a submission puts the job directly. If none is idle, the job waits in one queue, at which each thread looks
//! when it finished a job.
//!
//! # Why not the obvious way
//! A queue with a condition variable wakes or starts a thread for each of ten thousand jobs of 200 ns, at 10 to 30 µs each. To queue jobs and hope
//! that a running thread finishes soon is cheap, but leaves jobs stuck behind one that blocks. So queue, *and watch*: the first job that is
//! queued summons a watcher, one thread of the pool that looks each 50 µs whether the queue moves, and hands jobs to more threads if not.
//! Nobody watches an empty queue, so a pool at rest has no timer. Stealing, sharding or lock-free queues would buy nothing: with the wakes gone
//! one short lock costs less than what a job costs anyway.
//!
//! # States of a thread
//! ```text
//! started ─▶ runs ──finished, queue empty──▶ spins (one at a time) ──at most 50 µs──▶ idle ──keep-alive──▶ ended
//!             ▲ └──finished, queue not empty─┐ │                                      │ │
//!             ├──────────────────────────────┘ │                    order Run, Watch  │ └──order Exit──▶ ended
//!             ├────────────────────────────────┘                                      │
//!             └────────────── watches ◀───────────────────────────────────────────────┘
//! ```
//!
//! # The wake protocol
//! Both sides decide under the one lock, and act (unpark, start) after it.
//! - `[submit]` A spinning thread has no job promised to it: queue the job, it will see it. Else, if the queue holds nothing else and fewer than
//!   four threads are on their way to a job: put the job into the slot of an idle or a new thread. Else queue it and see to a watcher.
//! - `[take]` A thread that takes a job and leaves others in the queue sees to a watcher.
//! - `[park]` A thread becomes idle under the lock under which it saw that the queue is empty. Who takes it off the idle stack writes an order into
//!   its slot under that lock and unparks it afterwards, so an order is never missed; and a thread whose keep-alive ended leaves the stack
//!   under that lock, or finds that somebody took it off and that there is an order.
//! - `[watch]` No job was taken by a finishing thread since the last look: hand some jobs to other threads, and more the next time. Few
//!   were, measured by the length of the queue: hand over one. If no other thread can be had, the watcher runs a job itself.
//!
//! # Invariants
//! - I1: while the queue holds more than the spinning thread will take, there is a watcher, or every thread of the pool runs a job and no more could
//!   be started, which is tried again at each `[submit]` and `[take]`. So no job waits behind a blocked one for long: at each look, a job leaves the
//!   queue or so many left it since the last look that sixteen times as many would empty it.
//! - I2: an accepted job is run once or cancelled once. It is cancelled only by shutdown, or when no thread exists and none can be created. One that is promised to
//!   somebody is run even then.
//! - I3: no user code (jobs, hooks, names, spawner) runs under the lock, and a panic in it ends neither a thread nor the pool's counts.
//! - I4: `threads`, those that will look at the queue again, is at most `max_threads`, and counts those that are being created.
//!
//! All state that matters is under one mutex, so there is nothing for loom to reorder; `queued` and `arriving` are hints.

#![forbid(unsafe_code)]

use std::{
    fmt, io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

#[cfg(any(feature = "fs", feature = "io-std"))]
pub(super) mod promised;
mod state;
mod worker;

#[cfg(test)]
mod tests;

use crate::runtime::placement::Placement;
use crate::runtime::run::shielded;
use crate::sys;
use state::{Act, State, Worker};

/// What a pool runs.
pub(crate) trait Job: Send + 'static {
    /// Does the work. A panic is the job's own business; one that escapes is swallowed.
    fn run(self);
    /// Called instead of `run` when the job will never run; on whichever thread found that out.
    fn cancel(self);
    /// Set if somebody was told that it will run. Then `cancel` runs it too, and shutdown gives it a thread as long as there is time.
    fn promised(&self) -> Option<RunPromised<Self>>
    where
        Self: Sized,
    {
        None
    }
}

/// Runs the promised jobs that are left at shutdown, until the time is over. Each of them brings this, so that only programs that promise something have it.
pub(crate) type RunPromised<J> = fn(Vec<J>, Option<Instant>);

/// A hook that threads of the pool call.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// Creates threads, given their name and stack, and what they shall do. If it returns `Ok`, the thread does that; if an error, it never does.
pub(crate) type Spawner = Arc<dyn Fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<thread::JoinHandle<()>> + Send + Sync>;

/// How a pool works.
#[derive(Clone)]
pub(crate) struct Config {
    /// The most threads at one time, at least 1.
    pub(crate) max_threads: usize,
    /// How long an idle thread waits for a job before it ends.
    pub(crate) keep_alive: Duration,
    /// The stack of each thread in bytes; by default, that of `std`.
    pub(crate) stack_size: Option<usize>,
    /// Names each new thread.
    pub(crate) name: Arc<dyn Fn() -> String + Send + Sync>,
    /// Called by each thread before its first job.
    pub(crate) on_start: Option<Hook>,
    /// Called by each thread after its last job.
    pub(crate) on_stop: Option<Hook>,
    pub(crate) placement: Arc<Placement>,
    /// Creates threads; by default, [`thread::Builder::spawn`].
    pub(crate) spawner: Spawner,
}

impl Default for Config {
    /// 512 threads, which stay for 10 s.
    fn default() -> Self {
        Self {
            max_threads: 512,
            keep_alive: Duration::from_secs(10),
            stack_size: None,
            name: Arc::new(|| "cede-blocking".to_owned()),
            on_start: None,
            on_stop: None,
            placement: Arc::default(),
            spawner: system(),
        }
    }
}

/// Threads of the operating system.
pub(crate) fn system() -> Spawner {
    Arc::new(sys::thread::spawn)
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("max_threads", &self.max_threads)
            .field("keep_alive", &self.keep_alive)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

/// Why a job was not accepted.
pub(crate) enum SubmitError<J> {
    /// The pool is shut down.
    Closed(J),
    /// The pool has no thread, and the operating system gave none, for this reason.
    NoThread(J, io::Error),
}

impl<J> SubmitError<J> {
    /// The job that was not accepted, and the operating system's reason if it was that.
    pub(crate) fn into_parts(self) -> (J, Option<io::Error>) {
        match self {
            SubmitError::Closed(job) => (job, None),
            SubmitError::NoThread(job, error) => (job, Some(error)),
        }
    }
}

impl<J> fmt::Debug for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::Closed(_) => f.write_str("Closed"),
            SubmitError::NoThread(_, error) => f.debug_tuple("NoThread").field(error).finish(),
        }
    }
}

impl<J> fmt::Display for SubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::Closed(_) => f.write_str("the blocking pool is shut down"),
            SubmitError::NoThread(_, error) => write!(f, "the blocking pool has no thread and could create none: {error}"),
        }
    }
}

impl<J> std::error::Error for SubmitError<J> {}

/// A glance at a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// Threads that exist or are being created.
    pub(crate) threads: usize,
    /// Threads among them that wait for a job.
    pub(crate) idle: usize,
    /// Jobs that no thread has taken yet.
    pub(crate) queued: usize,
}

/// A bounded pool of threads; see the module's description. Clones are the same pool.
///
/// Its threads outlive it until they were idle for the keep-alive; to end them, call [`shutdown`](Self::shutdown).
pub(crate) struct Pool<J: Job> {
    shared: Arc<Shared<J>>,
}

struct Shared<J> {
    config: Config,
    state: Mutex<State<J>>,
    /// Notified when a thread ended.
    ended: Condvar,
    /// The length of the queue, for the spinning thread to read without the lock. A hint.
    queued: AtomicUsize,
    /// Threads that were given a job and did not begin it yet. A hint.
    arriving: AtomicUsize,
}

impl<J: Job> Pool<J> {
    /// A pool without threads yet.
    ///
    /// # Panics
    /// When `max_threads` is 0.
    #[must_use]
    #[track_caller]
    pub(crate) fn new(config: Config) -> Self {
        assert!(config.max_threads > 0, "a blocking pool of no threads runs nothing; set max_threads to at least 1");
        let state = Mutex::new(State::new(config.max_threads));
        Self {
            shared: Arc::new(Shared { config, state, ended: Condvar::new(), queued: AtomicUsize::new(0), arriving: AtomicUsize::new(0) }),
        }
    }

    /// Has `job` run by a thread of the pool. Never waits for one.
    ///
    /// # Errors
    /// [`SubmitError::Closed`] after shutdown; [`SubmitError::NoThread`] if there is no thread and none can be created. If one cannot be created
    /// while others exist, the job waits for those.
    pub(crate) fn submit(&self, job: J) -> Result<(), SubmitError<J>> {
        let shared = &self.shared;
        let act = {
            let mut state = shared.lock();
            if state.closed {
                return Err(SubmitError::Closed(job));
            }
            let act = state.place(job, &shared.arriving);
            shared.note_queued(&state);
            act
        };
        match shared.perform(act) {
            Some((job, error)) => Err(SubmitError::NoThread(job, error)),
            None => Ok(()),
        }
    }

    /// Ends the pool: accepts nothing more, cancels what is queued, and waits for what runs, at most for `timeout`. Returns whether all threads ended.
    ///
    /// Called from a thread of the pool, it does not wait for that one. Can be called again, to wait longer.
    pub(crate) fn shutdown(&self, timeout: Option<Duration>) -> bool {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let (queue, idle) = {
            let mut state = self.shared.lock();
            state.closed = true;
            let all = state.dismiss();
            self.shared.note_queued(&state);
            all
        };
        for worker in idle {
            worker.unpark();
        }
        let mut promised = Vec::new();
        let mut run_promised = None;
        for job in queue {
            match job.promised() {
                Some(run) => {
                    run_promised = Some(run);
                    promised.push(job);
                }
                None => contain(|| job.cancel()),
            }
        }
        if let Some(run) = run_promised {
            run(promised, deadline);
        }
        let joined = self.shared.wait_for_end(deadline);
        if let Some(handles) = joined {
            // Without a time limit, wait for destructors of thread-locals too.
            for handle in handles.into_iter().filter(|_| timeout.is_none()) {
                // Its panics are contained, so there is nothing to learn from the result.
                let _ = handle.join();
            }
            return true;
        }
        false
    }

    /// What the pool looks like at this moment.
    #[must_use]
    pub(crate) fn metrics(&self) -> Metrics {
        self.shared.lock().metrics()
    }
}

impl<J: Job> Shared<J> {
    #[inline(never)]
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // [I3] nothing panics under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_queued(&self, state: &State<J>) {
        self.queued.store(state.queue.len(), Ordering::Relaxed);
    }

    /// Does what was decided under the lock. The job comes back if it needed a new thread, there is none, and no other exists.
    fn perform(self: &Arc<Self>, act: Act<J>) -> Option<(J, io::Error)> {
        match act {
            Act::Nothing => None,
            Act::Wake(worker) => {
                worker.unpark();
                None
            }
            Act::Start(worker) => self.start(worker),
        }
    }

    /// Creates the thread of `worker`, which is counted already and has its first order.
    fn start(self: &Arc<Self>, worker: Arc<Worker<J>>) -> Option<(J, io::Error)> {
        let body = {
            let (shared, worker) = (self.clone(), worker.clone());
            Box::new(move || {
                shared.config.placement.begin();
                worker::main(&shared, &worker);
            })
        };
        let mut result = Err(io::Error::other("the closure that names or creates threads of the blocking pool panicked"));
        contain(|| {
            let mut builder = thread::Builder::new().name((self.config.name)());
            if let Some(bytes) = self.config.stack_size {
                builder = builder.stack_size(bytes);
            }
            result = (self.config.spawner)(builder, body);
        });
        match result {
            Ok(handle) => {
                worker.keep(handle);
                None
            }
            Err(error) => self.not_started(&worker).map(|job| (job, error)),
        }
    }

    /// Takes back what `start` could not do. The job of `worker` comes back if nobody is there to run it.
    fn not_started(self: &Arc<Self>, worker: &Arc<Worker<J>>) -> Option<J> {
        let (own, orphans, act) = {
            let mut state = self.lock();
            let outcome = state.not_started(worker, &self.arriving);
            self.note_queued(&state);
            outcome
        };
        for job in orphans {
            contain(|| job.cancel());
        }
        // It only wakes: nothing is started after a failure, so this ends.
        self.perform(act);
        own
    }

    /// Waits until no thread is left but the caller's; gives the handles of those that ended. `None` when the time is over.
    fn wait_for_end(&self, deadline: Option<Instant>) -> Option<Vec<thread::JoinHandle<()>>> {
        let mut state = self.lock();
        let own = usize::from(state.is_member(thread::current().id()));
        loop {
            if state.alive() <= own {
                return Some(std::mem::take(&mut state.handles));
            }
            state = match deadline {
                None => self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// Runs user code, whose panic ends nothing of ours. (I3)
fn contain(code: impl FnOnce()) {
    let _panicked = shielded(code);
}

impl<J: Job> Clone for Pool<J> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<J: Job> fmt::Debug for Pool<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("config", &self.shared.config).field("metrics", &self.metrics()).finish()
    }
}
