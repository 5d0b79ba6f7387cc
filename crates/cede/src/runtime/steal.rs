//! The work-stealing scheduler.
//!
//! # What
//! Each worker has a thread, a ring of runnable tasks with an overflow list behind it (see [`worker::working_set`] for which of them run), a slot for the task woken last, a slab, a driver and a wheel. It runs its own tasks; when there are none it takes from
//! the injection queue, then from the overflows and rings of others, then it parks in its driver. Tasks that have a rank are in none of these but in the [lanes](crate::rank::lanes), see [`ranked`]. A thread that calls `block_on` becomes a *guest*: a worker without driver and wheel, so that
//! what its future spawns and awaits needs no second thread.
//!
//! # Why not the obvious way
//! One queue for all is one contended line. Waking another worker for each queued task (as most runtimes do) costs more than running the task, where a wake
//! costs microseconds; see [`cede_core::idle`] for what is done instead. Condition variables for parking would keep a parked worker deaf to its sockets.
//!
//! # Who may touch what
//! * [`worker::Worker`]: the thread that has its [`seat`]. Nothing in it is bound to that thread: it may be handed to another, see [`hand_over`].
//! * [`Remote`], one for each worker: everybody.
//!
//! # Invariants
//! - I1: only the thread that has a worker's seat touches its cells.
//! - I2: a task in a ring, an overflow list, a slot or the injection queue is not complete, and the right to poll it is the queue's.
//! - I3: a task that was pushed to a ring or the injection queue is found: by its worker, or by a searching one, or by one that is woken for it, or by the watcher, or by one
//!   that the monitor wakes. The argument is in [`cede_core::idle`].
//! - I4: the tasks of `StealHome` are in slabs of `Shared`. The runtime's tasks are ended for good after each thread that runs a worker, is a guest or is away from its worker has left.
//!
//! # Shutdown, in steps
//! `[close]` the injection queue, so that foreign wakes do nothing; `[stop]` all workers and the guest at their next look, and wait for threads that are away from theirs; `[drop]` all futures, by the last of them to stop, with every slab at
//! hand and nobody running tasks; `[leave]` the slabs to the cells that are still referenced.

mod guest;
mod hand_over;
mod inject;
pub(crate) mod priority;
mod ranked;
mod rescue;
mod seat;
mod shared_list;
mod shutdown;
mod spares;
pub(crate) mod stepping;
mod threads;
mod worker;

use std::alloc::Layout;
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use cede_core::cache_padded::CachePadded;
use cede_core::idle::Idle;
use cede_core::lock::Lock;
use cede_core::steal_ring::StealRing;
use cede_core::task::{Cell as TaskCell, Home, TaskRef};
use cede_core::transfer_stack::TransferStack;
use cede_driver::Driver;

use super::handle::{Handle, SchedulerHandle};
use super::parts::Parts;
use super::reserved::{Push, Reserved};
use super::stats::Stats;
use crate::inspect::age;
use crate::inspect::registry::{self, Counted, Inspected};
use crate::monitor::{self, Watch, Watched};
use crate::rank::Lanes;
use crate::record;
use crate::record::samples::Samples;
use crate::task::slab::{self, Slab};
use crate::task::spans::{self, Made};
use crate::task::{Id, JoinError, JoinHandle};
use crate::time::timers::Lease;
use guest::GuestPlace;
use inject::Inject;
use seat::{Inside, Seat, with_active};
use shared_list::SharedList;
use shutdown::Shutdown;
use spares::Spares;
use worker::Worker;

pub(crate) use hand_over::block_in_place;
pub(crate) use ranked::spawn_ranked;
pub(crate) use spares::Threads;

/// What every thread may use.
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    /// One for each worker, then one for the guest.
    remotes: Box<[Remote]>,
    workers: usize,
    inject: Inject,
    /// The runnable tasks that have a rank.
    lanes: Arc<Lanes>,
    idle: CachePadded<Idle<Box<[usize]>>>,
    /// For spawns from threads that run no worker of this runtime.
    foreign_slab: CachePadded<Lock<Option<Slab<Shared>>>>,
    foreign_freed: CachePadded<TransferStack>,
    /// Of threads that run no worker, strays included.
    foreign_stats: CachePadded<Stats>,
    /// The guest worker, while no `block_on` has it.
    guest: Lock<GuestPlace>,
    closing: AtomicBool,
    shutdown: Shutdown,
    spares: Spares,
    pub(crate) watch: Arc<Watch>,
    threads: Threads,
    next_timers: AtomicUsize,
}

/// What others see of a worker.
struct Remote {
    ring: StealRing,
    /// What found the ring full, in that order.
    overflow: SharedList,
    freed: TransferStack,
    /// `None` for the guest.
    timers: Option<Lease>,
    stats: Arc<Stats>,
}

impl slab::Shared for Shared {
    fn freed_elsewhere(&self, slab: usize) -> &TransferStack {
        self.remotes.get(slab).map_or(&self.foreign_freed, |remote| &remote.freed)
    }

    fn runtime(&self) -> Option<u64> {
        Some(self.parts.id.number())
    }
}

/// Makes the runtime and starts its threads.
pub(crate) fn build(parts: Parts, drivers: Vec<Driver>, threads: Threads) -> io::Result<Arc<Shared>> {
    let shared = assemble(parts, &drivers, threads);
    if shared.parts.rescue.threads_max > 0 && monitor::begin(&shared.watch) {
        shared.idle.set_backstop();
    }
    let mut started = Vec::with_capacity(drivers.len());
    for (index, driver) in drivers.into_iter().enumerate() {
        let worker = Box::new(Worker::new(shared.clone(), index, Some(driver)));
        let body = {
            let shared = shared.clone();
            move || threads::main(&shared, Some(Seat::new(worker)))
        };
        match shared.threads.start(Box::new(body)) {
            Ok(thread) => started.push(thread),
            Err(error) => {
                // Those that run are enough to end what was begun.
                shared.shutdown.expect_only(started.len());
                shared.shutdown.keep(started);
                let _all_the_time = shared.shut_down(None);
                return Err(error);
            }
        }
    }
    shared.shutdown.keep(started);
    Ok(shared)
}

/// The runtime without its threads; a simulator steps the workers itself.
fn assemble(parts: Parts, drivers: &[Driver], threads: Threads) -> Arc<Shared> {
    let workers = drivers.len();
    let mut remotes = Vec::with_capacity(workers + 1);
    let gap = Arc::default();
    for index in 0..=workers {
        let timers = drivers.get(index).map(|driver| Lease::new(driver.handle().clone(), Arc::clone(&gap)));
        remotes.push(Remote {
            ring: StealRing::new(),
            overflow: SharedList::new(),
            freed: TransferStack::new(),
            timers,
            stats: Arc::default(),
        });
    }
    let shared = Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
        watch: Arc::new(Watch::new(parts.rescue.after, shared.clone() as Weak<dyn Watched>)),
        parts,
        remotes: remotes.into_boxed_slice(),
        workers,
        inject: Inject::new(),
        lanes: Arc::default(),
        idle: CachePadded(Idle::new(vec![0; workers].into())),
        foreign_slab: CachePadded(Lock::new(None)),
        foreign_freed: CachePadded::default(),
        foreign_stats: CachePadded::default(),
        guest: Lock::new(GuestPlace::new()),
        closing: AtomicBool::new(false),
        shutdown: Shutdown::new(workers),
        spares: Spares::new(threads.keep_alive),
        threads,
        next_timers: AtomicUsize::new(0),
    });
    registry::add(Arc::downgrade(&shared) as Weak<dyn Inspected>);
    *shared.foreign_slab.lock() = Some(Slab::new(shared.clone(), workers + 1));
    let guest = Box::new(Worker::new(shared.clone(), workers, None));
    shared.guest.lock().put(guest);
    shared
}

impl Inspected for Shared {
    fn parts(&self) -> &Parts {
        &self.parts
    }

    fn workers(&self) -> usize {
        self.workers
    }

    fn handle(self: Arc<Self>) -> Handle {
        Handle::new(SchedulerHandle::Steal(self))
    }
}

impl Counted for Shared {
    fn armed_timers(&self) -> usize {
        self.remotes.iter().filter_map(|remote| remote.timers.as_ref()).map(|timers| timers.len()).sum()
    }

    fn visit_samples(&self, visit: &mut dyn FnMut(&Samples)) {
        self.remotes.iter().for_each(|remote| visit(&remote.stats.samples));
    }
}

/// The home of the tasks of work-stealing schedulers.
struct StealHome;

impl Home for StealHome {
    type Failure = JoinError;

    fn schedule(task: TaskRef) {
        record::wakes(task);
        // SAFETY: [I4] and the task is alive.
        let (shared, _) = unsafe { slab::owner_of::<Shared>(task) };
        with_active(|active| match active {
            Some(worker) if worker.is_of(shared) => worker.push_woken(task),
            // Once pushed, the task may run to its end and take its chunk, and the runtime, with it.
            _ => shared.clone().push_foreign(task),
        });
    }

    unsafe fn wake_and_release(task: TaskRef) {
        // SAFETY: [I4] and the caller's reference keeps the task.
        let (shared, _) = unsafe { slab::owner_of::<Shared>(task) };
        let done = with_active(|active| {
            let Some(worker) = active.filter(|worker| worker.is_of(shared)) else { return false };
            // SAFETY: [I4] this thread runs a worker, so the runtime does not end meanwhile; the rest is the caller's contract.
            unsafe {
                task.wake_and_release_into(|task| {
                    record::wakes(task);
                    worker.push_woken(task);
                });
            }
            true
        });
        if !done {
            // SAFETY: [I2 of `cede_core::task`] the caller's reference.
            unsafe { task.wake_and_release() };
        }
    }

    unsafe fn free(task: TaskRef, _layout: Layout) {
        // SAFETY: [I4] the last reference is gone, and the chunk is alive until the cell is given back.
        let (shared, number) = unsafe { slab::owner_of::<Shared>(task) };
        with_active(|active| match active {
            Some(worker) if worker.slab(|slab| slab.owns(shared, number)) => {
                // SAFETY: [I4] the last reference is gone, and the slab is the one that owns the cell.
                worker.slab(|slab| unsafe { slab.free(task) });
            }
            Some(worker) if worker.is_of(shared) => {
                // SAFETY: [I4] as above.
                unsafe { slab::free_elsewhere::<Shared>(task) };
                worker.shared().remind_to_collect(number);
            }
            // SAFETY: [I4] as above.
            _ => unsafe { slab::free_elsewhere::<Shared>(task) },
        });
    }
}

thread_local! {
    /// How many cells this thread has freed for other workers.
    static FREED_ELSEWHERE: Cell<usize> = const { Cell::new(0) };
}

/// After so many cells freed for others, the owner of the last one is woken to take them back, in case it sleeps.
const REMIND_EVERY: usize = 4096;

/// The index of the worker that the current thread runs; the guest's is none.
pub(crate) fn worker_index() -> Option<usize> {
    with_active(|active| active.filter(|worker| !worker.is_guest()).map(Worker::index))
}

/// Whether the current thread runs a worker of this runtime.
#[inline]
pub(crate) fn is_driven_here(shared: &Arc<Shared>) -> bool {
    with_active(|active| active.is_some_and(|worker| worker.is_of(shared)))
}

/// Starts a task.
#[inline]
pub(crate) fn spawn<F>(shared: &Arc<Shared>, future: F, site: &'static Location<'static>) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let layout = TaskCell::<F, StealHome>::LAYOUT;
    let id = Id::next();
    spans::spawns::<F>(id, site, layout.size(), Made::Task);
    // No closure, which would own the future: a large one would be moved once more.
    let inside = Inside::enter();
    match inside.worker() {
        Some(worker) if worker.is_of(shared) && !worker.slab(|slab| slab.is_frozen()) => {
            let memory = worker.slab(|slab| slab.allocate(layout));
            let born = age::coarse(worker.polled_at());
            // SAFETY: [I4] the memory is new, and the future is `Send`.
            let (task, join) = unsafe { TaskCell::<F, StealHome>::emplace(memory, future, id.number(), site, born) };
            worker.stats().spawned();
            record::spawns(task);
            worker.push_woken(task);
            JoinHandle::new(join)
        }
        _ => spawn_from_elsewhere::<F, StealHome>(shared, future, id, site, &|task| shared.push_outside(task)),
    }
}

/// Starts a task that is not in the slab of a worker; `push` queues it, which succeeds unless the runtime ends.
#[cold]
#[inline]
fn spawn_from_elsewhere<F, H>(
    shared: &Arc<Shared>,
    future: F,
    id: Id,
    site: &'static Location<'static>,
    push: Push<'_>,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    H: Home<Failure = JoinError>,
{
    let layout = TaskCell::<F, H>::LAYOUT;
    let Some(reserved) = shared.reserve_elsewhere(layout) else { return crate::task::spawn_cancelled(future, id, site) };
    // SAFETY: [I4] the memory is new, and the future is `Send`.
    let (task, join) = unsafe { TaskCell::<F, H>::emplace(reserved.memory, future, id.number(), site, reserved.born) };
    shared.admit_elsewhere(reserved, task, push);
    JoinHandle::new(join)
}

impl Shared {
    /// The timers of the current worker; elsewhere those of some worker.
    pub(crate) fn timers(self: &Arc<Self>) -> &Lease {
        let own = with_active(|active| active.filter(|worker| worker.is_of(self)).map(Worker::index));
        let index = match own {
            Some(index) if index < self.workers => index,
            _ => self.next_timers.fetch_add(1, Ordering::Relaxed) % self.workers,
        };
        self.remotes[index].timers.as_ref().expect("each worker that is not the guest has timers")
    }

    pub(crate) fn worker_count(&self) -> usize {
        self.workers
    }

    /// What worker `index` counts.
    ///
    /// # Panics
    /// If there is no such worker.
    #[track_caller]
    pub(crate) fn stats(&self, index: usize) -> &Stats {
        assert!(index < self.workers, "the runtime has {} workers, so none has the index {index}", self.workers);
        &self.remotes[index].stats
    }

    pub(crate) fn spawned_tasks(&self) -> u64 {
        self.remotes.iter().map(|remote| remote.stats.spawn_count()).sum::<u64>() + self.foreign_stats.spawn_count()
    }

    /// How many tasks wait for worker `index`, but for the one that was woken last.
    pub(crate) fn local_queue_depth(&self, index: usize) -> usize {
        self.remotes[index].ring.len() + self.remotes[index].overflow.len()
    }

    pub(crate) fn alive_tasks(&self) -> usize {
        Stats::alive(self.remotes.iter().map(|remote| &*remote.stats).chain([&*self.foreign_stats]))
    }

    /// How many tasks wait in the queues that belong to no worker.
    pub(crate) fn queue_depth(&self) -> usize {
        self.inject.depth() + self.lanes.len()
    }

    /// How often a sleeping worker had to be interrupted.
    pub(crate) fn interrupts(&self) -> u64 {
        self.remotes.iter().filter_map(|remote| remote.timers.as_ref()).map(|timers| timers.driver().interrupts()).sum()
    }

    /// Memory for a task that is not in the slab of a worker; `None` if the runtime ends.
    fn reserve_elsewhere(&self, layout: Layout) -> Option<Reserved<'_, Self>> {
        let mut foreign = self.foreign_slab.lock();
        let open = !self.inject.is_closed() && !self.parts.refuses_spawn();
        let memory = foreign.as_mut().filter(|_| open)?.allocate(layout);
        Some(Reserved { memory, born: age::coarse(self.parts.clock.about_now()), _slab: foreign })
    }

    /// Queues what was made of that.
    fn admit_elsewhere(&self, reserved: Reserved<'_, Self>, task: TaskRef, push: Push<'_>) {
        // Whoever counts has the slab.
        self.foreign_stats.spawned();
        let pushed = push(task);
        drop(reserved);
        debug_assert!(pushed, "the queue is closed under the same lock");
        self.wake_for_foreign_push();
    }

    /// Fails if the runtime ends.
    fn push_outside(&self, task: TaskRef) -> bool {
        record::spawns_outside(&self.parts, &self.foreign_stats.samples, task);
        self.inject.push(task).is_ok()
    }

    #[cold]
    fn push_foreign(&self, task: TaskRef) {
        record::wakes_outside(&self.parts, &self.foreign_stats.samples, task);
        // A closed queue means that the runtime ends and will drop the future itself.
        if self.inject.push(task).is_ok() {
            self.wake_for_foreign_push();
        }
    }

    /// The thread that pushed may block or end at once, so somebody is woken unless a worker is searching.
    fn wake_for_foreign_push(&self) {
        if self.idle.should_wake_for_foreign_push() {
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        if let Some(index) = self.idle.take_sleeper() {
            self.unpark(index);
        }
    }

    fn unpark(&self, index: usize) {
        if let Some(timers) = &self.remotes[index].timers {
            timers.driver().unpark();
        }
    }

    /// This thread has given a cell back to the slab of another worker. Memory must not lie there until that worker happens to wake up.
    #[inline]
    fn remind_to_collect(&self, slab: usize) {
        let count = FREED_ELSEWHERE.get() + 1;
        FREED_ELSEWHERE.set(count % REMIND_EVERY);
        if count == REMIND_EVERY {
            // Any worker takes back what belongs to none.
            self.unpark(slab.min(self.workers - 1));
        }
    }

    /// Takes back the cells of tasks that were spawned by other threads.
    fn collect_foreign(&self) {
        if Slab::has_freed(self, self.workers + 1)
            && let Some(mut slab) = self.foreign_slab.try_lock()
            && let Some(slab) = slab.as_mut()
        {
            slab.collect();
        }
    }

    /// Whether a task is waiting in any queue that everybody can take from.
    fn has_work(&self) -> bool {
        self.lanes.has_work() || self.has_ordinary_work()
    }

    #[inline(never)]
    fn has_ordinary_work(&self) -> bool {
        !self.inject.is_empty() || self.remotes.iter().any(|remote| !remote.ring.is_empty() || !remote.overflow.is_empty())
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("steal::Shared").field("workers", &self.workers).field("idle", &self.idle).finish_non_exhaustive()
    }
}
