//! The work-stealing scheduler without threads: somebody else decides which worker takes the next step. For simulated runs.
//!
//! Few programs have any, so its functions are `#[inline]`: compiled with whoever simulates, and in no other program.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use cede_core::task::TaskRef;
use cede_driver::Driver;

use super::seat::{Active, Seat};
use super::worker::{Parked, Worker};
use super::{Shared, Threads};
use crate::order;
use crate::record;
use crate::runtime::context;
use crate::runtime::handle::{Handle, SchedulerHandle};
use crate::runtime::parts::Parts;
use crate::sim::BlockedTask;
use crate::task::{JoinError, JoinHandle};

/// The workers of a runtime, to be stepped by hand.
pub(crate) struct Stepper {
    shared: Arc<Shared>,
    workers: Vec<Virtual>,
    handle: Handle,
}

struct Virtual {
    worker: Option<Box<Worker>>,
    phase: Cell<Phase>,
}

/// Where a worker is in its loop.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Running,
    /// It has found nothing to run, and lingers before it says that it sleeps.
    Lingering,
    /// It has said that it sleeps and is about to look a second time.
    Announced(Parked),
    Asleep(Parked),
}

/// What a step was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Polled,
    Other,
}

impl Stepper {
    #[inline]
    pub(crate) fn new(parts: Parts, drivers: Vec<Driver>, threads: Threads) -> Self {
        let shared = super::assemble(parts, &drivers, threads);
        let virtual_worker = |(index, driver)| Virtual {
            worker: Some(Box::new(Worker::new(shared.clone(), index, Some(driver)))),
            phase: Cell::new(Phase::Running),
        };
        let workers = drivers.into_iter().enumerate().map(virtual_worker).collect();
        Self { workers, handle: Handle::new(SchedulerHandle::Steal(shared.clone())), shared }
    }

    #[inline]
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    #[inline]
    fn driver(&self, index: usize) -> &cede_driver::Handle {
        self.shared.remotes[index].timers.as_ref().expect("is no guest").driver()
    }

    /// The workers that can take a step.
    #[inline]
    pub(crate) fn runnable(&self) -> Vec<usize> {
        let now = self.shared.parts.clock.now();
        let can_go_on = |index: usize| match self.workers[index].phase.get() {
            Phase::Running | Phase::Lingering | Phase::Announced(_) => true,
            Phase::Asleep(parked) => self.driver(index).is_unparked() || parked.until.is_some_and(|until| until <= now),
        };
        (0..self.workers.len()).filter(|&index| can_go_on(index)).collect()
    }

    /// All workers are asleep: moves the clock to the first deadline. Returns false if there is none that leads to anything.
    #[inline]
    pub(crate) fn jump(&self) -> bool {
        let clock = &self.shared.parts.clock;
        let deadlines = self.workers.iter().filter_map(|worker| match worker.phase.get() {
            Phase::Asleep(parked) => parked.until,
            _ => None,
        });
        deadlines.min().inspect(|&deadline| clock.jump_to(deadline)).is_some()
    }

    /// Worker `index` takes a step.
    #[inline]
    pub(crate) fn step(&self, index: usize) -> Progress {
        let place = &self.workers[index];
        let worker = place.worker.as_deref().expect("is only taken when the stepper goes");
        // SAFETY: the worker is in its box until the stepper goes, and this thread is the only one that steps it.
        let _active = unsafe { Active::set(worker) };
        let _inside = context::enter(self.handle.clone());
        let _driving = context::drive(context::Drive::Stealing);
        let _attending = record::attend(&self.shared.parts.recorder, &worker.stats().samples, Some(index));
        match place.phase.get() {
            Phase::Running => {
                if worker.tick(&AtomicBool::new(true)).polled > 0 {
                    return Progress::Polled;
                }
                place.phase.set(Phase::Lingering);
            }
            Phase::Lingering if worker.linger_for_a_step() => place.phase.set(Phase::Running),
            Phase::Lingering => place.phase.set(Phase::Announced(worker.begin_park())),
            Phase::Announced(parked) if self.shared.has_work() => self.go_on(place, worker, parked),
            Phase::Announced(parked) => place.phase.set(Phase::Asleep(parked)),
            Phase::Asleep(parked) => {
                self.driver(index).take_unpark();
                self.go_on(place, worker, parked);
            }
        }
        Progress::Other
    }

    #[inline]
    fn go_on(&self, place: &Virtual, worker: &Worker, parked: Parked) {
        worker.end_park(parked);
        place.phase.set(Phase::Running);
    }

    /// All tasks that have not ended.
    #[inline]
    pub(crate) fn blocked(&self) -> Vec<BlockedTask> {
        let mut blocked = Vec::new();
        self.for_each_task(|task| {
            if !task.state().is_complete() {
                blocked.push(self.described(task));
            }
        });
        order::by_number(blocked, |task| task.id)
    }

    /// Nothing can take a step, and nothing is due: polls each task that waits, once. Returns one that went on then, or because of which another one did, as it was before: nobody had woken it.
    #[inline]
    pub(crate) fn probe_for_lost_wakes(&self) -> Option<BlockedTask> {
        let mut probed = 0;
        while let Some(task) = self.next_asleep_after(probed) {
            let (id, before) = (task.id(), self.described(task));
            task.wake();
            let mut polls = 0;
            while polls < 2
                && let Some(&worker) = self.runnable().first()
            {
                polls += u32::from(self.step(worker) == Progress::Polled);
            }
            let waits_again = self.next_asleep_after(id - 1).is_some_and(|task| task.id() == id);
            if polls != 1 || !waits_again {
                return Some(before);
            }
            probed = id;
        }
        None
    }

    /// Of the tasks that wait, the one with the lowest number above `number`.
    #[inline]
    fn next_asleep_after(&self, number: u64) -> Option<TaskRef> {
        let mut next: Option<TaskRef> = None;
        self.for_each_task(|task| {
            if task.state().is_asleep() && task.id() > number && next.is_none_or(|next| task.id() < next.id()) {
                next = Some(task);
            }
        });
        next
    }

    #[inline]
    fn described(&self, task: TaskRef) -> BlockedTask {
        let mut described = BlockedTask::of(task);
        described.name = self.shared.parts.names.get(described.id);
        described
    }

    #[inline]
    fn for_each_task(&self, mut each: impl FnMut(TaskRef)) {
        for worker in self.workers.iter().filter_map(|place| place.worker.as_deref()) {
            worker.slab(|slab| slab.for_each(&mut each));
        }
        if let Some(slab) = self.shared.foreign_slab.lock().as_ref() {
            slab.for_each(&mut each);
        }
    }

    /// The error of a task that has ended.
    #[inline]
    pub(crate) fn finish(self, ended: JoinHandle<()>) -> JoinError {
        match pin!(ended).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => error,
            other => unreachable!("the task has failed, but its handle says {other:?}"),
        }
    }
}

impl Drop for Stepper {
    #[inline]
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.shared.close_queue();
        self.shared.stop_guest();
        for place in &mut self.workers {
            if let Some(worker) = place.worker.take() {
                self.shared.worker_stopped(Seat::new(worker));
            }
        }
        self.shared.parts.blocking.shut_down(None);
    }
}
