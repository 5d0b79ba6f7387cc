//! What is known of a lock's holder, in all interleavings: as long as somebody waits, the runtime was told last who has it.

use core::cell::Cell;
use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::AtomicUsize;
use core::task::{Context, Waker};
use std::sync::Arc;

use cede_context::holder::{Holder, Holders, install};
use cede_context::wait::WaitKind;
use loom::thread;

use super::{Keeps, Permits, Take};

loom::thread_local! {
    /// The task that the thread runs.
    static TASK: Cell<u64> = Cell::new(0);
}

std::thread_local! {
    /// What the runtime was told last: zero if nobody waits. Each time under the lock of the permits, and all threads of a model are one for the system.
    static TOLD: Cell<u64> = const { Cell::new(0) };
}

static NOBODY: AtomicUsize = AtomicUsize::new(0);
static HOLDERS: Holders = Holders {
    current: || TASK.with(Cell::get),
    note: |_, holder: Holder| TOLD.set(holder.task),
    followers: &NOBODY,
    idle: |_| TOLD.set(0),
    waits: |_, _| (),
    end: |_, _| (),
    gone: |_| (),
    looked_at: &NOBODY,
    looks: || (),
};

fn model(check: impl Fn() + Send + Sync + 'static) {
    install(&HOLDERS);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        TOLD.set(0);
        check();
    });
}

fn run_as<R>(task: u64, act: impl FnOnce() -> R) -> R {
    TASK.with(|current| current.set(task));
    act()
}

fn has(take: Pin<&mut Take<'_>>) -> bool {
    take.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn loom_whoever_takes_a_lock_beside_one_that_waits_for_it_is_known() {
    model(|| {
        let permits = Arc::new(Permits::of_lock(1));
        let shared = permits.clone();
        let taker = thread::spawn(move || run_as(1, || shared.try_take(1).map(|()| shared.hold(Keeps::Alone)).is_ok()));
        let mut take = pin!(permits.take_to_keep(1, WaitKind::Mutex, Keeps::Alone));
        let waits = run_as(2, || !has(take.as_mut()));
        assert!(taker.join().unwrap() == waits, "one of them has it");
        assert_eq!(TOLD.get(), u64::from(waits), "whoever waits does so for the first");
    });
}

#[test]
fn loom_who_has_got_a_lock_is_known_to_the_next_that_waits() {
    model(|| {
        let permits = Arc::new(Permits::of_lock(1));
        run_as(1, || permits.try_take(1).map(|()| permits.hold(Keeps::Alone)).unwrap());
        let shared = permits.clone();
        let giver = thread::spawn(move || run_as(1, || shared.give(1)));
        let shared = permits.clone();
        let second = thread::spawn(move || {
            let mut take = pin!(shared.take_to_keep(1, WaitKind::Mutex, Keeps::Alone));
            // Twice, so that it may be handed over in between. If it does not have it then, it leaves the queue, and what comes too late goes back.
            run_as(2, || has(take.as_mut()) || has(take.as_mut()))
        });
        giver.join().unwrap();
        let second_has_it = second.join().unwrap();
        let mut take = pin!(permits.take_to_keep(1, WaitKind::Mutex, Keeps::Alone));
        assert!(run_as(3, || has(take.as_mut())) != second_has_it, "one of them has it");
        assert_eq!(TOLD.get(), if second_has_it { 2 } else { 0 });
    });
}
