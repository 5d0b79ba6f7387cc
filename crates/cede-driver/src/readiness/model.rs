//! The readiness cell under the model checker: no edge is lost, and none is seen twice without cause.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;
use loom::thread;

use super::{Direction, READABLE, ReadyCell, WRITABLE};

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

struct Unpark(Notify);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Waits for readiness; a lost wake is a deadlock, which loom reports.
fn wait(cell: &ReadyCell, direction: Direction) -> super::Event {
    let unpark = Arc::new(Unpark(Notify::new()));
    let waker = Waker::from(unpark.clone());
    loop {
        match cell.poll_ready(&mut Context::from_waker(&waker), direction) {
            Poll::Ready(ready) => return ready,
            Poll::Pending => unpark.0.wait(),
        }
    }
}

#[test]
fn loom_an_edge_wakes_who_waits() {
    model(|| {
        let cell = Arc::new(ReadyCell::new(0, ()));
        let driver = thread::spawn({
            let cell = cell.clone();
            move || cell.set(READABLE)
        });
        wait(&cell, Direction::Read);
        driver.join().unwrap();
    });
}

#[test]
fn loom_reader_and_writer_each_get_their_edge() {
    model(|| {
        let cell = Arc::new(ReadyCell::new(0, ()));
        let driver = thread::spawn({
            let cell = cell.clone();
            move || {
                cell.set(READABLE);
                cell.set(WRITABLE);
            }
        });
        let writer = thread::spawn({
            let cell = cell.clone();
            move || assert!(wait(&cell, Direction::Write).ready().is_writable())
        });
        wait(&cell, Direction::Read);
        driver.join().unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn loom_clearing_what_was_seen_keeps_a_later_edge() {
    model(|| {
        let cell = Arc::new(ReadyCell::new(0, ()));
        cell.set(READABLE);
        let seen = cell.ready(Direction::Read).unwrap();
        let driver = thread::spawn({
            let cell = cell.clone();
            move || cell.set(READABLE)
        });
        cell.disprove(seen, Direction::Read);
        wait(&cell, Direction::Read);
        driver.join().unwrap();
    });
}

#[test]
fn loom_another_waker_takes_the_place_beside_an_edge() {
    model(|| {
        let cell = Arc::new(ReadyCell::new(0, ()));
        let driver = thread::spawn({
            let cell = cell.clone();
            move || cell.set(READABLE)
        });
        let first = Waker::from(Arc::new(Unpark(Notify::new())));
        let _before = cell.poll_ready(&mut Context::from_waker(&first), Direction::Read);
        drop(first);
        wait(&cell, Direction::Read);
        driver.join().unwrap();
    });
}
