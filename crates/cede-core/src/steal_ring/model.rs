//! The ring under the model checker: each task comes out exactly once.

use std::sync::Arc;
use std::vec::Vec;

use core::ptr::{self, NonNull};

use loom::thread;

use super::{CAPACITY, STEAL_MAX, StealRing};
use crate::task::{Header, TaskRef};

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

/// The ring never looks at a task, so a number in the place of the address will do.
fn task(number: usize) -> TaskRef {
    let address = NonNull::new(ptr::without_provenance_mut::<Header>(number * 64)).expect("numbers begin at one");
    // SAFETY: nobody reaches through it.
    unsafe { TaskRef::from_raw(address) }
}

fn number(task: TaskRef) -> usize {
    task.as_ptr().addr().get() / 64
}

fn push(ring: &StealRing, tasks: impl Iterator<Item = usize>) {
    for wanted in tasks {
        // SAFETY: the model's main thread is the owner.
        assert!(unsafe { ring.push(task(wanted)) }.is_ok());
    }
}

fn steal(ring: &StealRing) -> Vec<usize> {
    let mut stolen = Vec::new();
    ring.steal(STEAL_MAX, |task| stolen.push(number(task)));
    assert!(stolen.is_sorted(), "oldest first");
    stolen
}

fn drain(ring: &StealRing) -> Vec<usize> {
    let rest: Vec<_> = core::iter::from_fn(|| ring.pop()).map(number).collect();
    assert!(rest.is_sorted(), "oldest first");
    rest
}

fn assert_each_once(parts: impl IntoIterator<Item = Vec<usize>>, count: usize) {
    let mut all: Vec<_> = parts.into_iter().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (1..=count).collect::<Vec<_>>());
}

#[test]
fn loom_push_and_pop_beside_two_thieves() {
    model(|| {
        let ring = Arc::new(StealRing::new());
        push(&ring, 1..=2);
        let thieves = [ring.clone(), ring.clone()].map(|ring| thread::spawn(move || steal(&ring)));
        push(&ring, 3..=3);
        let own: Vec<_> = ring.pop().map(number).into_iter().collect();
        let stolen: Vec<_> = thieves.into_iter().map(|thief| thief.join().unwrap()).collect();
        let rest = drain(&ring);
        assert_each_once(stolen.into_iter().chain([own, rest]), 3);
    });
}

#[test]
fn loom_a_full_ring_wraps_around_beside_a_thief() {
    model(|| {
        let ring = Arc::new(StealRing::new());
        push(&ring, 1..=CAPACITY);
        let thief = thread::spawn({
            let ring = ring.clone();
            move || steal(&ring)
        });
        // There is room for another one only if the thief has been here.
        let mut own = Vec::new();
        for wanted in CAPACITY + 1..=CAPACITY + 2 {
            // SAFETY: this thread is the owner.
            if unsafe { ring.push(task(wanted)) }.is_err() {
                own.extend(ring.pop().map(number));
                push(&ring, wanted..=wanted);
            }
        }
        let stolen = thief.join().unwrap();
        let rest = drain(&ring);
        assert_each_once([stolen, own, rest], CAPACITY + 2);
    });
}

#[test]
fn loom_the_owner_steals_from_itself_beside_a_thief() {
    model(|| {
        let ring = Arc::new(StealRing::new());
        push(&ring, 1..=CAPACITY);
        let thief = thread::spawn({
            let ring = ring.clone();
            move || ring.pop().map(number).into_iter().collect::<Vec<_>>()
        });
        let own = steal(&ring);
        push(&ring, CAPACITY + 1..=CAPACITY + 1);
        let stolen = thief.join().unwrap();
        let rest = drain(&ring);
        assert_each_once([stolen, own, rest], CAPACITY + 1);
    });
}
