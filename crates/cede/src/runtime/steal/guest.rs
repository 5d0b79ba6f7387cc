//! `block_on` on the work-stealing scheduler. Where the builder asks for it (`block_on_runs_tasks`), the calling thread becomes a guest worker; else it only polls its future.
//!
//! # What
//! The first thread that calls `block_on` gets the guest's ring and slab. What its future spawns goes to that ring, and the thread runs it itself whenever the future
//! waits; so spawning and joining wake no other thread. When all workers are busy it runs nothing but its future, so that no more tasks run in parallel than there are workers. Further threads
//! that call `block_on` at the same time only poll their future.
//!
//! A guest keeps nothing that only it could reach: no slot, no driver, no timers. When it leaves, its ring goes to the injection queue.
//!
//! When the runtime ends, the guest's worker stops like the others and the shutdown waits for it, because it may be in the middle of a poll of any task. The thread then goes on
//! with its future alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use cede_context::budget;

use super::Shared;
use super::seat::{Active, Seat, is_stray, with_active};
use super::worker::Worker;
use crate::inspect::posts;
use crate::monitor;
use crate::record;
use crate::runtime::run::Main;
use crate::runtime::{context, desk};

impl Shared {
    /// Runs a future to its end on this thread.
    pub(crate) fn block_on(self: &Arc<Self>, main: Main<'_>) {
        let nested = with_active(|active| active.is_some_and(|worker| worker.is_of(self)));
        if nested {
            return with_active(|active| drive_nested(active.expect("just seen"), main));
        }
        if let Some(run) = self.parts.block_on_runs_tasks
            && run(self, main)
        {
            return;
        }
        poll_only(self, main, &Signal::new(None), Who::Outsider);
    }

    /// Runs the future as the guest, and tasks meanwhile; `false` if another thread is the guest. Reached by the setting in `Parts` only, so that just the programs have it that want it.
    pub(crate) fn run_as_guest(self: &Arc<Self>, main: Main<'_>) -> bool {
        let Some(worker) = self.guest.lock().enter() else { return false };
        Guest::enter(worker).drive(main);
        true
    }

    /// The runtime ends: the guest's worker stops, at once if nobody has it, else when its thread comes round.
    pub(super) fn stop_guest(self: &Arc<Self>) {
        let (worker, thread) = {
            let mut place = self.guest.lock();
            place.ended = true;
            (place.worker.take(), place.thread.take())
        };
        if let Some(thread) = thread {
            thread.unpark();
        }
        if let Some(worker) = worker {
            self.worker_stopped(Seat::new(worker));
        }
    }

    /// Whether a guest is running tasks at the moment.
    pub(super) fn guest_runs(&self) -> bool {
        self.shutdown.guest_runs.load(Ordering::SeqCst)
    }

    pub(super) fn set_guest_runs(&self, runs: bool) {
        self.shutdown.guest_runs.store(runs, Ordering::SeqCst);
    }
}

/// Wakes a thread that runs a `block_on`.
struct Signal {
    woken: AtomicBool,
    thread: Thread,
    /// The driver in which the thread may be parked, if it is a worker's.
    driver: Option<cede_driver::Handle>,
}

impl Signal {
    fn new(driver: Option<cede_driver::Handle>) -> Arc<Self> {
        Arc::new(Self { woken: AtomicBool::new(true), thread: thread::current(), driver })
    }

    fn is_set(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }

    fn take(&self) -> bool {
        self.woken.load(Ordering::Relaxed) && self.woken.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.woken.swap(true, Ordering::SeqCst) {
            return;
        }
        match &self.driver {
            Some(driver) => driver.unpark(),
            None if thread::current().id() != self.thread.id() => self.thread.unpark(),
            None => {}
        }
    }
}

/// Where the guest worker is while no `block_on` has it.
pub(super) struct GuestPlace {
    worker: Option<Box<Worker>>,
    /// The thread that has it.
    thread: Option<Thread>,
    /// The runtime ends: the worker does not come back but stops.
    ended: bool,
}

impl GuestPlace {
    pub(super) fn new() -> Self {
        Self { worker: None, thread: None, ended: false }
    }

    pub(super) fn put(&mut self, worker: Box<Worker>) {
        self.worker = Some(worker);
    }

    fn enter(&mut self) -> Option<Box<Worker>> {
        let worker = self.worker.take()?;
        self.thread = Some(thread::current());
        Some(worker)
    }
}

/// The guest worker in use; goes back when dropped.
struct Guest {
    worker: Option<Box<Worker>>,
    active: Option<Active>,
}

impl Guest {
    fn enter(worker: Box<Worker>) -> Self {
        // SAFETY: the box stays where it is until `active` is gone (see the drop), and it was taken out of the shared place.
        let active = unsafe { Active::set(&worker) };
        worker.shared().set_guest_runs(true);
        Self { worker: Some(worker), active: Some(active) }
    }

    fn drive(self, main: Main<'_>) {
        let worker = self.worker.as_deref().expect("is only taken on drop");
        let shared = worker.shared();
        let driving = context::drive(context::Drive::Stealing);
        let attending = record::attend(&shared.parts.recorder, &worker.stats().samples, None);
        let signal = Signal::new(None);
        let is_closing = || shared.closing.load(Ordering::SeqCst);
        let waker = Waker::from(signal.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            record::polls_main();
            if signal.take() && budget::with_initial(|| main(&mut cx)).is_ready() {
                return;
            }
            if is_closing() {
                let shared = shared.clone();
                drop((attending, driving));
                drop(self);
                return poll_only(&shared, main, &signal, Who::Outsider);
            }
            if shared.idle.parked_count() == 0 {
                worker.give_away();
            } else if worker.tick(&signal.woken).polled > 0 {
                continue;
            }
            if !signal.is_set() && !is_closing() {
                shared.set_guest_runs(false);
                record::parks(|| (0, shared.inject.len()));
                thread::park();
                record::unparks();
                shared.set_guest_runs(true);
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let worker = self.worker.take().expect("is only taken here");
        worker.give_away();
        drop(self.active.take());
        let shared = worker.shared().clone();
        shared.set_guest_runs(false);
        let mut place = shared.guest.lock();
        let thread = place.thread.take();
        if place.ended {
            drop(place);
            shared.worker_stopped(Seat::new(worker));
        } else {
            place.put(worker);
            drop(place);
        }
        drop(thread);
    }
}

/// Who polls only its future.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// A thread in a task whose worker went to another: it keeps nobody waiting.
    Stray,
    /// Any other. If it is in a task, that is of another runtime, and blocks a thread of that.
    Outsider,
}

/// Another thread is the guest, or the runtime has ended: this one polls its future only.
fn poll_only(shared: &Shared, main: Main<'_>, signal: &Arc<Signal>, who: Who) {
    let _driving = context::drive(context::Drive::Stealing);
    let waker = Waker::from(signal.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if signal.take() && budget::with_initial(|| main(&mut cx)).is_ready() {
            return;
        }
        if !signal.is_set() {
            // The end of the runtime waits for this thread, and would wait for ever. (H4 of `hand_over`)
            assert!(!shared.closing.load(Ordering::SeqCst) || !shared.shutdown.is_away_here(), "{ENDED_WHILE_NESTED}");
            match who {
                Who::Stray => posts::aside(thread::park),
                Who::Outsider => thread::park(),
            }
            posts::stir();
            monitor::wake();
        }
    }
}

const ENDED_WHILE_NESTED: &str =
    "the runtime was shut down while a task of it waited in a nested `block_on`: nothing that it waits for will happen";

/// `block_on` inside a task of this runtime: the worker goes on running tasks while the future waits.
fn drive_nested(worker: &Worker, main: Main<'_>) {
    let shared = worker.shared().clone();
    worker.wake_up();
    let driver = shared.remotes[worker.index()].timers.as_ref().map(|timers| timers.driver().clone());
    let signal = Signal::new(driver.clone());
    let waker = Waker::from(signal.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if is_stray() {
            // The worker went to another thread; its driver does not wake this one any more.
            return poll_only(&shared, main, &Signal::new(None), Who::Stray);
        }
        record::polls_main();
        if signal.take()
            && desk::with_current(|desk| desk.expect("a worker is run at a desk").turn(|| budget::with_initial(|| main(&mut cx))))
                .is_ready()
        {
            record::resumes();
            return;
        }
        if is_stray() {
            continue;
        }
        // As a poll of a task. What the future asks for may be what only the driver can bring.
        worker.polled_future();
        if posts::aside(|| worker.tick(&signal.woken)).polled > 0 || signal.is_set() {
            continue;
        }
        assert!(!shared.closing.load(Ordering::SeqCst), "{ENDED_WHILE_NESTED}");
        if driver.is_some() {
            posts::aside(|| worker.park(Some(&|| signal.is_set())));
        } else {
            // The guest: others may finish what it waits for.
            posts::aside(thread::park);
            worker.slept();
        }
    }
}
