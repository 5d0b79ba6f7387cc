//! The token under the model checker.
//!
//! Loom knows the one order of all SeqCst steps only from fences, so a fence stands where the protocol needs that order.

use std::sync::Arc;

use cede_core::prim::atomic::{AtomicBool, Ordering, fence};
use loom::sync::Notify;
use loom::thread;

use super::Parking;

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

struct Worker {
    parking: Parking,
    /// Stands for the descriptor that the worker waits on.
    interrupt: Notify,
    work: [AtomicBool; 2],
}

impl Worker {
    fn new() -> Arc<Self> {
        Arc::new(Self { parking: Parking::new(), interrupt: Notify::new(), work: [AtomicBool::new(false), AtomicBool::new(false)] })
    }

    fn push(&self, place: usize) {
        self.work[place].store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.parking.notify() {
            self.interrupt.notify();
        }
    }

    /// Looks for work, then parks, until everything has come.
    fn run(&self) {
        loop {
            if self.work.iter().all(|work| work.load(Ordering::SeqCst)) {
                return;
            }
            if self.parking.prepare() {
                self.interrupt.wait();
            }
            self.parking.finish();
            fence(Ordering::SeqCst);
        }
    }
}

#[test]
fn loom_no_push_leaves_the_worker_asleep() {
    model(|| {
        let worker = Worker::new();
        let pushers = [0, 1].map(|place| {
            let worker = worker.clone();
            thread::spawn(move || worker.push(place))
        });
        worker.run();
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    });
}

#[test]
fn loom_only_a_sleeping_worker_is_interrupted_and_once() {
    model(|| {
        let worker = Worker::new();
        let pusher = thread::spawn({
            let worker = worker.clone();
            move || {
                worker.push(0);
                worker.push(1);
            }
        });
        worker.run();
        pusher.join().unwrap();
        assert!(worker.parking.interrupts() <= 2);
        let before = worker.parking.interrupts();
        worker.parking.finish();
        assert!(!worker.parking.notify() && !worker.parking.notify());
        assert_eq!(worker.parking.interrupts(), before);
    });
}
