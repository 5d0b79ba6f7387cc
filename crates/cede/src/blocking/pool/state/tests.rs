//! The decisions without threads: random interleavings of all that can happen, and the invariants after each step.

use cede_core::choice::{Choices, Domain, Seeded};

use super::*;

/// What the thread of a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Counted, but not created.
    Starting,
    /// Has an order that it did not read yet.
    Woken,
    Running(usize),
    Spinning,
    Watching,
    Idle,
    Ended,
}

struct World {
    state: State<usize>,
    arriving: AtomicUsize,
    workers: Vec<(Arc<Worker<usize>>, Phase)>,
    /// How often each job ran, was cancelled, or came back.
    ends: Vec<usize>,
    threads_max: usize,
    /// Whether threads can be created now.
    spawns: bool,
    /// Whether a thread could not be created since the last submit or take.
    refused: bool,
}

impl World {
    fn new(threads_max: usize) -> Self {
        Self {
            state: State::new(threads_max),
            arriving: AtomicUsize::new(0),
            workers: Vec::new(),
            ends: Vec::new(),
            threads_max,
            spawns: true,
            refused: false,
        }
    }

    fn count(&self, wanted: impl Fn(Phase) -> bool) -> usize {
        self.workers.iter().filter(|worker| wanted(worker.1)).count()
    }

    fn apply(&mut self, act: Act<usize>) {
        match act {
            Act::Nothing => {}
            Act::Wake(worker) => {
                let woken = self.workers.iter_mut().find(|other| Arc::ptr_eq(&other.0, &worker)).expect("a worker that was started");
                assert_eq!(woken.1, Phase::Idle, "only idle threads are woken");
                woken.1 = Phase::Woken;
            }
            Act::Start(worker) => self.workers.push((worker, Phase::Starting)),
        }
    }

    fn submit(&mut self) {
        if self.state.closed {
            return;
        }
        self.refused = false;
        self.ends.push(0);
        let act = self.state.place(self.ends.len() - 1, &self.arriving);
        self.apply(act);
    }

    fn shutdown(&mut self) {
        self.state.closed = true;
        let (queue, idle) = self.state.dismiss();
        for job in queue {
            self.ends[job] += 1;
        }
        for worker in idle {
            self.apply(Act::Wake(worker));
        }
    }

    /// The thread of worker `at` takes one step.
    fn step(&mut self, at: usize) {
        let (worker, phase) = (self.workers[at].0.clone(), self.workers[at].1);
        let phase = match phase {
            Phase::Starting if self.spawns => Phase::Woken,
            Phase::Starting => {
                self.refused = true;
                let (own, orphans, act) = self.state.not_started(&worker, &self.arriving);
                for job in own.into_iter().chain(orphans) {
                    self.ends[job] += 1;
                }
                self.apply(act);
                Phase::Ended
            }
            Phase::Woken => match worker.take_order().expect("a woken thread has an order") {
                Order::Run(job) => {
                    self.arriving.fetch_sub(1, Ordering::Relaxed);
                    Phase::Running(job)
                }
                Order::Watch => Phase::Watching,
                Order::Exit => self.end(&worker),
            },
            Phase::Running(job) => {
                self.ends[job] += 1;
                self.next(&worker, false)
            }
            Phase::Spinning => self.next(&worker, true),
            Phase::Watching => match self.state.look(&worker, &self.arriving) {
                Look::Again(acts) => {
                    self.refused &= acts.is_empty();
                    acts.into_iter().for_each(|act| self.apply(act));
                    Phase::Watching
                }
                Look::Run(job, act) => {
                    self.refused = false;
                    self.apply(act);
                    Phase::Running(job)
                }
                Look::Idle => Phase::Idle,
                Look::Exit => self.end(&worker),
            },
            Phase::Idle => {
                assert!(self.state.expire(&worker), "an idle thread is on the stack");
                self.end(&worker)
            }
            Phase::Ended => Phase::Ended,
        };
        self.workers[at].1 = phase;
    }

    fn next(&mut self, worker: &Arc<Worker<usize>>, spun: bool) -> Phase {
        match self.state.next(worker, spun) {
            Next::Run(job, act) => {
                self.refused = false;
                self.apply(act);
                Phase::Running(job)
            }
            Next::Spin => Phase::Spinning,
            Next::Idle => Phase::Idle,
            Next::Exit => self.end(worker),
        }
    }

    fn end(&mut self, worker: &Arc<Worker<usize>>) -> Phase {
        self.state.end(worker);
        Phase::Ended
    }

    fn check(&self) {
        let metrics = self.state.metrics();
        let spinning = self.count(|phase| phase == Phase::Spinning);
        let idle = self.count(|phase| phase == Phase::Idle);
        assert!(metrics.threads <= self.threads_max, "(I4)");
        assert_eq!(metrics.idle, idle);
        assert_eq!(self.state.alive(), self.count(|phase| phase != Phase::Ended));
        assert!(spinning <= 1 && self.count(|phase| phase == Phase::Watching) <= 1);
        if metrics.queued > spinning {
            let no_thread_to_be_had = idle == 0 && (metrics.threads == self.threads_max || self.refused);
            assert!(self.state.watching || no_thread_to_be_had, "(I1) {metrics:?}, {:?}", self.phases());
        }
        if self.state.watching {
            let could_watch = |phase| matches!(phase, Phase::Watching | Phase::Woken | Phase::Starting);
            assert!(self.count(could_watch) > 0, "nobody watches: {:?}", self.phases());
        }
        assert!(self.ends.iter().all(|&ends| ends <= 1), "(I2)");
    }

    fn phases(&self) -> Vec<Phase> {
        self.workers.iter().map(|worker| worker.1).filter(|&phase| phase != Phase::Ended).collect()
    }

    /// Lets all threads but those that run a job, which are blocked, go on until nothing moves.
    fn settle(&mut self) {
        for _ in 0..200 {
            for at in 0..self.workers.len() {
                if !matches!(self.workers[at].1, Phase::Running(_) | Phase::Idle) {
                    self.step(at);
                    self.check();
                }
            }
        }
    }
}

fn random_run(seed: u64) {
    let mut choices = Seeded::new(seed);
    let mut world = World::new(1 + choices.choose(Domain::User, 5) as usize);
    let mut pick = |n: usize| choices.choose(Domain::Schedule, n as u32) as usize;
    // Some runs never fail to start a thread, some often; some submit in bulk.
    let (failures, bulk, expiries) = (pick(3), 1 + pick(30), pick(2));
    for _ in 0..150 {
        world.spawns = pick(4) >= failures;
        match pick(10) {
            0 | 1 => (0..=pick(bulk)).for_each(|_| {
                world.submit();
                world.check();
            }),
            _ if world.workers.is_empty() => {}
            _ => {
                let at = pick(world.workers.len());
                if world.workers[at].1 != Phase::Idle || (expiries == 1 && pick(3) == 0) {
                    world.step(at);
                }
            }
        }
        world.check();
        if pick(20) == 0 {
            world.workers.retain(|worker| worker.1 != Phase::Ended);
        }
    }

    // However it got here: once threads can be had and one more job comes, no job waits behind blocked ones.
    world.spawns = true;
    world.submit();
    world.settle();
    let running = world.count(|phase| matches!(phase, Phase::Running(_)));
    let queued = world.state.metrics().queued;
    assert!(queued == 0 || running == world.threads_max, "{queued} wait while {running} of {} run", world.threads_max);

    if pick(2) == 0 {
        world.shutdown();
        world.check();
    }
    while world.ends.contains(&0) {
        let before = world.ends.clone();
        for at in 0..world.workers.len() {
            if world.workers[at].1 != Phase::Idle {
                world.step(at);
                world.check();
            }
        }
        world.settle();
        assert_ne!(before, world.ends, "no job ends");
    }
    if !world.state.closed {
        world.shutdown();
    }
    world.settle();
    assert_eq!((world.state.alive(), world.arriving.into_inner()), (0, 0));
}

#[test]
fn invariants_hold_in_random_interleavings() {
    for seed in 0..1_000 {
        let run = std::panic::catch_unwind(|| random_run(seed));
        assert!(run.is_ok(), "seed {seed}");
    }
}

/// What bulk submission costs: a few of ten thousand jobs start a thread, and one more watches.
#[test]
fn bulk_submission_starts_few_threads() {
    let mut world = World::new(512);
    for _ in 0..10_000 {
        world.submit();
        world.check();
    }
    assert_eq!(world.workers.len(), ARRIVING_MAX + 1);
    assert!(world.state.watching);
}

/// A watcher, after its threads finished [`ARRIVING_MAX`] jobs of `jobs`.
fn watched(jobs: usize) -> (World, usize) {
    let mut world = World::new(512);
    (0..jobs).for_each(|_| world.submit());
    for at in 0..world.workers.len() {
        world.step(at);
        world.step(at);
    }
    let watcher = world.workers.iter().position(|worker| worker.1 == Phase::Watching).expect("there is a watcher");
    (0..ARRIVING_MAX).for_each(|at| world.step(at));
    (world, watcher)
}

#[test]
fn a_watcher_leaves_a_queue_alone_that_moves() {
    let (mut world, watcher) = watched(20);
    let started = world.workers.len();
    world.step(watcher);
    assert_eq!(world.workers.len(), started);
    // Nothing moved since.
    world.step(watcher);
    assert_eq!(world.workers.len(), started + SURGE_FIRST);
}

#[test]
fn a_watcher_adds_one_thread_at_a_time_to_a_long_queue_that_moves() {
    let (mut world, watcher) = watched(1_000);
    let started = world.workers.len();
    world.step(watcher);
    assert_eq!(world.workers.len(), started + 1);
}

#[test]
fn a_watcher_that_gets_no_thread_runs_the_job_itself() {
    let (mut world, watcher) = watched(20);
    world.spawns = false;
    for _ in 0..3 {
        world.step(watcher);
        for at in 0..world.workers.len() {
            if world.workers[at].1 == Phase::Starting {
                world.step(at);
                world.check();
            }
        }
    }
    assert!(matches!(world.workers[watcher].1, Phase::Running(_)), "{:?}", world.phases());
}
