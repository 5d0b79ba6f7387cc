//! A worker: its queues, and the loop that runs them. States and invariants are those of the parent module.

mod linger;
mod parking;
mod ranked;
mod search;
mod working_set;

use std::cell::{Cell, RefCell, UnsafeCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cede_core::idle::{self, Role};
use cede_core::run_queue::RunQueue;
use cede_core::steal_ring::STEAL_MAX;
use cede_core::task::TaskRef;
use cede_driver::Driver;

pub(super) use parking::Parked;

use linger::Lingering;
use working_set::WorkingSet;

use super::seat::is_stray;
use super::{Remote, Shared};
use crate::rank::Turns;
use crate::runtime::desk;
use crate::runtime::pace::Pace;
use crate::runtime::run::{self, Outcome};
use crate::runtime::stats::Stats;
use crate::runtime::tick::Tick;
use crate::task::slab::Slab;

/// So many tasks in a row may come from the slot of the task woken last; then the ring has its turn.
const LIFO_MAX: u32 = 3;
/// How long the watcher sleeps, at first and at most.
const WATCH_NS: (u64, u64) = (1_000_000, 4_000_000);

/// See the parent module. Its cells are accessed for a few instructions at a time, during which no user code runs.
pub(super) struct Worker {
    shared: Arc<Shared>,
    stats: Arc<Stats>,
    index: usize,
    /// The task that was woken last. Its data is in the cache, and whoever woke it often waits for it.
    lifo: Cell<Option<TaskRef>>,
    lifo_in_a_row: Cell<u32>,
    slab: UnsafeCell<Slab<Shared>>,
    /// `None` for the guest.
    driver: Option<RefCell<Driver>>,
    pace: Pace,
    looked_at: Cell<u64>,
    polled_at: Cell<u64>,
    watch_ns: Cell<u64>,
    searching: Cell<bool>,
    lingering: Lingering,
    working_set: WorkingSet,
    /// The statistics count it as parked.
    idle: Cell<bool>,
    /// How it sleeps, from the moment when it says so until it goes on.
    sleeps_as: Cell<Option<Role>>,
    random: Cell<u32>,
    /// From which worker on it looks at the sockets of others the next time.
    looks_from: Cell<usize>,
    /// Of tasks that have a rank, and others beside them.
    turns: RefCell<Turns>,
    /// Foreign code is being called that is no task; see H2 of [`hand_over`](super::hand_over).
    holds: Cell<bool>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, index: usize, driver: Option<Driver>) -> Self {
        let now = shared.parts.clock.now();
        if let Some(timers) = &shared.remotes[index].timers {
            timers.awake();
        }
        Self {
            slab: UnsafeCell::new(Slab::new(shared.clone(), index)),
            stats: shared.remotes[index].stats.clone(),
            idle: Cell::new(false),
            sleeps_as: Cell::new(None),
            pace: Pace::new(shared.parts.event_interval),
            shared,
            index,
            lifo: Cell::new(None),
            lifo_in_a_row: Cell::new(0),
            driver: driver.map(RefCell::new),
            looked_at: Cell::new(now),
            polled_at: Cell::new(now),
            watch_ns: Cell::new(WATCH_NS.0),
            searching: Cell::new(false),
            lingering: Lingering::default(),
            working_set: WorkingSet::default(),
            looks_from: Cell::new(index + 1),
            random: Cell::new(0x9E37_79B9 ^ (index as u32 + 1)),
            turns: RefCell::default(),
            holds: Cell::new(false),
        }
    }

    #[inline]
    pub(super) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    #[inline]
    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A recent reading of the clock.
    #[inline]
    pub(super) fn polled_at(&self) -> u64 {
        self.polled_at.get()
    }

    pub(super) fn is_guest(&self) -> bool {
        self.driver.is_none()
    }

    fn remote(&self) -> &Remote {
        &self.shared.remotes[self.index]
    }

    #[inline]
    pub(super) fn slab<R>(&self, access: impl FnOnce(&mut Slab<Shared>) -> R) -> R {
        // SAFETY: [I1] only the thread that runs the worker reaches the cell, and the accesses run no user code, so they do not nest.
        access(unsafe { &mut *self.slab.get() })
    }

    pub(super) fn into_parts(self: Box<Self>) -> (Slab<Shared>, Option<Driver>) {
        let worker = *self;
        (worker.slab.into_inner(), worker.driver.map(RefCell::into_inner))
    }

    /// A task was woken or spawned on this thread: it runs next, and the one that was to run next goes to the ring.
    #[inline]
    pub(super) fn push_woken(&self, task: TaskRef) {
        if self.is_guest() {
            // A guest may leave for code that never returns, so it keeps nothing where others cannot take it.
            self.push_back(task);
        } else if let Some(before) = self.lifo.replace(Some(task)) {
            self.push_back(before);
        }
    }

    /// Puts a task behind all of the working set.
    fn push_back(&self, task: TaskRef) {
        let remote = self.remote();
        // SAFETY: this thread runs the worker that owns the ring, and has the right to poll the task.
        if unsafe { remote.ring.push(task) }.is_err() {
            remote.overflow.push(task);
        }
        if self.shared.idle.should_wake_for_push(!self.is_guest(), || self.queued_ns()) {
            self.shared.wake_one();
        }
    }

    /// A guess of how long the tasks that are queued here will take, in nanoseconds.
    #[inline]
    fn queued_ns(&self) -> u64 {
        let remote = self.remote();
        self.pace.poll_ns().saturating_mul((remote.ring.len() + remote.overflow.len()) as u64)
    }

    /// Runs the worker on this thread, which has it on its desk, until the runtime ends, or until it is another thread's.
    pub(super) fn run(&self) {
        let now = self.shared.parts.clock.now();
        self.polled_at.set(now);
        self.pace.begin();
        self.stats.awake(now);
        let no_future = AtomicBool::new(false);
        while !self.shared.closing.load(Ordering::Acquire) {
            let began = self.polled_at.get();
            let tick = self.tick(&no_future);
            if is_stray() {
                return;
            }
            if tick.polled > 0 && self.idle.get() {
                // It watched, and found something.
                self.count_unpark(began);
            }
            // It has just searched: what comes from here on is seen by the look after it has said that it sleeps.
            if tick.ran_dry {
                self.park(None);
            }
        }
    }

    /// This worker will not run any more.
    pub(super) fn stop(&self) {
        self.stop_searching();
        let now = self.shared.parts.clock.now();
        if !self.idle.replace(true) {
            self.stats.park(now);
        }
        self.count_unpark(now);
    }

    fn count_unpark(&self, now: u64) {
        self.idle.set(false);
        self.stats.unpark(now);
    }

    /// A future that this thread drives beside the tasks was polled. Timers and sockets get their turn for that, too.
    pub(super) fn polled_future(&self) {
        self.pace.polled();
        if self.pace.is_time_to_look() {
            self.look_around();
        }
    }

    /// The thread comes back from a sleep that was none of the driver's.
    pub(super) fn slept(&self) {
        self.polled_at.set(self.shared.parts.clock.now());
        self.pace.begin();
    }

    /// Whether this worker has to stay on its thread at the moment.
    pub(super) fn holds(&self) -> bool {
        self.holds.get()
    }

    /// Runs tasks until none can be found, or the runtime ends, or a future that the thread also drives is `woken`, or until this worker is another thread's.
    #[inline(never)]
    pub(super) fn tick(&self, woken: &AtomicBool) -> Tick {
        let mut tick = Tick::default();
        // SAFETY: [I1] the desk of a worker is not left in a function of the worker.
        let desk = unsafe { desk::current() }.expect("a worker is run at a desk");
        loop {
            let (next, ranked) = if self.shared.lanes.is_waiting() { self.next_by_rank() } else { (self.next(), false) };
            let Some(task) = next else {
                tick.ran_dry = true;
                break;
            };
            self.stop_searching();
            tick.polled += 1;
            self.pace.polled();
            // SAFETY: [I2] the task came from a queue, with the right to poll it; its home's failure is `JoinError`.
            let outcome = desk.turn(|| unsafe { run::run(task, |panicked| self.shared.parts.note_panic(panicked)) });
            if desk.runs().is_null() {
                return leave(tick, task, outcome, &self.shared);
            }
            match outcome {
                Outcome::Asleep => {}
                Outcome::Again if ranked => self.shared.push_again(task),
                Outcome::Again => self.push_back(task),
                Outcome::Completed => {
                    tick.completed += 1;
                    self.stats.completed();
                }
            }
            if self.pace.is_time_to_look() {
                self.look_around();
            }
            if woken.load(Ordering::Relaxed) || self.shared.closing.load(Ordering::Relaxed) {
                break;
            }
        }
        tick
    }

    #[inline]
    fn next(&self) -> Option<TaskRef> {
        if self.lifo_in_a_row.get() < LIFO_MAX
            && let Some(task) = self.lifo.take()
        {
            self.lifo_in_a_row.set(self.lifo_in_a_row.get() + 1);
            return Some(task);
        }
        self.lifo_in_a_row.set(0);
        if let Some(task) = self.remote().ring.pop() {
            return Some(task);
        }
        let own = self.next_set().or_else(|| self.lifo.take());
        own.or_else(|| {
            self.lingering.let_gather();
            self.take_injected().or_else(|| self.search())
        })
    }

    fn is_worth_sharing(&self, tasks: usize) -> bool {
        idle::is_worth_a_wake(self.pace.poll_ns().saturating_mul(tasks as u64))
    }

    /// Moves tasks that this worker took from elsewhere to its ring. Nobody is woken for them: they were waiting before, and a worker that parks while this one runs, and may
    /// have looked while they were on their way, watches. For a guest that is not certain, because its run may begin after that look.
    fn keep(&self, tasks: &mut RunQueue) {
        if tasks.is_empty() {
            return;
        }
        let remote = self.remote();
        while let Some(task) = tasks.pop() {
            // SAFETY: this thread runs the worker that owns the ring, and taking the task gave it the right to poll.
            if unsafe { remote.ring.push(task) }.is_err() {
                remote.overflow.push(task);
            }
        }
        if self.is_guest() && self.shared.idle.should_wake_for_push(false, || self.queued_ns()) {
            self.shared.wake_one();
        }
    }

    /// A searching worker has found a task. If it was the only one that searched and more is waiting anywhere, another one takes over the search.
    #[inline]
    fn stop_searching(&self) {
        if self.searching.get() {
            self.searching.set(false);
            self.watch_ns.set(WATCH_NS.0);
            // Whoever queued a task meanwhile, in any ring, may have left it to this search, which had perhaps passed that ring before.
            if self.shared.idle.end_search() && self.shared.has_work() {
                let injected = self.pace.poll_ns().saturating_mul(self.shared.inject.len().max(1) as u64);
                if self.shared.idle.should_wake_for_push(true, || self.queued_ns().saturating_add(injected)) {
                    self.shared.wake_one();
                }
            }
        }
    }

    /// Gives all queued tasks to the other workers. For a guest that leaves.
    pub(super) fn give_away(&self) {
        let inject = &self.shared.inject;
        let mut given = 0;
        if let Some(task) = self.lifo.take() {
            drop(inject.push(task));
            given += 1;
        }
        given += std::iter::repeat_with(|| self.remote().ring.steal(STEAL_MAX, |task| drop(inject.push(task))))
            .take_while(|&count| count > 0)
            .sum::<usize>();
        let mut rest = self.remote().overflow.take(|len| len);
        given += rest.len();
        while let Some(task) = rest.pop() {
            drop(inject.push(task));
        }
        if given > 0 {
            self.shared.wake_for_foreign_push();
        }
    }

    /// Forgets what is queued: entries hold no references.
    pub(super) fn forget_queues(&self) {
        self.lifo.set(None);
        while self.remote().ring.steal(STEAL_MAX, |_| {}) > 0 {}
        self.remote().overflow.clear(|| {});
    }
}

/// The worker that ran `task` is another thread's: what is left is to queue the task if it is runnable.
#[cold]
fn leave(mut tick: Tick, task: TaskRef, outcome: Outcome, shared: &Shared) -> Tick {
    match outcome {
        Outcome::Asleep => {}
        Outcome::Again => task.requeue(),
        Outcome::Completed => {
            tick.completed += 1;
            shared.foreign_stats.completed_anywhere();
        }
    }
    tick
}
