//! Chains of a million: what owns what owns what, dropped on a small stack.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cede::runtime::Runtime;
use cede::sync::mpsc;
use cede::task::{JoinHandle, JoinSet, LocalSet, yield_now};

use crate::{one_thread, two_workers};

const LENGTH: usize = 1_000_000;
/// Of local sets, each of which has memory of its own for its tasks.
const SETS: usize = 10_000;

/// Something of which the drops are counted.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs this on a thread with little stack, and asserts that it drops all that is counted.
fn all_are_dropped(body: impl FnOnce(&dyn Fn() -> Counted) + Send + 'static) {
    so_many_are_dropped(LENGTH, body);
}

fn so_many_are_dropped(length: usize, body: impl FnOnce(&dyn Fn() -> Counted) + Send + 'static) {
    let small = thread::Builder::new().stack_size(2 << 20);
    let drops = Arc::new(AtomicUsize::new(0));
    let count = drops.clone();
    small.spawn(move || body(&|| Counted(count.clone()))).unwrap().join().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), length);
}

/// The output of a task or a closure: the handle of the next one.
struct Link {
    /// Only dropped.
    _next: Option<JoinHandle<Link>>,
    _counted: Counted,
}

#[test]
fn outputs_that_own_the_handle_of_a_task() {
    all_are_dropped(|counted| {
        let mut last: Option<JoinHandle<Link>> = None;
        one_thread().block_on(async {
            for number in 0..LENGTH {
                let link = Link { _next: last.take(), _counted: counted() };
                last = Some(cede::spawn(async move { link }));
                if number % 1000 == 0 {
                    yield_now().await;
                }
            }
            while !last.as_ref().is_some_and(JoinHandle::is_finished) {
                yield_now().await;
            }
        });
        drop(last);
    });
}

#[test]
fn outputs_that_own_the_handle_of_a_closure() {
    all_are_dropped(|counted| {
        let runtime = one_thread();
        let mut last: Option<JoinHandle<Link>> = None;
        for _ in 0..LENGTH {
            let link = Link { _next: last.take(), _counted: counted() };
            last = Some(runtime.spawn_blocking(move || link));
        }
        runtime.block_on(async {
            while !last.as_ref().is_some_and(JoinHandle::is_finished) {
                yield_now().await;
            }
        });
        drop(last);
    });
}

/// Each waits for the one before it, so the first to end would end all, one after the other.
fn tasks_that_wait_for_each_other(runtime: &Runtime, counted: &dyn Fn() -> Counted) -> (JoinHandle<()>, JoinHandle<()>) {
    let first = runtime.spawn(pending::<()>());
    let abort = first.abort_handle();
    let mut last = first;
    for _ in 0..LENGTH {
        let (before, counted) = (last, counted());
        last = runtime.spawn(async move {
            let _counted = counted;
            drop(before.await);
        });
    }
    let aborts = runtime.spawn(async move { abort.abort() });
    (last, aborts)
}

#[test]
fn tasks_that_wait_for_each_other_end_one_after_the_other() {
    for make in [one_thread, two_workers] {
        all_are_dropped(move |counted| {
            let runtime = make();
            let (last, _aborts) = tasks_that_wait_for_each_other(&runtime, counted);
            runtime.block_on(last).unwrap();
            drop(runtime);
        });
    }
}

#[test]
fn tasks_that_wait_for_each_other_end_with_their_runtime() {
    all_are_dropped(|counted| {
        let runtime = one_thread();
        let (last, aborts) = tasks_that_wait_for_each_other(&runtime, counted);
        aborts.abort();
        runtime.block_on(yield_now());
        drop(runtime);
        drop(last);
    });
}

#[test]
fn sets_in_tasks_of_sets() {
    all_are_dropped(|counted| {
        one_thread().block_on(async {
            let mut last = JoinSet::<()>::new();
            for number in 0..LENGTH {
                let (inner, counted) = (std::mem::take(&mut last), counted());
                last.spawn(async move {
                    let _held = (inner, counted);
                    pending::<()>().await;
                });
                if number % 1000 == 0 {
                    yield_now().await;
                }
            }
            last.shutdown().await;
            // Each is dropped by the one around it.
            while cede::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
                yield_now().await;
            }
        });
    });
}

#[test]
fn local_sets_in_tasks_of_local_sets() {
    so_many_are_dropped(SETS, |counted| {
        let mut last = LocalSet::new();
        for _ in 0..SETS {
            let (inner, counted) = (std::mem::take(&mut last), counted());
            last.spawn_local(async move {
                let _held = (inner, counted);
                pending::<()>().await;
            });
        }
        drop(last);
    });
}

#[test]
fn local_sets_in_outputs_of_tasks_of_local_sets() {
    so_many_are_dropped(SETS, |counted| {
        let runtime = one_thread();
        let mut last = LocalSet::new();
        // All outputs are of one set, so that there is memory for them.
        let outputs = LocalSet::new();
        for _ in 0..SETS {
            let (inner, counted) = (std::mem::take(&mut last), counted());
            let output = outputs.spawn_local(async move { (inner, counted) });
            outputs.block_on(&runtime, async {
                while !output.is_finished() {
                    yield_now().await;
                }
            });
            last.spawn_local(async move {
                let _held = output;
                pending::<()>().await;
            });
        }
        drop(last);
    });
}

/// A set that is dropped where drops are nested deep ends all the same before the outermost drop returns, with the rest of its chain.
#[test]
fn a_local_set_deep_in_a_chain_has_ended_when_the_chain_is_dropped() {
    let ended = Arc::new(AtomicUsize::new(0));
    let mut last = LocalSet::new();
    for _ in 0..100 {
        let (inner, counted) = (std::mem::take(&mut last), Counted(ended.clone()));
        last.spawn_local(async move {
            let _held = (inner, counted);
            pending::<()>().await;
        });
    }
    drop(last);
    assert_eq!(ended.load(Ordering::Relaxed), 100);
}

#[test]
fn messages_that_nobody_receives() {
    all_are_dropped(|counted| {
        let (sender, receiver) = mpsc::unbounded_channel();
        for _ in 0..LENGTH {
            assert!(sender.send(counted()).is_ok());
        }
        drop(receiver);
    });
}
