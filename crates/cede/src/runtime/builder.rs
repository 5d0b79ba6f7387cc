//! Making runtimes.

use std::env::VarError;
use std::fmt;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cede_driver::Driver;
use cede_driver::clock::Clock;
use cede_sync::Notify;

use super::handle::SchedulerHandle;
use super::panics::{self, Panics, TaskPanic};
use super::parts::{Hook, Hooks, Names, Parts, Rescue, RunsTasks};
use super::placement::Placement;
use super::{Handle, Id, LocalOptions, LocalRuntime, Ready, Runtime, local, steal};
use crate::blocking::simulated::{self, RunsJobs};
use crate::blocking::{Blocking, pool};
use crate::inspect::Deadlock;
use crate::monitor::{Reported, Reports, Stall};
use crate::rank::Usages;
use crate::rank::policy::{OrderedQueue, Policy};
use crate::record::{FlightRecorder, Recorder};

type Make = fn(&mut Builder) -> io::Result<SchedulerHandle>;
type ThreadName = Arc<dyn Fn() -> String + Send + Sync>;

/// Makes a [`Runtime`]. The names and defaults are tokio's.
///
/// ```
/// let runtime = cede::runtime::Builder::new_multi_thread()
///     .worker_threads(2)
///     .thread_name("worker")
///     .enable_all()
///     .build()?;
/// # drop(runtime);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Builder {
    flavor: Flavor,
    /// Builds the scheduler. By this pointer alone, so that a program has the schedulers only that it builds.
    make: Make,
    worker_threads: Option<usize>,
    max_blocking_threads: usize,
    thread_keep_alive: Duration,
    thread_stack_size: Option<usize>,
    thread_name: ThreadName,
    event_interval: u32,
    start_paused: bool,
    hooks: Arc<Hooks>,
    name: Option<Arc<str>>,
    unhandled_panic: UnhandledPanic,
    /// `None` until somebody says so.
    block_on_runs_tasks: Option<RunsTasks>,
    rescue: Rescue,
    reports: Arc<Reports>,
    on_task_panic: Option<panics::Listener>,
    pub(crate) flight_recorder: FlightRecorder,
    descriptors: bool,
    timers: bool,
    /// In a lock, so that a builder can be looked at from several threads.
    policy: Option<Mutex<(Box<dyn Policy>, Ready)>>,
    placement: Arc<Placement>,
}

/// What a runtime does when a task panics.
///
/// ```
/// use std::panic::{AssertUnwindSafe, catch_unwind};
/// use cede::runtime::{Builder, UnhandledPanic};
///
/// let runtime = Builder::new_current_thread().unhandled_panic(UnhandledPanic::ShutdownRuntime).build()?;
/// let panics = AssertUnwindSafe(|| {
///     runtime.block_on(async {
///         cede::spawn(async { panic!("too bad") });
///         std::future::pending::<()>().await;
///     })
/// });
/// assert!(catch_unwind(panics).is_err(), "it does not wait for ever");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// The panic is counted, and the join handle gets it as an error. If nobody asks the handle, the panic is written to the error output with the place of the spawn. All else goes on.
    #[default]
    Ignore,
    /// Each `block_on` of the runtime panics at once; so the runtime ends, if nobody catches that.
    ShutdownRuntime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavor {
    CurrentThread,
    MultiThread,
}

impl Builder {
    /// A runtime whose tasks run on the thread that calls `block_on`; without sockets and timers until they are enabled.
    #[must_use]
    pub fn new_current_thread() -> Self {
        Self::new(Flavor::CurrentThread, Self::build_current_thread)
    }

    /// A runtime with several workers, which steal tasks from each other; without sockets and timers until they are enabled.
    #[must_use]
    pub fn new_multi_thread() -> Self {
        Self::new(Flavor::MultiThread, Self::build_multi_thread)
    }

    fn new(flavor: Flavor, make: Make) -> Self {
        Self {
            flavor,
            make,
            worker_threads: None,
            max_blocking_threads: 512,
            thread_keep_alive: Duration::from_secs(10),
            thread_stack_size: None,
            thread_name: Arc::new(|| "cede-worker".into()),
            event_interval: 61,
            start_paused: false,
            hooks: Arc::default(),
            name: None,
            unhandled_panic: UnhandledPanic::Ignore,
            block_on_runs_tasks: None,
            rescue: Rescue::default(),
            reports: Arc::default(),
            on_task_panic: None,
            flight_recorder: FlightRecorder::off(),
            descriptors: false,
            timers: false,
            policy: None,
            placement: Arc::default(),
        }
    }

    /// Allows sockets and timers: what nearly every program wants. Both cost nothing until they are used.
    pub fn enable_all(&mut self) -> &mut Self {
        self.enable_io().enable_time()
    }

    /// Allows what needs descriptors of the operating system: sockets, pipes, child processes, signals. Without it they panic.
    pub fn enable_io(&mut self) -> &mut Self {
        self.descriptors = true;
        self
    }

    /// Allows what needs timers: `sleep`, `timeout`, `interval`. Without it they panic.
    pub fn enable_time(&mut self) -> &mut Self {
        self.timers = true;
        self
    }

    /// The number of workers of a multi-thread runtime. By default it is what the environment variable `TOKIO_WORKER_THREADS` says when the runtime is made, and without that one for each processor
    /// ([`available_parallelism`](std::thread::available_parallelism)). Simulated runs do not look at the environment.
    ///
    /// [`build`](Self::build) panics if nothing is set here and the variable is zero or no number.
    ///
    /// # Panics
    /// If it is zero.
    #[track_caller]
    pub fn worker_threads(&mut self, count: usize) -> &mut Self {
        assert!(count > 0, "Worker threads cannot be set to 0");
        self.worker_threads = Some(count);
        self
    }

    /// The largest number of threads for blocking closures; 512 by default. Further closures wait for one to become free.
    ///
    /// # Panics
    /// If it is zero.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, count: usize) -> &mut Self {
        assert!(count > 0, "Max blocking threads cannot be set to 0");
        self.max_blocking_threads = count;
        self
    }

    /// How long an idle blocking thread stays; 10 s by default.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.thread_keep_alive = duration;
        self
    }

    /// The size of the stacks of all threads of the runtime, in bytes.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.thread_stack_size = Some(bytes);
        self
    }

    /// The name of all threads of the runtime.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        self.thread_name_fn(move || name.clone())
    }

    /// Names each thread of the runtime as it is started.
    pub fn thread_name_fn<F>(&mut self, name: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.thread_name = Arc::new(name);
        self
    }

    /// Called on each thread of the runtime when it starts.
    pub fn on_thread_start<F: Fn() + Send + Sync + 'static>(&mut self, hook: F) -> &mut Self {
        Arc::make_mut(&mut self.hooks).thread_start = Some(Arc::new(hook));
        self
    }

    /// Called on each thread of the runtime before it ends.
    pub fn on_thread_stop<F: Fn() + Send + Sync + 'static>(&mut self, hook: F) -> &mut Self {
        Arc::make_mut(&mut self.hooks).thread_stop = Some(Arc::new(hook));
        self
    }

    /// Called when a worker has nothing to do, before it sleeps.
    pub fn on_thread_park<F: Fn() + Send + Sync + 'static>(&mut self, hook: F) -> &mut Self {
        Arc::make_mut(&mut self.hooks).thread_park = Some(Arc::new(hook));
        self
    }

    /// Called when a worker has been woken.
    pub fn on_thread_unpark<F: Fn() + Send + Sync + 'static>(&mut self, hook: F) -> &mut Self {
        Arc::make_mut(&mut self.hooks).thread_unpark = Some(Arc::new(hook));
        self
    }

    /// After so many polls timers and sockets get their turn at the latest, 61 by default; sooner if polls take long. While more is queued than a worker can run in a millisecond, and no task has a priority, sockets
    /// wait half a millisecond, because what comes in would wait for all of that.
    ///
    /// # Panics
    /// If it is zero.
    #[track_caller]
    pub fn event_interval(&mut self, polls: u32) -> &mut Self {
        assert!(polls > 0, "event_interval must be greater than 0");
        self.event_interval = polls;
        self
    }

    /// Accepted for compatibility: the queue shared by all workers is looked at whenever a worker's own is empty, and with the driver.
    ///
    /// # Panics
    /// If it is zero.
    #[track_caller]
    pub fn global_queue_interval(&mut self, polls: u32) -> &mut Self {
        assert!(polls > 0, "global_queue_interval must be greater than 0");
        self
    }

    /// Starts with a paused clock; see [`time::pause`](crate::time::pause). For one-thread runtimes.
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.start_paused = paused;
        self
    }

    /// A name for the runtime, shown by its `Debug` and by [`Handle::name`].
    ///
    /// # Panics
    /// If it is empty.
    #[track_caller]
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        assert!(!name.trim().is_empty(), "runtime name shouldn't be empty");
        self.name = Some(name.into());
        self
    }

    /// Accepted for compatibility: the driver takes as many events at a time as fit into a buffer of fixed size.
    ///
    /// # Panics
    /// If it is zero.
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_tick must be non-zero");
        self
    }

    /// Accepted for compatibility; see [`Builder::max_io_events_per_tick`].
    ///
    /// # Panics
    /// If it is zero.
    #[track_caller]
    pub fn max_io_events_per_busy_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_busy_tick must be non-zero");
        self
    }

    /// Whether a thread that waits in `block_on` of a work-stealing runtime runs tasks meanwhile. It does not by default.
    ///
    /// Turned on, spawning and joining from `block_on` costs a fraction of what waking a worker costs. On the other hand a task that blocks its thread may then delay the future of
    /// `block_on`, which no other thread can go on with; a future that holds a lock of `std` over an `.await` may deadlock with a task that wants it, as both would on a one-thread runtime; and
    /// tasks run on a thread for which no hook was called.
    pub fn block_on_runs_tasks(&mut self, runs: bool) -> &mut Self {
        self.block_on_runs_tasks = runs.then_some(steal::Shared::run_as_guest);
        self
    }

    /// How long a poll may take on a work-stealing runtime before its worker is taken from the thread that is stuck in it, and goes on with its tasks, timers and sockets on another one. 10 ms by
    /// default, at least 1 ms. It is noticed up to half that time later.
    ///
    /// The thread that is stuck finishes the poll, and is then kept for the next rescue. Meanwhile it is less important than others (its niceness grows by ten) where the process may undo that. Not on a one-thread runtime, whose tasks cannot go anywhere, nor where the kernel has no `membarrier`.
    pub fn rescue_after(&mut self, after: Duration) -> &mut Self {
        self.rescue.after = after.max(Duration::from_millis(1));
        self
    }

    /// How long a poll may take before something is said about it, 100 ms by default; see [`Stall`](super::Stall). What runs on a one-thread runtime is watched after five seconds, so that short
    /// programs get no second thread; from the beginning if this or [`Builder::on_stall`] was called.
    pub fn stall_after(&mut self, after: Duration) -> &mut Self {
        self.reports_mut().stall_after = after;
        self.reports_mut().asked_for = true;
        self
    }

    /// What is done with the reports. By default they are written to the error output, at most one in a second. The function is called on a thread for reports, one after the other: while it has not
    /// returned, 64 more wait, and what comes then is only [counted](super::RuntimeMetrics::stalled_polls_count). The frame that blocks is asked for when a
    /// report's turn comes, so one that waited until its poll had ended has none.
    pub fn on_stall<F>(&mut self, report: F) -> &mut Self
    where
        F: Fn(&Stall) + Send + Sync + 'static,
    {
        self.reports_mut().on_stall = Some(Arc::new(report));
        self.reports_mut().asked_for = true;
        self
    }

    /// What is done when tasks wait for each other in a circle; see [`Deadlock`]. By default that is written to the error output. The function is called within a
    /// second or so, on a thread of its own, for the runtime of the party with the smallest number.
    ///
    /// Where no function is given, the environment variable `CEDE_ON_DEADLOCK=abort` makes the report the end of the process, and has one-thread runtimes watched from their beginning: for tests, which hang otherwise.
    pub fn on_deadlock<F>(&mut self, report: F) -> &mut Self
    where
        F: Fn(&Deadlock) + Send + Sync + 'static,
    {
        self.reports_mut().on_deadlock = Some(Arc::new(report));
        self.reports_mut().asked_for = true;
        self
    }

    /// How many threads may be stuck at the same time before the runtime waits for them, 64 by default. With zero no worker is rescued or watched: if a task blocks, the timers of its worker wait for it, and
    /// perhaps its sockets, if no other worker is awake to look at them;
    /// and since nobody watches, the first task that is queued while all other workers sleep wakes one of them, however short it is.
    pub fn max_rescued_threads(&mut self, count: usize) -> &mut Self {
        self.rescue.threads_max = count;
        self
    }

    /// Called when a task panics, by the thread that ran it. By default the panic of a task is written to the error output if the task's handle was dropped before, or is dropped without having been asked, with the task's name and where it was
    /// spawned; what the panic hook writes does not say that. All panics are [counted](super::RuntimeMetrics::panicked_tasks_count).
    pub fn on_task_panic<F>(&mut self, told: F) -> &mut Self
    where
        F: Fn(&TaskPanic) + Send + Sync + 'static,
    {
        self.on_task_panic = Some(Arc::new(told));
        self
    }

    /// What happens when a task panics; see [`UnhandledPanic`]. Other policies belong to those who know what a task is for: a [`TaskGroup`](crate::group::TaskGroup) can go on without the child that panicked, or
    /// [start it again](crate::group::Spawner::spawn_restarting), and actors have supervisors.
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Self {
        self.unhandled_panic = behavior;
        self
    }

    /// The runtime's threads run on these processors only, by the numbers of the operating system: workers, those that go on for stuck ones, and those that run closures that may block. The thread that calls
    /// `block_on`, of a one-thread runtime too, is the caller's and stays as it is. Processors that are not there are left out; if none is left, [`build`](Self::build) returns an error.
    ///
    /// ```
    /// let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(1).thread_cpus([0]).build();
    /// # drop(runtime);
    /// ```
    pub fn thread_cpus(&mut self, cpus: impl IntoIterator<Item = usize>) -> &mut Self {
        Arc::make_mut(&mut self.placement).on_cpus(cpus.into_iter().collect());
        self
    }

    /// How nice the same threads are to others, from −20, which gets the most of the processors, to 19. To be less nice than the process takes a privilege; without it [`build`](Self::build) returns an error.
    pub fn thread_nice(&mut self, nice: i32) -> &mut Self {
        Arc::make_mut(&mut self.placement).with_nice(nice);
        self
    }

    /// Decides which task runs next on a one-thread runtime: the next one that is made with this builder. Without it, tasks run in the order in which they became runnable, but by their
    /// [priorities](crate::task::Priority) if they have any.
    pub fn policy(&mut self, policy: impl Policy + 'static) -> &mut Self {
        // The queue is made here, so that a program without a policy has no code for it.
        let queue = Box::new(OrderedQueue::default());
        self.policy = Some(Mutex::new((Box::new(policy), Ready::Other(queue))));
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    /// If threads or descriptors cannot be had, or not with these [processors](Self::thread_cpus) and this [niceness](Self::thread_nice).
    ///
    /// # Panics
    /// If a multi-thread runtime is asked to start paused, or has a [`policy`](Self::policy); or nobody says [how many workers](Self::worker_threads) it has but `TOKIO_WORKER_THREADS`, and that is no number above zero.
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        self.placement.check()?;
        if self.flavor == Flavor::MultiThread {
            assert!(self.policy.is_none(), "a policy orders the tasks of a `current_thread` runtime; on this one, give tasks priorities");
            assert!(!self.start_paused, "`start_paused` requires the `current_thread` runtime flavor");
        }
        let scheduler = (self.make)(self)?;
        Ok(Runtime::from_handle(Handle::new(scheduler)))
    }

    /// Makes a runtime that stays on this thread, for futures that are not `Send`.
    ///
    /// # Errors
    /// If descriptors cannot be had.
    ///
    /// # Panics
    /// If this is a builder for a multi-thread runtime.
    #[track_caller]
    pub fn build_local(&mut self, _options: LocalOptions) -> io::Result<LocalRuntime> {
        assert!(self.flavor == Flavor::CurrentThread, "Only `current_thread` runtimes can be local");
        self.placement.check()?;
        let shared = self.build_one_thread(Some(std::thread::current().id()))?;
        Ok(LocalRuntime::from_runtime(Runtime::from_handle(Handle::new(SchedulerHandle::Local(shared)))))
    }

    fn reports_mut(&mut self) -> &mut Reports {
        Arc::make_mut(&mut self.reports)
    }

    fn build_current_thread(&mut self) -> io::Result<SchedulerHandle> {
        self.build_one_thread(None).map(SchedulerHandle::Local)
    }

    fn build_multi_thread(&mut self) -> io::Result<SchedulerHandle> {
        self.build_work_stealing().map(SchedulerHandle::Steal)
    }

    fn build_one_thread(&mut self, bound_to: Option<std::thread::ThreadId>) -> io::Result<Arc<local::Shared>> {
        let clock = self.clock();
        let driver = Driver::epoll(clock.clone())?;
        let policy = self.policy.take().map(|policy| policy.into_inner().unwrap_or_else(PoisonError::into_inner));
        let (policy, ready) = match policy {
            None => (None, Ready::Fifo(cede_core::run_queue::RunQueue::new())),
            Some((policy, ready)) => (Some(policy), ready),
        };
        Ok(local::build(self.parts(clock, None), driver, ready, policy, bound_to))
    }

    fn build_work_stealing(&self) -> io::Result<Arc<steal::Shared>> {
        let workers = self.worker_threads.unwrap_or_else(default_workers);
        let clock = self.clock();
        let mut drivers = Vec::with_capacity(workers);
        for _ in 0..workers {
            drivers.push(Driver::epoll(clock.clone())?);
        }
        let threads = self.threads();
        steal::build(self.parts(clock, None), drivers, threads)
    }

    fn threads(&self) -> steal::Threads {
        let keep_alive = self.thread_keep_alive;
        let placement = self.placement.clone();
        steal::Threads { name: self.thread_name.clone(), stack_size: self.thread_stack_size, keep_alive, placement }
    }

    fn clock(&self) -> Clock {
        let clock = Clock::system();
        if self.start_paused {
            clock.pause();
        }
        clock
    }

    /// A one-thread runtime on the simulated driver.
    #[inline]
    pub(crate) fn build_simulated(&self, ready: Ready) -> Runtime {
        let clock = Clock::simulated();
        let driver = Driver::sim(clock.clone());
        let shared = local::build(self.parts(clock, Some(simulated::run)), driver, ready, None, None);
        Runtime::from_handle(Handle::new(SchedulerHandle::Local(shared)))
    }

    /// A work-stealing runtime on the simulated driver, without threads.
    #[inline]
    pub(crate) fn build_stepper(&self) -> steal::stepping::Stepper {
        let clock = Clock::simulated();
        let drivers = (0..self.worker_threads.unwrap_or(1)).map(|_| Driver::sim(clock.clone())).collect();
        steal::stepping::Stepper::new(self.parts(clock, Some(simulated::run)), drivers, self.threads())
    }

    fn parts(&self, clock: Clock, simulated: Option<RunsJobs>) -> Parts {
        let config = pool::Config {
            max_threads: self.max_blocking_threads,
            keep_alive: self.thread_keep_alive,
            stack_size: self.thread_stack_size,
            name: self.thread_name.clone(),
            on_start: self.hooks.thread_start.clone(),
            on_stop: self.hooks.thread_stop.clone(),
            placement: self.placement.clone(),
            spawner: pool::system(),
        };
        Parts {
            id: Id::next(),
            groups: Usages::default(),
            recorder: Recorder::new(&self.flight_recorder, simulated.map(|_| clock.clone())),
            clock,
            blocking: Blocking::new(config),
            event_interval: self.event_interval,
            driver_interval_ns: 50_000,
            hooks: self.hooks.clone(),
            names: Names::default(),
            simulated,
            descriptors: self.descriptors || simulated.is_some(),
            timers: self.timers || simulated.is_some(),
            name: self.name.clone(),
            panics_end_it: self.unhandled_panic == UnhandledPanic::ShutdownRuntime,
            panicked: AtomicBool::new(false),
            panic_ends_it: Notify::new(),
            panics: Panics::new(self.on_task_panic.clone()),
            reports: self.reports.clone(),
            reported: Reported::default(),
            rescue: if simulated.is_some() { Rescue { threads_max: 0, ..self.rescue } } else { self.rescue },
            draining: AtomicBool::new(false),
            drain_begins: Notify::new(),
            block_on_runs_tasks: self.block_on_runs_tasks,
        }
    }
}

/// How many workers there are if the program does not say it. The variable has the name that programs on tokio are run with.
fn default_workers() -> usize {
    const NAME: &str = "TOKIO_WORKER_THREADS";
    let text = match std::env::var(NAME) {
        Ok(text) => text,
        Err(VarError::NotPresent) => return std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        Err(VarError::NotUnicode(text)) => panic!("\"{NAME}\" must be valid unicode, error: {text:?}"),
    };
    let count = text.parse().unwrap_or_else(|error| panic!("\"{NAME}\" must be usize, error: {error}, value: {text}"));
    assert!(count > 0, "\"{NAME}\" cannot be set to 0");
    count
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hook = |hook: &Option<Hook>| hook.as_ref().map(|_| "..");
        f.debug_struct("Builder")
            .field("flavor", &self.flavor)
            .field("worker_threads", &self.worker_threads)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .field("thread_keep_alive", &self.thread_keep_alive)
            .field("thread_stack_size", &self.thread_stack_size)
            .field("event_interval", &self.event_interval)
            .field("start_paused", &self.start_paused)
            .field("on_thread_start", &hook(&self.hooks.thread_start))
            .field("on_thread_stop", &hook(&self.hooks.thread_stop))
            .field("on_thread_park", &hook(&self.hooks.thread_park))
            .field("on_thread_unpark", &hook(&self.hooks.thread_unpark))
            .finish()
    }
}
