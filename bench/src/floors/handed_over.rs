//! What it costs to hand small jobs to another thread and wait for each: a stack that is taken whole, a state for each job, and two threads that park. Nothing is allocated, and a job is a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};

const BATCH: usize = 10_000;
/// No job.
const NONE: usize = usize::MAX;
const OPEN: u8 = 0;
const AWAITED: u8 = 1;
const DONE: u8 = 2;
/// How often the worker looks before it parks, as long as a wake costs.
const LOOKS: u32 = 300;

/// As large as a task: two cache lines.
#[repr(align(128))]
struct Job {
    next: AtomicUsize,
    state: AtomicU8,
    value: AtomicU64,
}

struct Shared {
    jobs: Vec<Job>,
    /// The job that was pushed last.
    newest: AtomicUsize,
    sleeps: AtomicBool,
    ended: AtomicBool,
    main: Thread,
}

impl Shared {
    fn push(&self, index: usize) {
        let job = &self.jobs[index];
        job.state.store(OPEN, Ordering::Relaxed);
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            job.next.store(newest, Ordering::Relaxed);
            match self.newest.compare_exchange_weak(newest, index, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => newest = other,
            }
        }
    }

    /// The jobs that were pushed, oldest first.
    fn take(&self) -> usize {
        let mut rest = self.newest.swap(NONE, Ordering::SeqCst);
        let mut oldest = NONE;
        while rest != NONE {
            let next = &self.jobs[rest].next;
            let before = next.load(Ordering::Relaxed);
            next.store(oldest, Ordering::Relaxed);
            (oldest, rest) = (rest, before);
        }
        oldest
    }

    fn work(&self) {
        let mut looked = 0;
        while !self.ended.load(Ordering::Relaxed) {
            let mut next = self.take();
            if next == NONE {
                looked += 1;
                if looked < LOOKS {
                    std::hint::spin_loop();
                    continue;
                }
                self.sleeps.store(true, Ordering::SeqCst);
                if self.newest.load(Ordering::SeqCst) == NONE && !self.ended.load(Ordering::SeqCst) {
                    thread::park();
                }
                self.sleeps.store(false, Ordering::SeqCst);
            }
            looked = 0;
            while next != NONE {
                let job = &self.jobs[next];
                next = job.next.load(Ordering::Relaxed);
                job.value.fetch_add(1, Ordering::Relaxed);
                if job.state.swap(DONE, Ordering::AcqRel) == AWAITED {
                    self.main.unpark();
                }
            }
        }
    }
}

/// Jobs in batches, each of which is waited for.
pub(super) fn spawn_join(operations: u64) -> u64 {
    let jobs = (0..BATCH).map(|_| Job { next: AtomicUsize::new(NONE), state: AtomicU8::new(DONE), value: AtomicU64::new(0) }).collect();
    let (newest, sleeps, ended) = (AtomicUsize::new(NONE), AtomicBool::new(false), AtomicBool::new(false));
    let shared = Arc::new(Shared { jobs, newest, sleeps, ended, main: thread::current() });
    let theirs = shared.clone();
    let worker = thread::spawn(move || theirs.work());
    let rounds = operations.div_ceil(BATCH as u64);
    for _ in 0..rounds {
        for index in 0..BATCH {
            shared.push(index);
            if shared.sleeps.load(Ordering::SeqCst) && shared.sleeps.swap(false, Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
        for job in &shared.jobs {
            if job.state.compare_exchange(OPEN, AWAITED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                while job.state.load(Ordering::Acquire) != DONE {
                    thread::park();
                }
            }
        }
    }
    shared.ended.store(true, Ordering::SeqCst);
    worker.thread().unpark();
    worker.join().expect("it does not panic");
    assert!(shared.jobs.iter().all(|job| job.value.load(Ordering::Relaxed) == rounds));
    rounds * BATCH as u64
}
