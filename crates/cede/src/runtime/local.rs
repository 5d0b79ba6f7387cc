//! The one-thread scheduler.
//!
//! # What
//! One queue, one driver, one wheel. Whoever calls `block_on` drives them: it polls its own future when that was woken, else the tasks in order, and parks in
//! the driver when there is nothing to do. A second thread that calls `block_on` meanwhile only polls its own future, and takes over when the first is done.
//!
//! # Who may touch what
//! * `Scheduler`: the thread that drives it, which has it in the thread-local `ACTIVE`. Its cells are accessed for a few instructions at a time, during
//!   which no user code runs, so nested calls (a waker called by a future that is being polled, a `block_on` inside a task) are harmless.
//! * `Shared`: everybody.
//!
//! # Invariants
//! - I1: `ACTIVE` points to a scheduler that the current thread took out of `Shared::idle` and has not put back, or is null.
//! - I2: a task in `ready` or in the inbox is not complete, and the right to poll it is the queue's.
//! - I3: tasks that are not `Send` are only spawned on a scheduler that is bound to one thread, `LocalRuntime`'s, which only that thread drives and drops.
//! - I4: the tasks of `LocalHome` are in slabs of `Shared`. A scheduler that is in `ACTIVE` does not end.
//!
//! # Parking, the two sides
//! A foreign waker: push to the inbox, then leave a token in the driver's parking. The driver thread: announce that it parks (`Parking::prepare`, which sees
//! the token), and only then sleep. The inbox was looked at before the announcement; a push after that look leaves its token before or after the
//! announcement, and in both cases the thread does not stay asleep. All steps are SeqCst.

mod attention;
mod home;
mod linked;
mod parking;
mod ranked;
mod report;
mod shutdown;
mod signal;
mod spawn;

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::thread::{self, Thread, ThreadId};

use cede_context::budget;
use cede_core::lock::Lock;
use cede_core::run_queue::RunQueue;
use cede_core::task::TaskRef;
use cede_core::transfer_stack::TransferStack;
use cede_driver::Driver;

use super::context;
use super::pace::Pace;
use super::parts::Parts;
use super::ready::Ready;
use super::run::{self, Main, Outcome};
use super::stats::Stats;
use super::tick::Tick;
use crate::inspect::posts;
use crate::inspect::registry::{self, Inspected};
use crate::rank::policy::{Policy, Runnable};
use crate::rank::{Lanes, Turns};
use crate::record;
use crate::task::slab::{self, Slab};
use crate::time::timers::Lease;
use attention::Attention;
use linked::{Keep, LINKED, Linked};
pub(crate) use ranked::spawn_ranked;
use signal::{MainSignal, ThreadSignal};
pub(crate) use spawn::spawn;

/// The slab that the driving thread allocates from, and the one for spawns from elsewhere.
const OWN_SLAB: usize = 0;
const FOREIGN_SLAB: usize = 1;

/// What every thread may use.
pub(crate) struct Shared {
    pub(crate) linked: &'static Linked,
    pub(crate) parts: Parts,
    pub(crate) timers: Lease,
    pub(crate) stats: Stats,
    /// Of threads that do not drive it.
    foreign_stats: Stats,
    /// The runnable tasks that have a rank, unless a policy of the user's orders all.
    lanes: Arc<Lanes>,
    ordered: bool,
    inbox: TransferStack,
    /// How many tasks are in the inbox, or were just taken out.
    inbox_len: AtomicUsize,
    freed: [TransferStack; 2],
    foreign_slab: Lock<Option<Slab<Shared>>>,
    /// The scheduler, while nobody drives it, and the threads that want it.
    idle: Lock<Idle>,
    main: Arc<MainSignal>,
    /// The only thread that may drive, if tasks may be bound to it.
    bound_to: Option<ThreadId>,
}

struct Idle {
    scheduler: Option<Box<dyn Keep>>,
    /// The runtime has been shut down: whoever brings the scheduler back ends it.
    ended: bool,
    waiting: Vec<Thread>,
}

/// What the driving thread uses.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
    ready: UnsafeCell<Ready>,
    /// The user's, if `ready` is ordered. Foreign code: it may come back here.
    policy: Option<RefCell<Box<dyn Policy>>>,
    slab: UnsafeCell<Slab<Shared>>,
    driver: RefCell<Driver>,
    pace: Pace,
    /// The clock's time when the driver was looked at last.
    looked_at: Cell<u64>,
    /// A recent reading of the clock.
    seen_at: Cell<u64>,
    attention: Attention,
    /// Of tasks that have a rank, and others beside them.
    turns: RefCell<Turns>,
}

thread_local! {
    static ACTIVE: Cell<*const Scheduler> = const { Cell::new(ptr::null()) };
}

impl slab::Shared for Shared {
    fn freed_elsewhere(&self, slab: usize) -> &TransferStack {
        &self.freed[slab]
    }

    fn runtime(&self) -> Option<u64> {
        Some(self.parts.id.number())
    }
}

/// Makes the shared part; the scheduler in it waits for a `block_on`.
pub(crate) fn build(
    parts: Parts,
    driver: Driver,
    ready: Ready,
    policy: Option<Box<dyn Policy>>,
    bound_to: Option<ThreadId>,
) -> Arc<Shared> {
    let handle = driver.handle().clone();
    let shared = Arc::new(Shared {
        linked: &LINKED,
        timers: Lease::new(handle.clone(), Arc::default()),
        parts,
        stats: Stats::default(),
        foreign_stats: Stats::default(),
        lanes: Arc::default(),
        ordered: ready.is_by_number(),
        inbox: TransferStack::new(),
        inbox_len: AtomicUsize::new(0),
        freed: [TransferStack::new(), TransferStack::new()],
        foreign_slab: Lock::new(None),
        idle: Lock::new(Idle { scheduler: None, ended: false, waiting: Vec::new() }),
        main: Arc::new(MainSignal { woken: AtomicBool::new(false), driver: handle }),
        bound_to,
    });
    registry::add(Arc::downgrade(&shared) as Weak<dyn Inspected>);
    *shared.foreign_slab.lock() = Some(Slab::new(shared.clone(), FOREIGN_SLAB));
    let scheduler = Box::new(Scheduler {
        ready: UnsafeCell::new(ready),
        policy: policy.map(RefCell::new),
        slab: UnsafeCell::new(Slab::new(shared.clone(), OWN_SLAB)),
        driver: RefCell::new(driver),
        pace: Pace::new(shared.parts.event_interval),
        looked_at: Cell::new(0),
        seen_at: Cell::new(shared.parts.clock.now()),
        attention: Attention::new(&shared.parts),
        turns: RefCell::default(),
        shared: shared.clone(),
    });
    shared.idle.lock().scheduler = Some(scheduler);
    shared
}

#[inline]
fn with_active<R>(access: impl FnOnce(Option<&Scheduler>) -> R) -> R {
    let active = ACTIVE.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: [I1] a scheduler in `ACTIVE` stays where it is until it is taken out of there, by this thread.
    access(unsafe { active.as_ref() })
}

/// Whether the current thread drives a scheduler of one thread.
pub(crate) fn is_any_driven_here() -> bool {
    with_active(|active| active.is_some())
}

/// Whether the current thread drives this scheduler.
#[inline]
pub(crate) fn is_driven_here(shared: &Arc<Shared>) -> bool {
    with_active(|active| active.is_some_and(|scheduler| Arc::ptr_eq(&scheduler.shared, shared)))
}

impl Shared {
    /// Runs a future to its end, and the tasks meanwhile.
    fn block_on(self: &Arc<Self>, main: Main<'_>) {
        if is_driven_here(self) {
            let signal = Arc::new(MainSignal { woken: AtomicBool::new(true), driver: self.timers.driver().clone() });
            return with_active(|active| active.expect("just seen").drive(main, &signal));
        }
        loop {
            if let Some(driving) = Driving::take(self) {
                self.stats.awake(self.parts.clock.now());
                return driving.scheduler().drive(main, &self.main);
            }
            if self.wait_for_turn(main) {
                return;
            }
        }
    }

    fn rest(&self) {
        self.stats.rest(self.parts.clock.now());
    }

    fn push_to_inbox(&self, task: TaskRef) -> bool {
        self.inbox_len.fetch_add(1, Ordering::Relaxed);
        let pushed = self.inbox.push(task).is_ok();
        if !pushed {
            self.inbox_len.fetch_sub(1, Ordering::Relaxed);
        }
        pushed
    }

    /// How many tasks wait where other threads put them.
    pub(crate) fn queue_depth(&self) -> usize {
        self.inbox_len.load(Ordering::Relaxed) + self.lanes.len()
    }

    pub(crate) fn spawned_tasks(&self) -> u64 {
        self.stats.spawn_count() + self.foreign_stats.spawn_count()
    }

    pub(crate) fn alive_tasks(&self) -> usize {
        Stats::alive([&self.stats, &self.foreign_stats].into_iter())
    }

    /// Takes back the cells of tasks that were spawned by other threads.
    fn collect_foreign(&self) {
        if Slab::has_freed(self, FOREIGN_SLAB)
            && let Some(mut slab) = self.foreign_slab.try_lock()
            && let Some(slab) = slab.as_mut()
        {
            slab.collect();
        }
    }

    /// Whether this thread may run the tasks.
    pub(crate) fn may_drive(&self) -> bool {
        self.bound_to.is_none_or(|thread| thread == thread::current().id())
    }

    /// Whether only one thread may run the tasks.
    pub(crate) fn is_bound(&self) -> bool {
        self.bound_to.is_some()
    }

    /// Whether tasks that are not `Send` may be spawned here.
    pub(crate) fn takes_local_tasks(&self) -> bool {
        self.bound_to.is_some_and(|thread| thread == thread::current().id())
    }

    /// Another thread drives: polls the future only, until it is done or the scheduler is free.
    #[cold]
    fn wait_for_turn(&self, main: Main<'_>) -> bool {
        let _driving = context::drive(context::Drive::OneThread);
        let signal = Arc::new(ThreadSignal { woken: AtomicBool::new(true), thread: thread::current() });
        let waker = Waker::from(signal.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            {
                let mut idle = self.idle.lock();
                if idle.scheduler.is_some() && self.may_drive() {
                    return false;
                }
                if idle.waiting.iter().all(|thread| thread.id() != signal.thread.id()) {
                    idle.waiting.push(signal.thread.clone());
                }
            }
            // The token of `park` may be taken by what the future does, so it only counts between this look and the park.
            if !signal.woken.swap(false, Ordering::SeqCst) {
                thread::park();
            } else if budget::with_initial(|| main(&mut cx)).is_ready() {
                return true;
            }
        }
    }
}

/// The right to drive; puts the scheduler back when dropped.
struct Driving {
    scheduler: Option<Box<Scheduler>>,
    previous: *const Scheduler,
}

impl Driving {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        if !shared.may_drive() {
            return None;
        }
        let scheduler = shared.idle.lock().scheduler.take()?.into_scheduler();
        let previous = ACTIVE.replace(&raw const *scheduler);
        shared.timers.awake();
        Some(Self { scheduler: Some(scheduler), previous })
    }

    fn scheduler(&self) -> &Scheduler {
        self.scheduler.as_deref().expect("is only taken on drop")
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.scheduler().shared.timers.rest();
        ACTIVE.set(self.previous);
        self.scheduler().shared.rest();
        let scheduler = self.scheduler.take().expect("is only taken here");
        let shared = scheduler.shared.clone();
        let (ended, waiting) = {
            let mut idle = shared.idle.lock();
            let ended = if idle.ended {
                Some(scheduler)
            } else {
                idle.scheduler = Some(scheduler);
                None
            };
            (ended, std::mem::take(&mut idle.waiting))
        };
        if let Some(scheduler) = ended {
            shared.finish(*scheduler);
        }
        waiting.iter().for_each(Thread::unpark);
    }
}

impl Scheduler {
    #[inline]
    fn ready<R>(&self, access: impl FnOnce(&mut Ready) -> R) -> R {
        // SAFETY: [I1] only this thread reaches the cell, and the accesses in this file run no user code, so they do not nest.
        access(unsafe { &mut *self.ready.get() })
    }

    #[inline]
    fn slab<R>(&self, access: impl FnOnce(&mut Slab<Shared>) -> R) -> R {
        // SAFETY: [I1] as above.
        access(unsafe { &mut *self.slab.get() })
    }

    #[inline]
    fn push(&self, task: TaskRef) {
        if let Err(task) = self.ready(|ready| ready.push(task)) {
            self.push_by_policy(task);
        }
    }

    #[cold]
    fn push_by_policy(&self, task: TaskRef) {
        (self.shared.linked.push_by_policy)(self, task);
    }

    fn rank_and_push(&self, task: TaskRef) {
        let ask = |policy: &RefCell<Box<dyn Policy>>| {
            // It is being asked, and wakes this task by what it does.
            let Ok(mut policy) = policy.try_borrow_mut() else { return 0 };
            run::shielded(|| policy.rank(&Runnable::new(task, &self.shared.parts))).unwrap_or(0)
        };
        let rank = self.policy.as_ref().map_or(0, ask);
        self.ready(|ready| ready.push_at(task, rank));
    }

    /// The next task; the inbox gets its turn whenever the queue is empty or it is time to look around.
    #[inline]
    fn next(&self) -> Option<TaskRef> {
        self.ready(Ready::pop).or_else(|| {
            self.collect_inbox();
            self.ready(Ready::pop)
        })
    }

    fn collect_inbox(&self) {
        if !self.shared.inbox.is_empty() {
            let tasks: RunQueue = self.shared.inbox.take();
            record::takes(&self.shared.foreign_stats.samples, &tasks);
            self.shared.inbox_len.fetch_sub(tasks.len(), Ordering::Relaxed);
            if let Err(mut tasks) = self.ready(|ready| ready.append(tasks)) {
                std::iter::from_fn(|| tasks.pop()).for_each(|task| self.push_by_policy(task));
            }
        }
    }

    /// The run loop: `future` in turns with the tasks.
    fn drive(&self, main: Main<'_>, signal: &Arc<MainSignal>) {
        let _driving = context::drive(context::Drive::OneThread);
        let _attending = record::attend(&self.shared.parts.recorder, &self.shared.stats.samples, Some(0));
        self.seen_at.set(self.shared.parts.clock.now());
        self.pace.begin();
        self.attention.begin(self.seen_at.get());
        let waker = Waker::from(signal.clone());
        let mut cx = Context::from_waker(&waker);
        signal.woken.store(true, Ordering::Relaxed);
        loop {
            if signal.woken.load(Ordering::Relaxed) && signal.woken.swap(false, Ordering::Acquire) {
                self.pace.polled();
                record::polls_main();
                if budget::with_initial(|| main(&mut cx)).is_ready() {
                    return;
                }
                // The monitor may have gone to sleep while the future computed.
                self.attention.stir();
            }
            // If this is a `block_on` inside a task of this runtime, then that is not stuck while others run.
            let tick = posts::aside(|| self.tick(signal));
            if self.shared.parts.panics_end_it && self.shared.parts.panicked.load(Ordering::SeqCst) {
                panic!("{}", super::ENDED_BY_PANIC);
            }
            if tick.ran_dry && !signal.woken.load(Ordering::Acquire) {
                posts::aside(|| self.park(signal));
            } else if tick.polled == 0 && self.shared.timers.driver().has_sources() {
                // The future alone keeps the thread busy: it may be asking for what only the driver can bring.
                self.turn(Some(0));
            }
        }
    }

    /// Runs tasks until none is left, or the future was woken and all that were runnable before it have had their turn.
    fn tick(&self, signal: &MainSignal) -> Tick {
        let mut tick = Tick::default();
        if self.ready(|ready| ready.is_empty()) {
            self.collect_inbox();
        }
        let before_future = self.ready(|ready| ready.len());
        loop {
            if self.pace.is_time_to_look() {
                self.look_around();
            }
            let (next, ranked) = if self.shared.lanes.is_waiting() { self.next_by_rank() } else { (self.next(), false) };
            let Some(task) = next else {
                tick.ran_dry = true;
                return tick;
            };
            tick.polled += 1;
            self.pace.polled();
            // SAFETY: [I2] the task came from a queue, with the right to poll it; its home's failure is `JoinError`.
            match unsafe { run::run(task, |panicked| self.shared.parts.note_panic(panicked)) } {
                Outcome::Asleep => {}
                Outcome::Again if ranked => self.push_again(task),
                Outcome::Again => self.push(task),
                Outcome::Completed => {
                    tick.completed += 1;
                    self.shared.stats.completed();
                }
            }
            if tick.polled >= before_future && signal.woken.load(Ordering::Relaxed) {
                return tick;
            }
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("local::Shared").finish_non_exhaustive()
    }
}
