//! Tasks that stay on their thread.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use cede::runtime::{Builder, Runtime};
use cede::sim::Sim;
use cede::sync::{mpsc, oneshot};
use cede::task::{LocalSet, spawn_local, yield_now};

fn one_thread() -> Runtime {
    Builder::new_current_thread().start_paused(true).enable_all().build().unwrap()
}

fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a body in a set on both kinds of runtime.
fn everywhere<F: Future<Output = ()>>(body: impl Fn() -> F) {
    LocalSet::new().block_on(&one_thread(), body());
    LocalSet::new().block_on(&two_workers(), body());
}

#[test]
fn tasks_share_what_is_not_send_and_stay_here() {
    everywhere(|| async {
        let here = thread::current().id();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                let seen = seen.clone();
                spawn_local(async move {
                    yield_now().await;
                    seen.borrow_mut().push(i);
                    spawn_local(async move { assert_eq!(thread::current().id(), here) }).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*seen.borrow(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn wakes_and_aborts_come_from_other_threads() {
    everywhere(|| async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let foreign = thread::spawn(move || (0..1000).for_each(|i| sender.send(i).unwrap()));
        let sum = spawn_local(async move {
            let mut sum = 0;
            while let Some(number) = receiver.recv().await {
                sum += number;
            }
            sum
        });
        assert_eq!(sum.await.unwrap(), 499_500);
        foreign.join().unwrap();
        let stuck = spawn_local(pending::<()>());
        let abort = stuck.abort_handle();
        thread::spawn(move || abort.abort());
        assert!(stuck.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn awaiting_the_set_ends_with_its_last_task() {
    let ran = Rc::new(Cell::new(0));
    let set = LocalSet::new();
    let counted = ran.clone();
    set.spawn_local(async move {
        cede::time::sleep(Duration::from_millis(5)).await;
        spawn_local(async move { counted.set(counted.get() + 1) });
    });
    one_thread().block_on(set);
    assert_eq!(ran.get(), 1);
}

#[test]
fn dropping_the_set_drops_its_futures_here_and_cancels_the_rest() {
    struct SpawnsInDrop(Rc<Cell<u32>>);
    impl Drop for SpawnsInDrop {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            let refused = spawn_local(async {});
            assert!(refused.is_finished());
        }
    }
    let drops = Rc::new(Cell::new(0));
    let set = LocalSet::new();
    let value = SpawnsInDrop(drops.clone());
    let mut task = set.spawn_local(async move {
        let _value = value;
        pending::<()>().await;
    });
    let runtime = one_thread();
    set.block_on(&runtime, yield_now());
    assert_eq!(drops.get(), 0);
    drop(set);
    assert_eq!(drops.get(), 1);
    assert!(runtime.block_on(&mut task).unwrap_err().is_cancelled());
}

#[test]
fn a_waker_may_outlive_its_set_on_another_thread() {
    let set = LocalSet::new();
    let (give, got) = std::sync::mpsc::channel();
    set.spawn_local(poll_fn(move |cx| {
        give.send(cx.waker().clone()).unwrap();
        Poll::<()>::Pending
    }));
    set.block_on(&two_workers(), yield_now());
    let waker = got.recv().unwrap();
    drop(set);
    thread::spawn(move || waker.wake()).join().unwrap();
}

#[test]
fn several_tasks_may_drive_one_set() {
    let runtime = one_thread();
    let set = Rc::new(LocalSet::new());
    let outer = LocalSet::new();
    outer.block_on(&runtime, async {
        let (sender, receiver) = oneshot::channel();
        let waits = spawn_local({
            let set = set.clone();
            async move { set.run_until(receiver).await.unwrap() }
        });
        yield_now().await;
        let sends = set.run_until(async {
            spawn_local(async move { sender.send(7).unwrap() });
        });
        sends.await;
        assert_eq!(waits.await.unwrap(), 7, "the task outlives the future that spawned it, and whoever still drives the set runs it");
    });
}

#[test]
fn a_panic_is_the_handles_error_or_the_sets_end() {
    everywhere(|| async {
        assert!(spawn_local(async { panic!("as planned") }).await.unwrap_err().is_panic());
    });
    let mut set = LocalSet::new();
    set.unhandled_panic(cede::runtime::UnhandledPanic::ShutdownRuntime);
    set.spawn_local(async { panic!("as planned") });
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| set.block_on(&one_thread(), pending::<()>())));
    assert!(ended.unwrap_err().downcast_ref::<&str>().unwrap().contains("LocalSet"));
}

#[test]
#[should_panic(expected = "`spawn_local` called from outside of a `task::LocalSet`")]
fn outside_of_a_set_there_is_no_spawn_local() {
    two_workers().block_on(async { drop(spawn_local(async {})) });
}

#[test]
fn sets_run_in_simulations() {
    for seed in 0..100 {
        let report = Sim::new(seed).run(async {
            let task = cede::task::spawn_blocking(|| {
                let count = Arc::new(AtomicUsize::new(0));
                let set = LocalSet::new();
                for _ in 0..3 {
                    let count = count.clone();
                    set.spawn_local(async move { count.fetch_add(1, Ordering::SeqCst) });
                }
                cede::runtime::Handle::current().block_on(set);
                count.load(Ordering::SeqCst)
            });
            task.await.unwrap()
        });
        assert_eq!(report.unwrap().output, 3);
    }
}
