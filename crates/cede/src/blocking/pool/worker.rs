//! What a thread of the pool does. The protocol is described in the [pool](super).

use std::{
    hint,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    Job, Shared, contain,
    state::{Act, Look, Next, Order, Worker},
};

/// How long a thread that found the queue empty looks on before it parks: longer than it takes to wake the one who waits for its job.
const SPIN: Duration = Duration::from_micros(50);
/// Before a watcher's first look, and between two of them. (To both, Linux adds 50 µs of slack by default.)
const WATCH_FIRST: Duration = Duration::from_micros(10);
const WATCH_PERIOD: Duration = Duration::from_micros(50);

/// The thread's life.
pub(super) fn main<J: Job>(shared: &Arc<Shared<J>>, worker: &Arc<Worker<J>>) {
    worker.begin();
    if let Some(hook) = &shared.config.on_start {
        contain(|| hook());
    }
    let mut order = worker.take_order();
    while let Some(now) = order {
        let goes_on = match now {
            Order::Run(job) => {
                shared.arriving.fetch_sub(1, Ordering::Relaxed);
                run(shared, worker, job)
            }
            Order::Watch => watch(shared, worker),
            Order::Exit => false,
        };
        order = if goes_on { wait(shared, worker) } else { None };
    }
    if let Some(hook) = &shared.config.on_stop {
        contain(|| hook());
    }
    shared.lock().end(worker);
    shared.ended.notify_all();
}

/// Runs jobs while there are any. Returns whether the thread is idle now; otherwise it exits.
fn run<J: Job>(shared: &Arc<Shared<J>>, worker: &Arc<Worker<J>>, mut job: J) -> bool {
    loop {
        contain(|| job.run());
        let mut next = decide(shared, |state| state.next(worker, false));
        if matches!(next, Next::Spin) {
            spin(shared);
            next = decide(shared, |state| state.next(worker, true));
        }
        job = match next {
            Next::Run(job, act) => {
                perform(shared, act);
                job
            }
            Next::Idle => return true,
            Next::Exit => return false,
            Next::Spin => unreachable!("a thread that spun parks"),
        };
    }
}

/// Looks at the queue from time to time, until it is empty. Returns as `run` does.
fn watch<J: Job>(shared: &Arc<Shared<J>>, worker: &Arc<Worker<J>>) -> bool {
    let mut period = WATCH_FIRST;
    loop {
        // An early return does no harm: the look comes early.
        thread::park_timeout(period);
        period = WATCH_PERIOD;
        match decide(shared, |state| state.look(worker, &shared.arriving)) {
            Look::Again(acts) => {
                for act in acts {
                    perform(shared, act);
                }
            }
            Look::Run(job, act) => {
                perform(shared, act);
                return run(shared, worker, job);
            }
            Look::Idle => return true,
            Look::Exit => return false,
        }
    }
}

/// Waits, idle, for an order; `None` to exit.
fn wait<J: Job>(shared: &Arc<Shared<J>>, worker: &Arc<Worker<J>>) -> Option<Order<J>> {
    let since = Instant::now();
    loop {
        if let Some(order) = worker.take_order() {
            return Some(order);
        }
        let left = shared.config.keep_alive.saturating_sub(since.elapsed());
        if !left.is_zero() {
            thread::park_timeout(left);
        } else if shared.lock().expire(worker) {
            return None;
        }
    }
}

/// Until there is a job, or for [`SPIN`].
fn spin<J: Job>(shared: &Shared<J>) {
    let since = Instant::now();
    while shared.queued.load(Ordering::Relaxed) == 0 && since.elapsed() < SPIN {
        for _ in 0..8 {
            hint::spin_loop();
        }
    }
}

fn decide<J: Job, R>(shared: &Shared<J>, decision: impl FnOnce(&mut super::State<J>) -> R) -> R {
    let mut state = shared.lock();
    let outcome = decision(&mut state);
    shared.note_queued(&state);
    outcome
}

/// As `Shared::perform`. This thread exists, so a job comes back only if the pool was shut down meanwhile.
fn perform<J: Job>(shared: &Arc<Shared<J>>, act: Act<J>) {
    if let Some((job, _)) = shared.perform(act) {
        contain(|| job.cancel());
    }
}
