//! The desk under the model checker: the thread and the monitor never have the scheduler at the same time, and one of them has it in the end.
//!
//! # Invariants
//! - I1: the cell stands for the scheduler. It is accessed only by who has the right to; loom fails if two do at the same time, or without an order between them.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering;
use loom::thread;

use super::Desk;

struct Scheduler {
    desk: Desk,
    cells: UnsafeCell<u32>,
}

// SAFETY: [I1] the protocol that is modelled sees to it.
unsafe impl Sync for Scheduler {}
// SAFETY: [I1] as above.
unsafe impl Send for Scheduler {}

impl Scheduler {
    fn touch(&self) {
        // SAFETY: [I1] what the model is to show.
        self.cells.with_mut(|cells| unsafe { *cells += 1 });
    }

    /// The thread uses the scheduler if it still has it.
    fn touch_if_here(&self) -> bool {
        let here = !self.desk.runs().is_null();
        if here {
            self.touch();
        }
        here
    }
}

fn scheduler() -> Arc<Scheduler> {
    // Any pointer but null.
    let runs = core::ptr::NonNull::<u32>::dangling().as_ptr().cast();
    Arc::new(Scheduler { desk: Desk::new(runs), cells: UnsafeCell::new(0) })
}

/// A turn in which the task wakes somebody, then a look at the queue. Returns whether the thread has the scheduler after that.
fn run(scheduler: &Scheduler) -> bool {
    scheduler.touch_if_here();
    scheduler.desk.turn(|| {
        let before = scheduler.desk.enter();
        scheduler.touch_if_here();
        scheduler.desk.exit(before);
    });
    scheduler.touch_if_here()
}

/// Stands for the process-wide one: the thread's side is a full fence in models.
fn barrier() -> bool {
    loom::sync::atomic::fence(Ordering::SeqCst);
    true
}

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

#[test]
fn loom_a_scheduler_is_taken_whole_or_not_at_all() {
    model(|| {
        let scheduler = scheduler();
        let monitor = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                let taken = scheduler.desk.take(barrier, |_| {
                    scheduler.touch();
                    true
                });
                if taken {
                    scheduler.touch();
                }
                taken
            })
        };
        let kept = run(&scheduler);
        assert_eq!(kept, !monitor.join().unwrap());
    });
}

#[test]
fn loom_a_monitor_that_only_looks_gives_it_back() {
    model(|| {
        let scheduler = scheduler();
        let monitor = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                scheduler.desk.take(barrier, |_| {
                    scheduler.touch();
                    false
                })
            })
        };
        assert!(run(&scheduler));
        assert!(!monitor.join().unwrap());
    });
}

#[test]
fn loom_stepping_aside_and_a_monitor() {
    model(|| {
        let scheduler = scheduler();
        let monitor = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                let taken = scheduler.desk.take(barrier, |_| true);
                if taken {
                    scheduler.touch();
                }
                taken
            })
        };
        let kept = scheduler.desk.turn(|| {
            let before = scheduler.desk.enter();
            let runs = if scheduler.desk.runs().is_null() { core::ptr::null_mut() } else { scheduler.desk.step_aside() };
            if !runs.is_null() {
                scheduler.touch();
                scheduler.desk.come_back(runs);
            }
            scheduler.desk.exit(before);
            !runs.is_null()
        });
        let has = scheduler.touch_if_here();
        assert!(kept || !has);
        assert_eq!(has, !monitor.join().unwrap());
    });
}
