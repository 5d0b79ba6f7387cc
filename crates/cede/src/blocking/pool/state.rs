//! What a pool knows and how it decides; no thread is woken, started or waited for here.
//!
//! The steps named in brackets and the invariants are those of the [pool](super).

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{JoinHandle, Thread, ThreadId},
};

use cede_core::lock::Lock;

use super::Metrics;

#[cfg(test)]
mod tests;

/// How many threads may be on their way to a job before further jobs are queued.
const ARRIVING_MAX: usize = 4;
/// The queue moves fast enough if this many of the last look's progress would empty it.
const LOOKS_TO_DRAIN: usize = 16;
/// How many jobs a watcher hands over at the first look that finds the queue standing still, how much more at the next, and at most.
const SURGE_FIRST: usize = 8;
const SURGE_GROWTH: usize = 4;
const SURGE_MAX: usize = 128;

/// At least one in so many threads that could spin does, to find out whether it pays again.
const SPIN_SKIPS_MAX: u32 = 63;

/// What an idle or new thread is told to do.
pub(super) enum Order<J> {
    Run(J),
    Watch,
    Exit,
}

/// One thread, seen from the others.
pub(super) struct Worker<J> {
    /// Written under the pool's lock, by whoever takes the thread off the idle stack.
    order: Lock<Option<Order<J>>>,
    thread: OnceLock<Thread>,
    handle: Lock<Option<JoinHandle<()>>>,
}

impl<J> Worker<J> {
    fn new(order: Order<J>) -> Arc<Self> {
        Arc::new(Self { order: Lock::new(Some(order)), thread: OnceLock::new(), handle: Lock::new(None) })
    }

    /// Called by the thread itself, before it can be idle.
    pub(super) fn begin(&self) {
        let _ = self.thread.set(std::thread::current());
    }

    pub(super) fn unpark(&self) {
        self.thread.get().expect("a thread that was idle has begun").unpark();
    }

    #[inline(never)]
    pub(super) fn take_order(&self) -> Option<Order<J>> {
        self.order.lock().take()
    }

    #[inline(never)]
    fn give(&self, order: Order<J>) {
        *self.order.lock() = Some(order);
    }

    pub(super) fn keep(&self, handle: JoinHandle<()>) {
        *self.handle.lock() = Some(handle);
    }
}

/// What to do after unlocking.
#[must_use]
pub(super) enum Act<J> {
    Nothing,
    Wake(Arc<Worker<J>>),
    Start(Arc<Worker<J>>),
}

pub(super) struct State<J> {
    pub(super) queue: VecDeque<J>,
    /// The warmest last.
    idle: Vec<Arc<Worker<J>>>,
    /// All threads that did not end yet.
    workers: Vec<Arc<Worker<J>>>,
    /// Handles of threads that ended after the shutdown began.
    pub(super) handles: Vec<JoinHandle<()>>,
    threads: usize,
    threads_max: usize,
    pub(super) closed: bool,
    /// Whether a thread spins, to which the first job of the queue is promised.
    spinning: bool,
    /// How many threads that could spin park at once: first none, then twice as many for each spin in vain. Spinning pays if the next job comes
    /// within a wake's time, and harms if whoever would submit it needs the processor that spins.
    spin_skips: u32,
    spin_skips_left: u32,
    watching: bool,
    /// Whether a thread could not be created since the watcher's last look.
    refused: bool,
    /// Jobs that threads took when they had finished another, since the watcher's last look.
    taken: usize,
    /// How many jobs the watcher handed over at its last look.
    surge: usize,
}

/// What a watcher's look at the queue came to.
pub(super) enum Look<J> {
    /// Look again later, after doing these.
    Again(Vec<Act<J>>),
    /// No thread could be had: run this.
    Run(J, Act<J>),
    /// Nothing to watch any more: go idle (it is on the stack already), or exit.
    Idle,
    Exit,
}

/// What a thread does after a job.
pub(super) enum Next<J> {
    Run(J, Act<J>),
    Spin,
    Idle,
    Exit,
}

impl<J> State<J> {
    pub(super) fn new(threads_max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            idle: Vec::new(),
            workers: Vec::new(),
            handles: Vec::new(),
            threads: 0,
            threads_max,
            closed: false,
            spinning: false,
            spin_skips: 0,
            spin_skips_left: 0,
            watching: false,
            refused: false,
            taken: 0,
            surge: 0,
        }
    }

    pub(super) fn metrics(&self) -> Metrics {
        Metrics { threads: self.threads, idle: self.idle.len(), queued: self.queue.len() }
    }

    /// `[submit]`
    pub(super) fn place(&mut self, job: J, arriving: &AtomicUsize) -> Act<J> {
        let promised = usize::from(self.spinning);
        if self.queue.len() == promised && arriving.load(Ordering::Relaxed) < ARRIVING_MAX {
            match self.hand_over(job, true, arriving) {
                Ok(act) => return act,
                Err(job) => self.queue.push_back(job),
            }
        } else {
            self.queue.push_back(job);
        }
        self.see_to_watcher(true)
    }

    /// Gives the job to an idle or a new thread, if there can be one.
    #[inline(never)]
    fn hand_over(&mut self, job: J, may_start: bool, arriving: &AtomicUsize) -> Result<Act<J>, J> {
        if let Some(worker) = self.idle.pop() {
            arriving.fetch_add(1, Ordering::Relaxed);
            worker.give(Order::Run(job));
            Ok(Act::Wake(worker))
        } else if may_start && self.threads < self.threads_max {
            arriving.fetch_add(1, Ordering::Relaxed);
            Ok(self.add(Order::Run(job)))
        } else {
            Err(job)
        }
    }

    /// Counts a thread that the caller creates after unlocking. (I4)
    #[inline(never)]
    fn add(&mut self, order: Order<J>) -> Act<J> {
        let worker = Worker::new(order);
        self.threads += 1;
        self.workers.push(worker.clone());
        Act::Start(worker)
    }

    /// Restores (I1) after the queue or the threads changed.
    #[inline(never)]
    fn see_to_watcher(&mut self, may_start: bool) -> Act<J> {
        if self.watching || self.queue.len() <= usize::from(self.spinning) {
            return Act::Nothing;
        }
        let act = if let Some(worker) = self.idle.pop() {
            worker.give(Order::Watch);
            Act::Wake(worker)
        } else if may_start && self.threads < self.threads_max {
            self.add(Order::Watch)
        } else {
            return Act::Nothing;
        };
        self.watching = true;
        (self.taken, self.surge, self.refused) = (0, 0, false);
        act
    }

    /// `[take]` and `[park]`: what a thread does that finished a job, or (`spun`) looked for one in vain.
    pub(super) fn next(&mut self, worker: &Arc<Worker<J>>, spun: bool) -> Next<J> {
        if spun {
            self.spinning = false;
            self.spin_skips = if self.queue.is_empty() { (self.spin_skips * 2 + 1).min(SPIN_SKIPS_MAX) } else { 0 };
            self.spin_skips_left = self.spin_skips;
        }
        if let Some(job) = self.queue.pop_front() {
            self.taken += 1;
            return Next::Run(job, self.see_to_watcher(true));
        }
        if self.closed {
            self.threads -= 1;
            Next::Exit
        } else if !spun && !self.spinning && self.spin_skips_left == 0 {
            self.spinning = true;
            Next::Spin
        } else {
            self.spin_skips_left = self.spin_skips_left.saturating_sub(u32::from(!spun));
            self.idle.push(worker.clone());
            Next::Idle
        }
    }

    /// `[watch]`
    pub(super) fn look(&mut self, worker: &Arc<Worker<J>>, arriving: &AtomicUsize) -> Look<J> {
        if self.queue.is_empty() {
            self.watching = false;
            if self.closed {
                self.threads -= 1;
                return Look::Exit;
            }
            self.idle.push(worker.clone());
            return Look::Idle;
        }
        let taken = std::mem::take(&mut self.taken);
        self.surge = if taken == 0 {
            (self.surge * SURGE_GROWTH).clamp(SURGE_FIRST, SURGE_MAX)
        } else {
            usize::from(self.queue.len() > taken.saturating_mul(LOOKS_TO_DRAIN))
        };
        // Trying in vain for ever would leave the job to nobody.
        let may_start = !std::mem::take(&mut self.refused);
        let mut acts = Vec::new();
        for _ in 0..self.surge {
            let Some(job) = self.queue.pop_front() else { break };
            match self.hand_over(job, may_start, arriving) {
                Ok(act) => acts.push(act),
                // No other thread can be had.
                Err(job) if acts.is_empty() => {
                    self.watching = false;
                    return Look::Run(job, self.see_to_watcher(true));
                }
                Err(job) => {
                    self.queue.push_front(job);
                    break;
                }
            }
        }
        Look::Again(acts)
    }

    /// `[park]` The keep-alive of an idle thread ended. `false` if somebody took it off the stack: then it has an order.
    pub(super) fn expire(&mut self, worker: &Arc<Worker<J>>) -> bool {
        let Some(place) = self.idle.iter().position(|idle| Arc::ptr_eq(idle, worker)) else { return false };
        self.idle.remove(place);
        self.threads -= 1;
        true
    }

    /// The thread is about to end.
    pub(super) fn end(&mut self, worker: &Arc<Worker<J>>) {
        self.forget(worker);
        if self.closed {
            let handle = worker.handle.lock().take();
            self.handles.extend(handle);
        }
    }

    fn forget(&mut self, worker: &Arc<Worker<J>>) {
        if let Some(place) = self.workers.iter().position(|other| Arc::ptr_eq(other, worker)) {
            self.workers.swap_remove(place);
        }
    }

    /// A thread could not be created. Returns its job and the others of the queue if nobody is left to run them, and what to do.
    pub(super) fn not_started(&mut self, worker: &Arc<Worker<J>>, arriving: &AtomicUsize) -> (Option<J>, VecDeque<J>, Act<J>) {
        self.threads -= 1;
        self.refused = true;
        self.forget(worker);
        let own = match worker.take_order() {
            Some(Order::Run(job)) => {
                arriving.fetch_sub(1, Ordering::Relaxed);
                Some(job)
            }
            Some(Order::Watch) => {
                self.watching = false;
                None
            }
            Some(Order::Exit) | None => None,
        };
        if self.threads == 0 || self.closed {
            return (own, std::mem::take(&mut self.queue), Act::Nothing);
        }
        if let Some(job) = own {
            self.queue.push_front(job);
        }
        (None, VecDeque::new(), self.see_to_watcher(false))
    }

    /// The shutdown: the queue, and the idle threads, which are told to exit.
    pub(super) fn dismiss(&mut self) -> (VecDeque<J>, Vec<Arc<Worker<J>>>) {
        let idle = std::mem::take(&mut self.idle);
        self.threads -= idle.len();
        for worker in &idle {
            worker.give(Order::Exit);
        }
        (std::mem::take(&mut self.queue), idle)
    }

    pub(super) fn alive(&self) -> usize {
        self.workers.len()
    }

    pub(super) fn is_member(&self, thread: ThreadId) -> bool {
        self.workers.iter().any(|worker| worker.thread.get().is_some_and(|own| own.id() == thread))
    }
}
