//! The end of a work-stealing runtime. The steps are named in the parent module.
//!
//! # Who may touch what
//! `stopped`: workers, and the guest's, are put there; `away`: threads that poll a task of a worker that was given away (see [`hand_over`](super::hand_over)). Who makes the first complete
//! and the second empty takes all out and drops the futures, with nobody else running tasks. `done` is set after that.
//!
//! What a thread that is away waits for may be held by a future that sleeps. So when all workers have stopped and somebody is still away, the last to stop takes the seats out once and
//! drops the futures that are asleep: nobody polls them, and nobody will.
//!
//! # Why that is sound
//! A claim is one read-modify-write that succeeds if the task slept before, and so does a wake; both leave it not asleep, so one of the two gets the right to poll; a task that a
//! thread is away in is not asleep before its poll has ended, and that thread touches it no more when it has found it asleep. Both are models: `loom_claim_of_a_sleeper_…` in `cede_core::task`. No queue
//! holds what was asleep; and the injection queue is closed, so a wake that comes first leaves the task runnable, in no queue, for `[drop]`.
//!
//! # What still waits
//! A thread that is blocked in its task for something that a *queued* task holds, or one that was woken after the end began: those are not claimed, because the thread that is away may be the one
//! which has just marked its own task and is about to queue it. The end then waits for that thread, as it would on any runtime for a task that blocks for ever; `shutdown_timeout` bounds the wait, and
//! its report names the task. To drop those too, pushes would have to stay possible until `[drop]`, so that each right to poll can be found in a queue.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread, ThreadId};
use std::time::{Duration, Instant};

use cede_core::task::TaskRef;

use super::Shared;
use super::seat::{Seat, with_active};
use crate::inspect::posts;
use crate::order;
use crate::rank::linked;
use crate::runtime::handle::{Handle, SchedulerHandle};
use crate::runtime::stats::TaskSite;
use crate::runtime::{context, run};
use crate::task::slab::Slab;

/// The guest's worker stops like the others.
const GUEST: usize = 1;

pub(super) struct Shutdown {
    /// Whether a guest runs tasks; see the module `guest`.
    pub(super) guest_runs: AtomicBool,
    expected: AtomicUsize,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    stopped: Vec<Seat>,
    away: Vec<Away>,
    threads: Vec<JoinHandle<()>>,
    /// The futures that were asleep are dropped.
    swept: bool,
    done: bool,
}

/// A thread that is away, and the task that it polls.
struct Away {
    thread: Thread,
    task: Option<TaskSite>,
}

impl Shutdown {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            guest_runs: AtomicBool::new(false),
            expected: AtomicUsize::new(workers + GUEST),
            state: Mutex::new(State::default()),
            ended: Condvar::new(),
        }
    }

    #[inline(never)]
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only so many workers could be started.
    pub(super) fn expect_only(&self, workers: usize) {
        self.expected.store(workers + GUEST, Ordering::SeqCst);
    }

    pub(super) fn keep(&self, threads: Vec<JoinHandle<()>>) {
        self.state().threads.extend(threads);
    }

    pub(super) fn keep_one(&self, thread: JoinHandle<()>) {
        let mut state = self.state();
        state.threads.retain(|thread| !thread.is_finished());
        state.threads.push(thread);
    }

    /// `thread` steps aside from its worker, inside a poll of `task`: the end waits for it.
    pub(super) fn add_away(&self, thread: Thread, task: Option<TaskSite>) {
        self.state().away.push(Away { thread, task });
    }

    /// How many threads are away.
    pub(super) fn away_count(&self) -> usize {
        self.state().away.len()
    }

    /// Whether the end waits for this thread.
    pub(super) fn is_away_here(&self) -> bool {
        let here = thread::current().id();
        self.state().away.iter().any(|away| away.thread.id() == here)
    }

    /// The stopped workers, if those were the last to be waited for.
    fn take_if_complete(&self, change: &mut dyn FnMut(&mut State)) -> Option<Vec<Seat>> {
        let mut state = self.state();
        change(&mut state);
        let complete = state.stopped.len() == self.expected.load(Ordering::SeqCst) && state.away.is_empty();
        complete.then(|| std::mem::take(&mut state.stopped))
    }

    /// All workers, if they have stopped while threads are away, for the first who asks.
    fn take_to_sweep(&self) -> Option<Vec<Seat>> {
        let mut state = self.state();
        let all = state.stopped.len() == self.expected.load(Ordering::SeqCst);
        (all && !std::mem::replace(&mut state.swept, true)).then(|| std::mem::take(&mut state.stopped))
    }

    /// Waits for the end; returns what is left of the time.
    fn wait(&self, timeout: Option<Duration>) -> Option<Duration> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut state = self.state();
        while !state.done {
            state = match left() {
                None => self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return left(),
                Some(left) => self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        for thread in threads {
            // A worker only ends by returning; a panic in a thread hook has been reported by the panic hook.
            let _ended = thread.join();
        }
        left()
    }
}

impl Shared {
    /// Ends the runtime: all futures are dropped when this returns, unless a task did not come back from its poll within `timeout` or this is called by a task of this runtime. Then the
    /// last worker drops them. Returns what is left of the time.
    pub(crate) fn shut_down(self: &Arc<Self>, timeout: Option<Duration>) -> Option<Duration> {
        if self.closing.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return timeout;
        }
        self.close_queue();
        (0..self.workers).for_each(|index| self.unpark(index));
        self.stop_guest();
        self.spares.close();
        // They may wait in a nested `block_on`.
        self.shutdown.state().away.iter().for_each(|away| away.thread.unpark());
        let inside = with_active(|active| active.is_some_and(|worker| worker.is_of(self)));
        if inside { timeout } else { self.shutdown.wait(timeout) }
    }

    /// `[close]`. Under the lock of the foreign slab, so that a task is either pushed before, or not made there at all.
    pub(super) fn close_queue(&self) {
        let _no_spawns = self.foreign_slab.lock();
        self.inject.close();
        linked::close(&self.lanes);
    }

    pub(super) fn worker_stopped(self: &Arc<Self>, seat: Seat) {
        let mut seat = Some(seat);
        let mut complete = self.shutdown.take_if_complete(&mut |state| state.stopped.extend(seat.take()));
        if complete.is_none()
            && let Some(seats) = self.shutdown.take_to_sweep()
        {
            self.end_sleeping(&seats);
            let mut seats = seats;
            complete = self.shutdown.take_if_complete(&mut |state| state.stopped = std::mem::take(&mut seats));
        }
        if let Some(seats) = complete {
            self.finish(seats);
        }
    }

    /// This thread, which was away from a worker, has it again or has left all its functions.
    pub(super) fn came_back(self: &Arc<Self>) {
        self.came_back_of(thread::current().id());
    }

    /// The same of another thread.
    pub(super) fn came_back_of(self: &Arc<Self>, here: ThreadId) {
        let complete = self.shutdown.take_if_complete(&mut |state| {
            let place = state.away.iter().rposition(|away| away.thread.id() == here);
            place.map(|place| state.away.swap_remove(place));
        });
        if let Some(seats) = complete {
            self.finish(seats);
        }
    }

    /// Drops the futures that are asleep. Threads may be away, each in the poll of a task, which is not asleep.
    fn end_sleeping(self: &Arc<Self>, seats: &[Seat]) {
        let _inside = context::enter(Handle::new(SchedulerHandle::Steal(self.clone())));
        for seat in seats {
            let worker = seat.worker();
            worker.slab(Slab::freeze);
            let chunks = worker.slab(|slab| slab.chunk_count());
            self.end_each(chunks, &|chunk, index| worker.slab(|slab| slab.task_at(chunk, index)), TaskRef::claim_asleep_for_shutdown);
        }
        let mut foreign = self.foreign_slab.lock().take();
        if let Some(slab) = &mut foreign {
            slab.freeze();
            self.end_each(slab.chunk_count(), &|chunk, index| slab.task_at(chunk, index), TaskRef::claim_asleep_for_shutdown);
        }
        *self.foreign_slab.lock() = foreign;
    }

    /// Ends tasks of a slab, whose places are `task_at`; those that `claim` gives this thread the right to poll.
    #[inline(never)]
    fn end_each(&self, chunks: usize, task_at: &dyn Fn(usize, usize) -> Option<Option<TaskRef>>, claim: unsafe fn(TaskRef) -> bool) {
        for chunk in 0..chunks {
            let mut index = 0;
            while let Some(place) = task_at(chunk, index) {
                index += 1;
                // SAFETY: [I2 of the parent module] all workers and the guest have stopped, so what is woken stays in queues that nobody takes from, and this thread has the right to poll each task that is
                // not complete. If other threads are away, then only to one that was asleep, which is what is claimed.
                unsafe {
                    if let Some(task) = place
                        && claim(task)
                    {
                        run::cancel(task);
                        self.foreign_stats.completed_anywhere();
                    }
                }
            }
        }
    }

    /// `[drop]` and `[leave]`: nobody runs tasks of this runtime any more.
    fn finish(self: &Arc<Self>, seats: Vec<Seat>) {
        let _inside = context::enter(Handle::new(SchedulerHandle::Steal(self.clone())));
        let mut slabs: Vec<Slab<Shared>> = Vec::with_capacity(seats.len() + 1);
        let mut drivers = Vec::with_capacity(seats.len());
        for seat in seats {
            seat.worker().forget_queues();
            // SAFETY: [I2 of `seat`] all threads have left the functions of workers: each gave its seat here, and nobody is away.
            let (slab, driver) = unsafe { seat.into_worker() }.into_parts();
            slabs.push(slab);
            drivers.extend(driver);
        }
        let foreign = self.foreign_slab.lock().take();
        slabs.extend(foreign);
        slabs.iter_mut().for_each(Slab::freeze);
        for slab in &slabs {
            self.end_each(slab.chunk_count(), &|chunk, index| slab.task_at(chunk, index), TaskRef::claim_for_shutdown);
        }
        // A round that is ended by a waker's panic has made progress.
        let timers = self.remotes.iter().filter_map(|remote| remote.timers.as_ref());
        timers.for_each(|timers| while run::shielded(|| timers.shut_down()).is_none() {});
        for driver in drivers {
            let _panicked = run::shielded(|| drop(driver));
        }
        slabs.into_iter().for_each(Slab::close);
        self.shutdown.state().done = true;
        self.shutdown.ended.notify_all();
    }

    /// The tasks whose polls the end of the runtime is waiting for.
    pub(crate) fn refusing_tasks(&self) -> Vec<TaskSite> {
        let state = self.shutdown.state();
        if state.done {
            return Vec::new();
        }
        let polled = posts::polled_in(self.parts.id.number());
        let refusing: Vec<TaskSite> = polled.into_iter().chain(state.away.iter().filter_map(|away| away.task)).collect();
        let mut refusing = order::by_number(refusing, |&(id, _)| id);
        refusing.dedup_by_key(|&mut (id, _)| id);
        refusing
    }
}
