//! Lookers under the model checker: nothing is freed under anybody.

use std::sync::Arc;

use cede_core::prim::UnsafeCell;
use loom::sync::Mutex;
use loom::thread;

use super::Lookers;

/// A set with one cell.
struct Set {
    lookers: Lookers,
    /// Whether the cell is in the set: the kernel's half, under the kernel's lock.
    member: Mutex<bool>,
    /// Its memory. Freeing it is a write.
    cell: UnsafeCell<()>,
}

impl Set {
    fn new() -> Arc<Self> {
        Arc::new(Self { lookers: Lookers::new(), member: Mutex::new(true), cell: UnsafeCell::new(()) })
    }

    fn look(&self) {
        let Some(_looking) = self.lookers.enter() else { return };
        let reported = *self.member.lock().unwrap();
        if reported {
            self.cell.with(|_| ());
        }
    }

    fn free(&self) {
        self.cell.with_mut(|_| ());
    }
}

fn beside_two_lookers(worker: impl Fn(&Set) + Send + Sync + Copy + 'static) {
    loom::model(move || {
        let set = Set::new();
        let lookers = [(); 2].map(|()| {
            let set = set.clone();
            thread::spawn(move || set.look())
        });
        worker(&set);
        lookers.into_iter().for_each(|looker| looker.join().unwrap());
    });
}

#[test]
fn loom_what_left_the_set_is_freed_when_nobody_looks() {
    beside_two_lookers(|set| {
        *set.member.lock().unwrap() = false;
        if set.lookers.are_none() {
            set.free();
        }
    });
}

#[test]
fn loom_after_the_end_nobody_looks() {
    beside_two_lookers(|set| {
        if !set.lookers.close() {
            set.free();
        }
    });
}
