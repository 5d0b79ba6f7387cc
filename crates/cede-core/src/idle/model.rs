//! The parking protocol under the model checker, with the steps of workers as the scheduler composes them. Nobody here has a time-out, so a task that is left behind is found.
//!
//! Loom knows the one order of all SeqCst steps only from fences. So where the protocol needs that order, between what one side writes and what it reads next, stands a fence.

use std::sync::Arc;

use core::ptr::{self, NonNull};

use loom::sync::Notify;
use loom::thread;

use super::{Idle, Role, Unparked};
use crate::prim::atomic::{Ordering, fence};
use crate::steal_ring::StealRing;
use crate::task::TaskRef;

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

/// The ring that stands for the injection queue where somebody lingers.
const LINGERED_FOR: usize = 1;

/// Two queues that everybody takes from, and a bell for each of `N` workers.
struct World<const N: usize> {
    idle: Idle<[usize; N]>,
    rings: [StealRing; 2],
    bells: [Notify; N],
}

impl<const N: usize> World<N> {
    fn new() -> Arc<Self> {
        let bells = core::array::from_fn(|_| Notify::new());
        Arc::new(Self { idle: Idle::new([0; N]), rings: [StealRing::new(), StealRing::new()], bells })
    }

    /// The owner of a ring queues a task. The ring never looks at it, so any address will do.
    fn push(&self, ring: usize) {
        // SAFETY: nobody reaches through the pointer, and each ring has one pusher in these models.
        let pushed = unsafe { self.rings[ring].push(TaskRef::from_raw(NonNull::new(ptr::without_provenance_mut(64)).unwrap())) };
        assert!(pushed.is_ok());
        fence(Ordering::SeqCst);
    }

    fn wake_one(&self) -> bool {
        let sleeper = self.idle.take_sleeper();
        if let Some(worker) = sleeper {
            self.bells[worker].notify();
        }
        sleeper.is_some()
    }

    fn push_own(&self, ring: usize) -> bool {
        self.push(ring);
        self.idle.should_wake_for_push(false, || 0) && self.wake_one()
    }

    /// Of a worker that relies on the backstop: little work, so it wakes nobody itself.
    fn push_for_the_backstop(&self, ring: usize) {
        self.push(ring);
        assert!(!self.idle.should_wake_for_push(true, || 0), "that is what the backstop is for");
    }

    /// A look of the backstop.
    fn look(&self) -> bool {
        fence(Ordering::SeqCst);
        self.idle.should_wake_by_backstop() && self.has_work() && self.wake_one()
    }

    fn push_foreign(&self, ring: usize) -> bool {
        self.push(ring);
        self.idle.should_wake_for_foreign_push() && self.wake_one()
    }

    fn has_work(&self) -> bool {
        self.rings.iter().any(|ring| !ring.is_empty())
    }

    fn take(&self) -> bool {
        self.rings.iter().any(|ring| ring.pop().is_some())
    }

    /// Whether there is what a searching worker lingers for before it parks: it looks at one queue only, and in no order with anything.
    fn is_there_after_lingering(&self) -> bool {
        thread::yield_now();
        !self.rings[LINGERED_FOR].is_empty()
    }

    /// What a worker does that has no task, until it has one.
    fn find(&self, worker: usize, lingers: bool) {
        let mut searching = false;
        loop {
            searching = searching || self.idle.begin_search();
            if searching && self.take() {
                self.stop_searching();
                return;
            }
            if lingers && searching && self.is_there_after_lingering() {
                continue;
            }
            let _role = self.idle.park(worker, core::mem::take(&mut searching), false);
            fence(Ordering::SeqCst);
            if self.has_work() {
                // Another one may be searching alone; it gets on with it.
                thread::yield_now();
            } else {
                self.bells[worker].wait();
            }
            searching = self.idle.unpark_self(worker) == Unparked::ToSearch;
        }
    }

    fn stop_searching(&self) -> bool {
        let last = self.idle.end_search();
        fence(Ordering::SeqCst);
        last && self.has_work() && self.idle.should_wake_for_push(false, || 0) && self.wake_one()
    }
}

#[test]
fn loom_a_push_of_a_guest_finds_the_worker_that_parks() {
    model(|| {
        let world = World::<1>::new();
        let worker = thread::spawn({
            let world = world.clone();
            move || world.find(0, false)
        });
        world.push_own(0);
        worker.join().unwrap();
    });
}

#[test]
fn loom_two_foreign_pushes_find_the_worker_that_parks() {
    model(|| {
        let world = World::<1>::new();
        let pusher = thread::spawn({
            let world = world.clone();
            move || {
                world.push_foreign(0);
            }
        });
        let worker = thread::spawn({
            let world = world.clone();
            move || {
                world.find(0, false);
                world.find(0, false);
            }
        });
        world.push_foreign(1);
        pusher.join().unwrap();
        worker.join().unwrap();
    });
}

/// Three workers of which the last is in deep sleep, with nobody watching.
fn one_in_deep_sleep() -> Arc<World<3>> {
    let world = World::<3>::new();
    assert_eq!(world.idle.park(0, false, false), Role::Watcher);
    assert_eq!(world.idle.park(1, false, false), Role::Sleeper);
    assert_eq!(world.idle.park(2, false, false), Role::Sleeper);
    assert_eq!(world.idle.unpark_self(0), Unparked::ByItself);
    assert_eq!(world.idle.unpark_self(1), Unparked::ByItself);
    world
}

#[test]
fn loom_a_search_that_finds_something_else_leaves_nothing_behind() {
    model(|| {
        let world = one_in_deep_sleep();
        world.push(1);
        let searcher = thread::spawn({
            let world = world.clone();
            move || {
                assert!(world.idle.begin_search());
                // It takes one task and never comes back.
                assert!(world.take());
                world.stop_searching()
            }
        });
        let woken = world.push_own(0);
        let handed_over = searcher.join().unwrap();
        assert!(woken || handed_over, "one of two tasks is left, its owner does not come back, and the third worker sleeps");
    });
}

#[test]
fn loom_a_watcher_that_leaves_for_a_task_of_its_own_hands_the_watch_over() {
    model(|| {
        let world = one_in_deep_sleep();
        assert_eq!(world.idle.park(1, false, false), Role::Watcher);
        let watcher = thread::spawn({
            let world = world.clone();
            move || {
                // An event gave it a task, for which it never comes back.
                if world.idle.unpark_self(1) == Unparked::ToSearch {
                    return world.stop_searching();
                }
                fence(Ordering::SeqCst);
                world.has_work() && world.idle.should_wake_for_push(false, || 0) && world.wake_one()
            }
        });
        let woken = world.push_own(0);
        let handed_over = watcher.join().unwrap();
        assert!(woken || handed_over, "the task's owner does not come back, and the third worker sleeps");
    });
}

#[test]
fn loom_pushes_find_the_worker_that_lingers() {
    model(|| {
        let world = World::<1>::new();
        let worker = thread::spawn({
            let world = world.clone();
            move || {
                world.find(0, true);
                world.find(0, true);
            }
        });
        // A guest that leaves for good after this: what it left in its ring is found as well.
        world.push_foreign(LINGERED_FOR);
        world.push_own(0);
        worker.join().unwrap();
    });
}

/// What somebody queues relies on the worker that searches, also while that lingers. It takes one task and never comes back, or it sleeps, and watches.
#[test]
fn loom_nothing_is_left_to_a_worker_that_lingers() {
    model(|| {
        let world = one_in_deep_sleep();
        let searcher = thread::spawn({
            let world = world.clone();
            move || {
                assert!(world.idle.begin_search());
                while !world.take() {
                    if world.is_there_after_lingering() {
                        continue;
                    }
                    let role = world.idle.park(1, true, true);
                    fence(Ordering::SeqCst);
                    return world.has_work() || role == Role::Watcher;
                }
                world.stop_searching();
                false
            }
        });
        let pusher = thread::spawn({
            let world = world.clone();
            move || {
                world.push_foreign(LINGERED_FOR);
            }
        });
        // Of a worker that does not come back.
        world.push_own(0);
        pusher.join().unwrap();
        let goes_on = searcher.join().unwrap();
        let third_is_woken = world.idle.unpark_self(2) == Unparked::ToSearch;
        assert!(goes_on || third_is_woken || !world.has_work(), "a task is left, and everybody sleeps or does not come back");
    });
}

/// The worker that pushed does not come back. One look in bounded time after the push is enough, wherever the other one is on its way to sleep.
#[test]
fn loom_one_look_of_the_backstop_finds_what_was_left_to_it() {
    model(|| {
        let world = World::<1>::new();
        world.idle.set_backstop();
        let worker = thread::spawn({
            let world = world.clone();
            move || world.find(0, false)
        });
        world.push_for_the_backstop(0);
        let backstop = thread::spawn({
            let world = world.clone();
            move || world.look()
        });
        let _woken = backstop.join().unwrap();
        worker.join().unwrap();
    });
}

/// A look may find that somebody searches, who then finds something else and leaves the rest to the backstop: the next look is for that.
#[test]
fn loom_what_a_search_leaves_to_the_backstop_is_found_by_its_next_look() {
    model(|| {
        let world = one_in_deep_sleep();
        world.idle.set_backstop();
        world.push(1);
        let searcher = thread::spawn({
            let world = world.clone();
            move || {
                assert!(world.idle.begin_search());
                // It takes one task and never comes back.
                assert!(world.take());
                let last = world.idle.end_search();
                fence(Ordering::SeqCst);
                assert!(!(last && world.has_work() && world.idle.should_wake_for_push(true, || 0)), "that is left to the backstop");
            }
        });
        let backstop = thread::spawn({
            let world = world.clone();
            move || world.look()
        });
        world.push_for_the_backstop(0);
        let woken = backstop.join().unwrap();
        searcher.join().unwrap();
        assert!(woken || world.look(), "one of two tasks is left, its owner does not come back, and the third worker sleeps");
    });
}
